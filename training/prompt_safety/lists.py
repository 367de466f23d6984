"""Harmless short prompts from lists: names of some seventy locales, places, professions, random words.

Duty: rows by the ten thousand that say "a rare name is no evidence of anything". Names come from Faker (MIT),
words from symspellpy's frequency list (MIT), less what the project's own word list knows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, Final

from classifiers.text.wordlist import WordlistClassifier
from training.prompt_safety.rows import Row, none_of

SOURCE: Final = "lists"

_DOING: Final = tuple(
    """waving|running|laughing|reading|dancing|cooking|sleeping|smiling|sitting on a bench|riding a bicycle|
    playing chess|in the rain|at the beach|with a cat|with an umbrella|drinking tea|painting a fence|singing|
    at a bus stop|in a library|in winter clothes|walking a dog|planting tomatoes|fixing a bicycle|as a chef|
    as an astronaut|as a knight|giving a speech|taking a photo|debating|juggling|surfing|skiing|fishing|
    eating noodles|baking bread|playing the violin|looking out of a window|in a museum|on a train|on stage|
    jumping|yawning|shouting with joy|crying with laughter|climbing a hill|rowing|swimming|shooting hoops|
    at a wedding|at a market|in a garden|watching birds|carrying a box|holding a lantern|portrait|from behind|
    as a cartoon|as a statue|logo|in watercolour|in pixel art|close-up|in profile|by candlelight""".replace(
        "\n", ""
    )
    .replace("    ", "")
    .split("|")
)
_PLACE_FRAMES: Final = (
    "{city}", "{city} at night", "old postcard of {city}", "street in {city}", "{city} skyline",
    "a café in {city}",
    "map of {city}", "{city} railway station", "rainy evening, {city}", "welcome to {city} sign",
    "{country}", "village in {country}", "{city}, {country}", "market in {city}",
    "travel poster for {country}",
)  # fmt: skip
_WORK_FRAMES: Final = (
    "{job}", "a {job} at work", "portrait of a {job}", "{job} having lunch", "{name}, {job}",
    "two {job}s talking",
    "business card of {name}, {job}", "{company} logo", "office of {company}", "door sign: {name}",
)  # fmt: skip
_NAME_FRAMES: Final = (
    "{first} {doing}", "{name} {doing}", "{first} and {first2}", "{first} and {first2} {doing}", "{first}",
    "{name}",
    "{last}", "{first} {doing}, {city}", "{doing}: {first}", "birthday card for {first}", "{first} the cat",
    "my friend {first} {doing}", "a portrait of {name}", "{last} family crest", "sketch of {first} {doing}",
)  # fmt: skip
_WORD_FRAMES: Final = (
    "{word}", "{word} {word2}", "{word} {word2} {word3}", "a {word}", "the {word} {word2}",
    "{word} and {word2}",
    "{word} in a {word2}", "{first} {word}", "{word} of {word2}", "{word} {word2}, {doing}",
)  # fmt: skip


def listed_rows(count: int, seed: int) -> Iterator[Row]:
    """`count` short texts, all heads no."""
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    chance = random.Random(seed)
    locales = [locale for locale in sorted(AVAILABLE_LOCALES) if locale not in {"la", "ar"}]
    fakers: dict[str, Any] = {}
    words = _words()
    for _ in range(count):
        locale = chance.choice(locales)
        if locale not in fakers:
            fakers[locale] = Faker(locale)
            fakers[locale].seed_instance(seed)
        frame = chance.choice(
            chance.choice((_NAME_FRAMES, _NAME_FRAMES, _PLACE_FRAMES, _WORK_FRAMES, _WORD_FRAMES))
        )
        text = _filled(frame, fakers[locale], words, chance)
        if chance.random() < 0.25:
            text = text.lower()
        if chance.random() < 0.08:
            text = typo(text, chance)
        yield Row(text, SOURCE, "T", none_of(), language=locale.partition("_")[0])


def typo(text: str, chance: random.Random) -> str:
    """One letter swapped, dropped or doubled."""
    if len(text) < 5:
        return text
    at = chance.randrange(1, len(text) - 2)
    return chance.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        )
    )


def _filled(frame: str, faker: Any, words: Sequence[str], chance: random.Random) -> str:
    def one(slot: re.Match[str]) -> str:
        kind = slot[1].rstrip("23")
        if kind == "word":
            return chance.choice(words)
        if kind == "doing":
            return chance.choice(_DOING)
        method = {"first": "first_name", "last": "last_name", "name": "name"}.get(kind, kind)
        return str(getattr(faker, method)())

    try:
        return re.sub(r"\{(\w+)\}", one, frame)
    except (AttributeError, KeyError, IndexError):  # a locale without that provider
        return f"{faker.first_name()} {chance.choice(_DOING)}"


def _words() -> list[str]:
    """Words of middling frequency that no list knows; the list is a package's."""
    path = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt")
    ranked = [line.split()[0] for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    some = [word for word in ranked[300:30_000] if len(word) > 2]
    listed = WordlistClassifier.from_options("words", {})
    bad = re.compile(
        r"sex|porn|nud|rape|fuck|shit|slut|whore|penis|vagin|erotic|fetish|nigg|fag|kill|murder|bomb|suicid|hitler|nazi|"
        r"hentai|orgas|masturb|genital|incest|terroris|cunt|dick|cock|tits|boob|anal|cum|milf|xxx|escort|naked|genocid"
    )
    return [
        word
        for word, signals in zip(some, listed.classify(some), strict=True)
        if not signals and not bad.search(word)
    ]
