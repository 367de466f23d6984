"""Rows out of public data sets, read from a folder at training time; none of their text stands here.

Duty: COCO captions and T2I-CompBench prompts as harmless scenes (also with an offence put into them),
ParaDetox pairs, and coarse words of a word list as things to leave out.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from training.rewriter.offence import Offence
from training.rewriter.offences import OFFENCES
from training.rewriter.rows import HELD_OFFENCES, Builder, Row, joined

MINORS: Final = re.compile(
    r"\b(?:child\w*|kid\w*|bab(?:y|ies)|toddler\w*|infant\w*|boy\w*|girl\w*|teen\w*|minor\w*|school\w*|student\w*|"
    r"young\w*|little|son|sons|daughter\w*|pupil\w*|kindergart\w*|adolescen\w*|juvenile\w*|youth\w*|preteen\w*|"
    r"cub|loli\w*|shota\w*|pedo\w*|paedo\w*|underage\w*|virgin\w*|jail\s?bait|1\d|\d\s?(?:yo|year))\b",
    re.IGNORECASE,
)
"""Rows with such a cue get no offence from a list or of a sexual kind, and no ParaDetox row has one."""

_PERSON: Final = re.compile(
    r"\b(man|woman|person|lady|guy|men|women|people|player|skier|surfer|rider|chef|skateboarder|snowboarder|"
    r"officer|couple|pitcher|batter|tennis player|baseball player|motorcyclist|cyclist)\b",
    re.IGNORECASE,
)
_WHOLE: Final = re.compile(r"^(a|an|the|two|three|four|some|several)\s+(\w+)", re.IGNORECASE)
_PLAIN: Final = re.compile(r"^[A-Za-z0-9 ,.'!?-]+$")
_ADJECTIVAL: Final = (
    "covered",
    "with ",
    "in ",
    "wearing",
    "topless",
    "drenched",
    "completely",
    "without",
    "dressed",
)


def coco_captions(data: Path) -> list[str]:
    """Captions of one plain line each, without cues of minors."""
    with (data / "coco_10k" / "coco_10k.csv").open(newline="") as file:
        captions = [" ".join(row["prompt"].split()).rstrip(". ") for row in csv.DictReader(file)]
    return [
        text for text in captions if _PLAIN.match(text) and 12 < len(text) < 110 and not MINORS.search(text)
    ]


def compbench_prompts(data: Path) -> list[str]:
    """Prompts about colours, counts and places of things."""
    with (data / "t2i_compbench" / "t2i_compbench_train.csv").open(newline="") as file:
        prompts = [" ".join(row["prompt"].split()).rstrip(". ") for row in csv.DictReader(file)]
    return [
        text for text in prompts if _PLAIN.match(text) and 8 < len(text) < 110 and not MINORS.search(text)
    ]


def coarse_words(data: Path) -> list[tuple[str, str]]:
    """(category, word) of one or two words from the word list; none of the sexual kind."""
    path = data / "wordlists" / "surge_profanity" / "profanity_en.csv"
    with path.open(newline="") as file:
        rows = [(row["category_1"], row["text"].strip().lower()) for row in csv.DictReader(file)]
    kinds = {
        "racial / ethnic slurs": "hate",
        "sexual orientation / gender": "hate",
        "religious offense": "hate",
    }
    return [
        (kinds.get(kind, "harassment" if "insult" in kind else "profanity"), word)
        for kind, word in rows
        if not kind.startswith("sexual anatomy")
        and re.fullmatch(r"[a-z@$*!0-9]{3,14}( [a-z]{2,10})?", word)
        and not MINORS.search(word)
    ]


def paradetox(data: Path, rng: random.Random, count: int, coarse: frozenset[str]) -> Iterator[Row]:
    """Pairs of short sentences whose neutral side is neutral by the word list too."""
    with (data / "paradetox" / "pairs.tsv").open(newline="") as file:
        pairs = [
            (row["toxic"], rng.choice([row[key] for key in ("neutral1", "neutral2", "neutral3") if row[key]]))
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["neutral1"]
        ]
    rng.shuffle(pairs)
    given = 0
    for toxic, neutral in pairs:
        toxic, neutral = " ".join(toxic.split()), " ".join(neutral.split())  # noqa: PLW2901
        words = neutral.lower().split()
        if not 4 <= len(toxic.split()) <= 18 or not 3 <= len(words) <= 18 or not _PLAIN.match(neutral):
            continue
        if MINORS.search(toxic) or MINORS.search(neutral) or not coarse.isdisjoint(words):
            continue
        kept = set(words)
        found = tuple(
            word for word in dict.fromkeys(toxic.lower().split()) if word in coarse and word not in kept
        )
        category = rng.choice(("profanity", "harassment", "profanity"))
        yield Row("paradetox", toxic, tidied(neutral), (category,), found if rng.random() < 0.6 else ())
        given += 1
        if given == count:
            return


def tidied(text: str) -> str:
    """Sentences with their punctuation where it belongs."""
    return re.sub(r"\s+([,.!?])", r"\1", text).strip(" ,.")


class Corrupted:
    """Puts offences into captions: the caption itself, or a mended one, is the answer."""

    def __init__(self, builder: Builder, captions: list[str], coarse: list[tuple[str, str]]) -> None:
        self._builder, self._captions, self._coarse = builder, captions, coarse
        offences = [
            o for o in OFFENCES if (o in HELD_OFFENCES) == builder.slots.held_out and o.who != "group"
        ]
        self._adjectives = [o for o in offences if o.form == "adjective"]
        self._tails = [o for o in offences if o.form == "tail"]
        self._names = [o for o in offences if o.form == "name"]
        self._inserts = [
            o for o in offences if o.form == "act" and "{o}" not in o.bad and o.bad.startswith(_ADJECTIVAL)
        ]

    def row(self) -> Row:
        """One caption with an offence."""
        rng = self._builder.rng
        while True:
            caption = rng.choice(self._captions)
            made = self._corrupt(rng, caption)
            if made is not None:
                bad, good, category, found = made
                return self._builder.finished(Row(f"coco/{category}", bad, good, (category,), (found,)))

    def word_row(self) -> Row:
        """One caption with a coarse word of the list before a noun; the caption is the answer."""
        rng = self._builder.rng
        while True:
            caption = rng.choice(self._captions)
            spots = [
                m.end()
                for m in re.finditer(r"\b(?:a|the|two|three|of|some)\s+(?=\w)", caption, re.IGNORECASE)
            ]
            if not spots:
                continue
            category, word = rng.choice(self._coarse)
            at = rng.choice(spots)
            row = Row("wordlist", f"{caption[:at]}{word} {caption[at:]}", caption, (category,), (word,))
            return replace(self._builder.finished(row), kind="wordlist")

    def _corrupt(self, rng: random.Random, caption: str) -> tuple[str, str, str, str] | None:
        form = rng.choices(("adjective", "tail", "name", "insert"), (35, 35, 12, 18))[0]
        person = _PERSON.search(caption)
        if form == "tail":
            offence = rng.choice(self._tails)
            if offence.who == "person" and not person:
                return None
            mark = rng.choice(
                (", ", ", ", " with " if offence.bad.split()[0] not in ("with", "as") else ", ")
            )
            mark = mark if mark == ", " or offence.category.startswith("violence/") else ", "
            return (
                caption + mark + offence.bad,
                joined(caption, ",", offence.good),
                offence.category,
                offence.bad,
            )
        if form == "adjective":
            offence = rng.choice(self._adjectives)
            if offence.who == "person":
                return _before(caption, person, offence)
            return _after_article(caption, offence)
        if person is None:
            return None
        if form == "name":
            offence = rng.choice(self._names)
            if person.group(1).lower() not in ("man", "woman", "person", "guy", "lady"):
                return None
            start, end = person.span()
            bad = caption[:start] + offence.bad + caption[end:]
            return bad, caption[:start] + offence.good + caption[end:], offence.category, offence.bad
        offence = rng.choice(self._inserts)
        at = person.end()
        bad = f"{caption[:at]} {offence.bad}{caption[at:]}"
        return (
            bad,
            f"{caption[:at]} {offence.good.partition(', ')[0]}{caption[at:]}",
            offence.category,
            offence.bad,
        )


def _before(caption: str, person: re.Match[str] | None, offence: Offence) -> tuple[str, str, str, str] | None:
    if person is None:
        return None
    at = person.start()
    bad = f"{caption[:at]}{offence.bad} {caption[at:]}"
    return bad, joined(caption[:at], offence.good, caption[at:]), offence.category, offence.bad


def _after_article(caption: str, offence: Offence) -> tuple[str, str, str, str] | None:
    found = _WHOLE.match(caption)
    if found is None:
        return None
    lead, rest = found.group(1), caption[found.start(2) :]
    if lead.lower() in ("a", "an"):
        first, capital = (offence.good or rest), lead[0].isupper()
        lead = "An" if first[0].lower() in "aeiou" else "A"
        bad_lead = "An" if offence.bad[0] in "aeiou" else "A"
        lead, bad_lead = (lead, bad_lead) if capital else (lead.lower(), bad_lead.lower())
    else:
        bad_lead = lead
    return (
        f"{bad_lead} {offence.bad} {rest}",
        joined(lead, offence.good, rest),
        offence.category,
        offence.bad,
    )
