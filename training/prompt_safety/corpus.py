"""All rows on both sides of the split, how often each source is drawn, and a log of it all.

Duty: put sets and templates together. Validation is drawn by hash before anything else is done to a text.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.prompt_safety.grammar import Grammar
from training.prompt_safety.rows import (
    HEADS,
    Counts,
    Row,
    held_out,
    is_validation,
    kept,
    may_be_sexual,
    names_a_minor,
)
from training.prompt_safety.sets import read_all, word_slots
from training.prompt_safety.taught import MIXED, Untouched, mixed, taught
from training.prompt_safety.teacher import HEADS as TAUGHT
from training.prompt_safety.teacher import Teacher

VALIDATION: Final[Mapping[str, float]] = {"jigsaw": 0.15, "coco": 0.1, "t2i_compbench": 0.1}
"""Share of each set kept out; of every other set, `OTHERWISE`."""
OTHERWISE: Final = 0.06
MIXED_POSTS: Final = 42_000
"""New posts for the teacher to judge; each seed makes its own."""

PASSES: Final[Mapping[str, float]] = {
    "jigsaw": 2.6,
    MIXED: 1.0,
    "toxic_spans": 0.55,
    "measuring_hate_speech": 0.8,
    "davidson": 0.3,
    "paradetox": 0.25,
    "nibbler": 6.0,
    "nibbler_plain": 3.0,
    "ailuminate": 5.0,
    "strongreject": 5.0,
    "advbench": 2.0,
    "harmbench": 4.0,
    "coco": 1.2,
    "t2i_compbench": 1.2,
    "animal_prompts": 2.0,
    "ring_a_bell": 6.0,
    "template_chat_harm": 2.0,
    "template_chat_benign": 2.0,
    "template_post_harm": 2.5,
    "template_post_benign": 2.5,
    "template_image_harm": 1.0,
    "template_image_benign": 1.2,
    "template_story_harm": 1.0,
    "template_story_benign": 1.0,
}
"""How often a row of a source is drawn in one round, so that the large sets do not drown the small ones."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training and validation rows, and the templates' grammar of the training side."""

    training: Sequence[Row]
    validation: Sequence[Row]
    grammar: Grammar

    def draws(self, count: int, seed: int) -> Iterator[Row]:
        """`count` rows by the sources' shares, reshuffled each round; some padded or disguised."""
        chance = random.Random(seed)
        by_source: dict[str, list[Row]] = {}
        for row in self.training:
            by_source.setdefault(row.source, []).append(row)
        made = 0
        while True:
            pool: list[Row] = []
            for source, rows in by_source.items():
                passes = PASSES[source]
                pool += rows * int(passes) + chance.sample(rows, int(len(rows) * (passes % 1)))
            chance.shuffle(pool)
            for row in pool:
                if made == count:
                    return
                made += 1
                yield self._varied(row, chance)

    def _varied(self, row: Row, chance: random.Random) -> Row:
        draw, text = chance.random(), row.text
        if draw < 0.12 and len(text) < 400:
            text = self.grammar.padded(text)
            if may_be_sexual(row) and names_a_minor(text):
                return row
        elif draw < 0.15:
            text = _disguised(text, chance)
        elif draw < 0.20:
            text = text.lower()
        elif draw < 0.215:
            text = text.upper()
        return Row(text, row.source, row.kind, row.targets, row.weight)


def corpus(data: Path, prompts: Path, seed: int, teacher: Teacher | None = None) -> Corpus:
    """Read everything; prints what was read, dropped and masked. A teacher adds targets and new posts."""
    counts, hashes, words = Counts(), held_out(data, prompts), word_slots(data)
    sets = kept(read_all(data, seed), hashes, counts)
    training_side = Grammar(validation=False, words=words, seed=seed)
    validation_side = Grammar(validation=True, words=words, seed=seed)
    templates = kept(training_side.rows(each=45, stories=60), hashes, counts)
    later = kept(validation_side.rows(each=10, stories=25), hashes, counts)
    share = {row.source: VALIDATION.get(row.source, OTHERWISE) for row in sets}
    validation = [row for row in sets if is_validation(row.text, share[row.source])]
    training = [row for row in sets if not is_validation(row.text, share[row.source])]
    if teacher is not None:
        untouched = Untouched([row.text for row in validation])
        training, told = taught(training, TAUGHT, teacher.probabilities, untouched)
        new = mixed(training, MIXED_POSTS, TAUGHT, teacher.probabilities, untouched, seed)
        training += kept(new, hashes, counts)
        print(f"teacher: a word on {told} posts; {len(new)} new ones")
    whole = Corpus([*training, *templates], [*validation, *later], training_side)
    _tell(whole, counts, hashes)
    return whole


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


def _tell(whole: Corpus, counts: Counts, hashes: Mapping[str, frozenset[str]]) -> None:
    for name, known in hashes.items():
        print(f"held out: {len(known)} hashes of {name}")
    kept_for = Counter(row.source for row in whole.training)
    set_apart = Counter(row.source for row in whole.validation)
    print(f"{'source':28}{'read':>8}{'train':>8}{'valid':>8}  dropped")
    for source in counts.read:
        dropped = counts.dropped.get(source, {})
        told = ", ".join(f"{reason} {number}" for reason, number in sorted(dropped.items())) or "-"
        print(f"{source:28}{counts.read[source]:8}{kept_for[source]:8}{set_apart[source]:8}  {told}")
    print(f"{'head':28}{'known':>8}{'masked':>8}{'>= .5':>8}   (training rows)")
    for head in HEADS:
        known = sum(head in row.targets for row in whole.training)
        positive = sum(row.targets.get(head, 0.0) >= 0.5 for row in whole.training)
        print(f"{head:28}{known:8}{len(whole.training) - known:8}{positive:8}")
    print(flush=True)
