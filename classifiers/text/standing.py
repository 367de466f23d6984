"""What a listed term is worth where it stands: in its own language, in doubt, in another one, or in a name.

Duty: a term found in a text → what of its score counts. It knows terms and languages, and no signal.

  * A term of the text's language counts in full, unless the letters are an ordinary word there as well: then
    it is weak evidence, which decides nothing alone. One that is listed for any language counts in full.
  * The language of the passage is in doubt, and the letters are a word of another language too ("slut" is
    Swedish for end): weak evidence.
  * The passage is clearly in another language. Where the letters are an ordinary word there, they say
    nothing. Where they are not known to be, they say nothing inside a clause, and are weak at its edge.
  * Inside a proper name ("Rio Negro", "Fucking, Austria") a word says nothing, a slur is weak evidence.

Words beside a term that speak for its own language outweigh the rest of the clause: so foreign text put
beside a text does not disarm what stands in it.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from enum import Enum
from typing import Final

import numpy as np

from classifiers.languages.identifier import table
from classifiers.languages.passages import Passage, passages
from classifiers.languages.words import Word, Words, words_of
from classifiers.text.terms import SCORES, WEAK, Entry

AROUND: Final = 5
"""So many words before and after a term are looked at for its own language."""
OWN: Final = 2.5
"""They speak for it when it is likelier by so much (log odds) than where the letters mean something else."""
_MOST_LOOKS: Final = 64
"""A text with more doubtful terms than these is no ordinary one: the rest of them count in full."""


_PLACED: Final = frozenset(
    (
        "of",
        "in",
        "at",
        "near",
        "from",
        "de",
        "di",
        "da",
        "do",
        "du",
        "en",
        "bei",
        "aus",
        "nach",
        "van",
        "uit",
        "w",
    )
)
"""Words before the name of a place."""


class Standing(Enum):
    """What of a term counts."""

    FULL = "full"
    WEAK = "weak"
    NONE = "none"


class Place:
    """A text in which terms were found; finds its languages when the first of them needs it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words: Words | None = None
        self._passages: tuple[Passage, ...] = ()
        self._starts: list[int] = []
        self._looks = 0

    def score(self, entry: Entry, start: int, end: int) -> float:
        """Return what the term at `[start, end)` of the text scores; 0 where it does not count."""
        if entry.written and not is_written(entry, self._text[start:end]):
            return 0.0
        standing = self._standing(entry, start, end)
        if standing is Standing.FULL:
            return entry.score
        return min(WEAK, entry.score) if standing is Standing.WEAK else 0.0

    def _standing(self, entry: Entry, start: int, end: int) -> Standing:
        if self._text[start].isupper() and self._is_name(entry, start, end):
            return Standing.WEAK if entry.score >= SCORES[3] else Standing.NONE
        if not entry.language or entry.language not in table().place or self._looks >= _MOST_LOOKS:
            return Standing.FULL
        spoken = self._passage(start).language
        if entry.language in entry.elsewhere:  # an ordinary word in its own language too
            return Standing.NONE if spoken in entry.elsewhere - {entry.language} else Standing.WEAK
        if spoken in _kin(entry.language) or (spoken is None and not entry.elsewhere):
            return Standing.FULL
        self._looks += 1
        return self._in_another(entry, spoken, start, end)

    def _in_another(self, entry: Entry, spoken: str | None, start: int, end: int) -> Standing:
        """What counts where the passage is in another language, or in doubt and the word is shared."""
        first, last = self._word_at(start), self._word_at(end - 1)
        # An English word with accents that it never has is not that word.
        is_own = bool(entry.written) or self._text[start:end].isascii()
        rivals = entry.elsewhere if spoken is None else entry.elsewhere | {spoken}
        if is_own and self._own_words(entry.language, rivals, first, last + 1):
            return Standing.FULL
        if spoken is None:
            return Standing.WEAK
        is_inside = spoken in entry.elsewhere or self._is_inside(first, last)
        return Standing.NONE if is_inside else Standing.WEAK

    def clearly_in(self, languages: frozenset[str], at: int) -> bool:
        """Whether the text is clearly in one of these languages at a character."""
        return bool(languages) and self._passage(at).language in languages

    def _passage(self, at: int) -> Passage:
        if not self._passages:
            self._passages = passages(self._text, frozenset(table().languages))
            self._starts = [passage.start for passage in self._passages]
        return self._passages[bisect_right(self._starts, at) - 1]

    def _read(self) -> Words:
        if self._words is None:
            self._words = words_of(self._text)
        return self._words

    def _word_at(self, at: int) -> int:
        """The place of the word that holds this character, or of the last one before it."""
        words = self._read().words
        return max(0, bisect_right(words, at, key=lambda word: word.start) - 1)

    def _own_words(self, language: str, rivals: frozenset[str], start: int, end: int) -> bool:
        """Whether some words beside words `[start, end)` speak for a language, more than for any rival."""
        words = self._read()
        low, high = start, end
        mine = words.words[start]
        while low > 0 and start - low < AROUND and _beside(words, low - 1, mine):
            low -= 1
        while high < len(words.words) and high - end < AROUND and _beside(words, high, mine):
            high += 1
        if high - low == end - start:
            return False
        before = words.sums[start] - words.sums[low : start + 1]
        after = words.sums[end : high + 1] - words.sums[end]
        around = before[:, None, :] + after[None, :, :]
        others = around[..., table().places(rivals - _kin(language))]
        gain = around[..., table().place[language]] - others.max(axis=-1, initial=-np.inf)
        return bool((gain >= OWN).any())

    def _is_inside(self, first: int, last: int) -> bool:
        """Whether words of the same clause stand on both sides."""
        words = self._read().words
        if first == 0 or last + 1 >= len(words):
            return False
        return words[first - 1].clause == words[first].clause == words[last + 1].clause

    def _is_name(self, entry: Entry, start: int, end: int) -> bool:
        """Whether a single word with a capital stands beside another one that is no more than a name.

        In German every noun has a capital; in a title and a shout every word.
        """
        text = self._text
        if " " in text[start:end] or text[start:end].isupper() or entry.language == "de":
            return False
        words = self._read().words
        at = self._word_at(start)
        if sum(text[word.start].isupper() for word in words) * 2 > max(len(words), 4):
            return False
        if at > 0 and words[at - 1].end + 1 == start:
            before = text[words[at - 1].start : words[at - 1].end]
            if before[0].isupper() or (entry.score < SCORES[3] and before in _PLACED):
                return True
        after = words[at + 1] if at + 1 < len(words) else None
        return after is not None and text[after.start].isupper() and after.start - end <= 2


def is_written(entry: Entry, found: str) -> bool:
    """Whether the letters found are the term's own: with its accents, or, where allowed, with none."""
    if "\u0400" <= entry.written[0] <= "\u052f":
        return True  # ё and й are often written otherwise
    told = unicodedata.normalize("NFC", found).casefold()
    if told.startswith(entry.written) or " ".join(told.replace("-", " ").split()).startswith(entry.written):
        return True
    bare = all(unicodedata.decomposition(char) == "" for char in told)
    return bare and not entry.accents


def _kin(language: str) -> frozenset[str]:
    return table().siblings.get(language, frozenset()) | {language}


def _beside(words: Words, at: int, mine: Word) -> bool:
    return (words.words[at].clause, words.words[at].script) == (mine.clause, mine.script)
