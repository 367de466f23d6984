"""The public sets, read from the data folder, with the label mapping of each.

Duty: file to rows. What a set says nothing about is left out of a row's targets and so masked; graded or
weak labels are targets below 1. Nothing is copied into the project; sources are listed in README.md.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from training.prompt_safety.reading import csv_rows
from training.prompt_safety.rows import DETOXIFY, HEADS, MODERATION, Row, names_a_minor, none_of

_JIGSAW: Final = {
    "toxic": "toxicity",
    "severe_toxic": "severe_toxicity",
    "obscene": "obscene",
    "threat": "threat",
    "insult": "insult",
    "identity_hate": "identity_attack",
}
_AILUMINATE: Final[Mapping[str, Mapping[str, float]]] = {
    "vcr": {"violence": 1, "illicit": 1, "illicit/violent": 0.7},
    "ncr": {"illicit": 1},
    "src": {"sexual": 1, "illicit": 1, "sexual_explicit": 0.5},
    "ssh": {"self-harm": 1},
    "iwp": {"illicit": 1, "illicit/violent": 0.8},
    "hte": {"hate": 1, "identity_attack": 0.5},
    "sxc_prn": {"sexual": 1, "sexual_explicit": 0.5},
    "dfm": {"harassment": 0.5},
}
_STRONGREJECT: Final[Mapping[str, Mapping[str, float]]] = {
    "Hate, harassment and discrimination": {"hate": 1, "harassment": 1},
    "Illegal goods and services": {"illicit": 1},
    "Non-violent crimes": {"illicit": 1},
    "Sexual content": {"sexual": 1},
    "Violence": {"violence": 1},
}
_HARMBENCH: Final[Mapping[str, Mapping[str, float]]] = {
    "chemical_biological": {"illicit": 1, "illicit/violent": 0.7},
    "illegal": {"illicit": 1},
    "cybercrime_intrusion": {"illicit": 1},
    "harassment_bullying": {"harassment": 1},
    "harmful": {"violence": 1, "illicit": 0.5},
}
_NIBBLER: Final[Mapping[str, Mapping[str, float]]] = {
    "sexual": {"sexual": 1, "sexual_explicit": 1},
    "violent": {"violence": 1, "violence/graphic": 0.5},
    "hate": {"hate": 1, "identity_attack": 0.5},
}


def read_all(data: Path, seed: int) -> Iterator[Row]:
    """Every row of every set used."""
    yield from _jigsaw(data)
    yield from _toxic_spans(data)
    yield from _hate_speech(data)
    yield from _davidson(data, seed)
    yield from _paradetox(data)
    yield from _nibbler(data)
    yield from _chat(data)
    yield from _benign_prompts(data)
    yield from _pairs(data)


def _jigsaw(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "jigsaw_subset/jigsaw_train.csv.gz"):
        own = {name: float(row[column]) for column, name in _JIGSAW.items()}
        harsh = max(own["insult"], own["identity_attack"], own["threat"])
        targets = {**own, "hate": own["identity_attack"], "harassment/threatening": own["threat"]}
        # Toxic without insult may still be at a person: only those without toxicity are surely none.
        if harsh or not own["toxicity"]:
            targets["harassment"] = harsh
        if own["threat"]:
            targets["violence"] = 0.7
        yield Row(row["comment_text"], "jigsaw", "P", targets)


def _toxic_spans(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "toxic_spans/toxic_spans_multilabel.csv.gz"):
        part = {
            name: float(row[f"frac_{name}"])
            for name in ("not_toxic", "identity_based_attack", "insult", "profane_obscene", "threat")
        }
        targets = {
            "toxicity": 1 - part["not_toxic"],
            "insult": part["insult"],
            "identity_attack": part["identity_based_attack"],
            "obscene": part["profane_obscene"],
            "threat": part["threat"],
            "harassment": max(part["insult"], part["threat"]),
            "hate": part["identity_based_attack"],
        }
        if part["threat"] > 0:
            targets["violence"] = part["threat"]
        yield Row(row["comment_text"], "toxic_spans", "P", targets, weight=0.6)


def _hate_speech(data: Path) -> Iterator[Row]:
    folder = data / "measuring_hate_speech"
    for name in ("measuring_hate_speech_train.csv.gz", "measuring_hate_speech_dev_500.csv"):
        for row in csv_rows(folder / name):
            label = next(value for key, value in row.items() if key.startswith("label"))
            hate = float(label)
            targets = {"hate": hate, "identity_attack": hate}
            if hate:
                targets["toxicity"] = 1.0
            yield Row(row["text"], "measuring_hate_speech", "P", targets)


def _davidson(data: Path, seed: int) -> Iterator[Row]:
    """A part only, at low weight: its authors warn of a dialect bias."""
    by_class: Mapping[str, Mapping[str, float]] = {
        "0": {"hate": 1, "identity_attack": 1, "toxicity": 1},
        "1": {"hate": 0, "harassment": 0.5, "toxicity": 0.8, "obscene": 0.7, "severe_toxicity": 0},
        "2": {"hate": 0, "harassment": 0, **dict.fromkeys(DETOXIFY, 0.0)},
    }
    rows = list(csv_rows(data / "davidson/labeled_data.csv.gz"))
    random.Random(seed).shuffle(rows)
    taken = {"0": 0, "1": 0, "2": 0}
    for row in rows:
        if taken[row["class"]] < 2000:
            taken[row["class"]] += 1
            yield Row(_without_names(row["tweet"]), "davidson", "P", by_class[row["class"]], weight=0.3)


def _paradetox(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "paradetox/pairs.tsv", "\t"):
        yield Row(row["toxic"], "paradetox", "P", {"toxicity": 1.0}, weight=0.4)
        for name in ("neutral1", "neutral2"):
            if row.get(name):
                targets = dict.fromkeys(("toxicity", "severe_toxicity", "obscene", "insult"), 0.0)
                yield Row(row[name], "paradetox", "P", {**targets, "harassment": 0.0}, weight=0.4)
    for row in csv_rows(data / "paradetox/paradetox_cannot_rewrite.tsv", "\t"):
        toxic = {'{"toxic_content":true}': 1.0, '{"not_toxic":true}': 0.1}.get(row["OUTPUT:reasons"])
        if toxic is not None:
            yield Row(row["INPUT:toxic_comment"], "paradetox", "P", {"toxicity": toxic}, weight=0.3)


def _nibbler(data: Path) -> Iterator[Row]:
    """Judged by the text's votes: where most called the text safe the harm is in the picture alone."""
    for row in csv_rows(data / "adversarial_nibbler/submitted_train.csv"):
        safe, unsafe = int(row["votes_text_safe"] or 0), int(row["votes_text_unsafe"] or 0)
        kinds = [kind for kind in row["submitter_failure_type"].split("|") if kind in _NIBBLER]
        if unsafe > safe and kinds:
            sure = 0.5 + 0.5 * (unsafe - safe) / (unsafe + safe)
            targets = {head: sure * value for kind in kinds for head, value in _NIBBLER[kind].items()}
            yield Row(row["prompt"], "nibbler", "T", targets, weight=1.5)
        elif unsafe <= safe:
            yield Row(row["prompt"], "nibbler", "T", none_of(), weight=0.8)
        plain = row["rewritten_prompt"].strip()
        if kinds and len(plain) > 12 and kinds != ["hate"]:
            targets = {head: 0.85 * value for kind in kinds for head, value in _NIBBLER[kind].items()}
            yield Row(plain, "nibbler_plain", "T", targets, weight=0.7)


def _chat(data: Path) -> Iterator[Row]:
    for file, language in (("en_us", "en"), ("fr_fr", "fr")):
        for row in csv_rows(data / f"ailuminate/{file}.csv"):
            if row["hazard"] in _AILUMINATE:
                text = row["prompt_text"]
                yield Row(text, "ailuminate", "C", _AILUMINATE[row["hazard"]], language=language)
    for row in csv_rows(data / "strongreject/strongreject_dataset.csv"):
        if row["category"] in _STRONGREJECT:
            yield Row(row["forbidden_prompt"], "strongreject", "C", _STRONGREJECT[row["category"]])
    for row in csv_rows(data / "advbench/advbench_behaviors.csv"):
        yield Row(row["Behavior"], "advbench", "C", {"illicit": 1.0}, weight=0.5)
    for row in csv_rows(data / "harmbench/harmbench_behaviors_text_val.csv"):
        if row["SemanticCategory"] in _HARMBENCH:
            yield Row(row["Behavior"], "harmbench", "C", _HARMBENCH[row["SemanticCategory"]])


def _benign_prompts(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "coco_10k/coco_10k.csv"):
        yield Row(row["prompt"], "coco", "T", none_of())
    for row in csv_rows(data / "t2i_compbench/t2i_compbench_train.csv"):
        yield Row(row["prompt"], "t2i_compbench", "T", none_of())
    for line in (data / "sneakyprompt_open/animal_prompt.txt").read_text("utf-8").splitlines():
        if line.strip():
            yield Row(line.strip(), "animal_prompts", "T", none_of())


def _pairs(data: Path) -> Iterator[Row]:
    """Concept pairs; a cut that bleeds is graphic, its unharmed twin is nothing."""
    folder = data / "ring_a_bell"
    for row in csv_rows(folder / "Violence_30.csv"):
        yield Row(row["prompt"], "ring_a_bell", "T", none_of(violence=1.0) | {"violence/graphic": 0.6})
        yield Row(row["prompt1"], "ring_a_bell", "T", none_of())
    for row in csv_rows(folder / "NoNudity_prompt.csv"):
        yield Row(row["prompt"], "ring_a_bell", "T", none_of())
    for row in csv_rows(folder / "Nudity_prompt.csv"):
        text = f"{row['nudity'].strip()} {row['people'].strip()} {row['location'].strip()}"
        yield Row(text, "ring_a_bell", "T", none_of(sexual=1.0, sexual_explicit=1.0, toxicity=0.0))


def word_slots(data: Path) -> dict[str, tuple[str, ...]]:
    """Fillers that are not to be written into the project: explicit words, slurs, swear words, insults."""
    wanted = {
        "sexual anatomy / sexual acts": "explicit",
        "racial / ethnic slurs": "slur",
        "sexual orientation / gender": "slur",
        "other / general insult": "insult_word",
        "mental disability": "insult_word",
    }
    found: dict[str, set[str]] = {"explicit": set(), "slur": set(), "insult_word": set(), "swear": set()}
    for row in csv_rows(data / "wordlists/surge_profanity/profanity_en.csv"):
        slot, word = wanted.get(row["category_1"]), row["text"].strip().lower()
        plain = re.fullmatch(r"[a-z]{3,}(?: [a-z]{2,}){0,2}", word)
        if slot and plain and not names_a_minor(word) and float(row["severity_rating"]) >= 1.4:
            found[slot].add(word)
    for entry in json.loads((data / "wordlists/dsojevic/en.json").read_text("utf-8")):
        if "general" in entry["tags"]:
            words = entry["match"].split("|")
            found["swear"].update(word for word in words if re.fullmatch(r"[a-z]{3,}", word))
    return {slot: tuple(sorted(words)) for slot, words in found.items()}


def _without_names(tweet: str) -> str:
    return re.sub(r"https?://\S+", "", re.sub(r"@\w+", "@user", tweet)).strip()


assert set(MODERATION) | set(DETOXIFY) == set(HEADS)
