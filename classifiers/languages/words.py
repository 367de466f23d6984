"""A text as words that tell its language, with their places: what `passages` and listed terms are weighed by.

Duty: find words, their script and clause, say which of them tell a language, and sum their evidence. Names
and borrowed phrases tell none: prompts are full of them ("art nouveau poster", "Rio de Janeiro"). It knows no
classifier. Linear in the text.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np

from classifiers.flatten import flattened
from classifiers.languages.identifier import Evidence, evidence, script_of, table

_CACHED_TEXTS: Final = 32
_FEW_WORDS: Final = 3
_CLAUSE_END: Final = re.compile(
    r"[.!?…。！？;:,，、；：()\[\]{}<>«»“”„\"「」『』|/\\\n]|\s[-–—]+\s|\s['‘]|['’]\s"
)
_EAST: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})
_PARTICLES: Final = frozenset(
    re.findall(r"\w+", "de del della di da do dos du des van von der den la le el y e al bin ibn of the")
)


@dataclass(frozen=True, slots=True)
class Word:
    """`[start, end)` in the text; `clause` counts from 0, `script` as `identifier.script_of` names it.

    Chinese characters and kana are one script here, named `CJK`, or `KANA` where the word holds kana.
    """

    start: int
    end: int
    script: str
    clause: int
    is_name: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A text's words in order. Row `i` of `sums` is the evidence of the telling words before word `i`."""

    words: tuple[Word, ...]
    sums: Evidence
    counts: tuple[int, ...]

    def evidence(self, start: int, end: int) -> Evidence:
        """The evidence of words `[start, end)`, one log-likelihood per language."""
        summed: Evidence = self.sums[end] - self.sums[start]
        return summed

    def telling(self, start: int, end: int) -> int:
        """How many of words `[start, end)` tell a language."""
        return self.counts[end] - self.counts[start]


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def words_of(text: str) -> Words:
    """Return a text's words; the classifiers that look at one text share the answer."""
    spans = _spans(text)
    silent = _silent(text, spans)
    sums = np.zeros((len(spans) + 1, len(table().languages)), np.float32)
    counts = [0]
    for at, (start, end, _script, _clause) in enumerate(spans):
        if not silent[at]:
            sums[at + 1] = evidence(text[start:end].lower())
        counts.append(counts[-1] + (not silent[at]))
    np.cumsum(sums, axis=0, out=sums)
    words = tuple(
        Word(start, end, script, clause, silent[at]) for at, (start, end, script, clause) in enumerate(spans)
    )
    return Words(words, sums, tuple(counts))


@functools.cache
def _word() -> re.Pattern[str]:
    """Letters with the marks that belong to them (vowel signs, points), and apostrophes inside."""
    marks = "".join(re.escape(chr(c)) for c in range(0x300, 0x3100) if unicodedata.category(chr(c))[0] == "M")
    letters = rf"(?:[^\W\d_]|[{marks}])+"
    return re.compile(rf"{letters}(?:['’ʼ]{letters})*")


def _spans(text: str) -> list[tuple[int, int, str, int]]:
    """Words with script and clause; a word that changes its script is two."""
    found: list[tuple[int, int, str, int]] = []
    clause = last = 0
    for match in _word().finditer(text):
        if found and _CLAUSE_END.search(text, last, match.start()):
            clause += 1
        last = match.end()
        if match.group().isascii():
            found.append((match.start(), match.end(), "LATIN", clause))
            continue
        found += [(start, end, script, clause) for start, end, script in _by_script(text, *match.span())]
    return found


def _by_script(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    made: list[tuple[int, int, str]] = []
    for at in range(start, end):
        before = made[-1][2] if made else "LATIN"
        script = script_of(text[at]) if text[at].isalpha() else before
        if script in _EAST:
            script = "CJK" if script == "CJK" else "KANA"
        if made and _one_word(made[-1][2], script):
            joined = "KANA" if "KANA" in (made[-1][2], script) else script
            made[-1] = (made[-1][0], at + 1, joined)
        else:
            made.append((at, at + 1, script))
    return made


def _one_word(before: str, script: str) -> bool:
    return before == script or {before, script} == {"CJK", "KANA"}


def _silent(text: str, spans: list[tuple[int, int, str, int]]) -> list[bool]:
    """Which words are names or borrowed.

    A capital inside a clause makes a name (and a noun in German, whose other words are enough); so do two at
    its start. A title or a shout has capitals that tell nothing, unless it is short enough for a name.
    """
    capital = [text[start].isupper() for start, *_ in spans]
    if spans and all(capital):
        return [len(spans) <= _FEW_WORDS] * len(spans)
    names = list(capital)
    for at, (_start, _end, _script, clause) in enumerate(spans):
        first = at == 0 or spans[at - 1][3] != clause
        if first and capital[at] and not (_same_clause(spans, at) and capital[at + 1]):
            names[at] = False
    for at, (start, end, _script, _clause) in enumerate(spans):
        inside = 0 < at < len(spans) - 1 and names[at - 1] and any(names[at + 1 : at + 3])
        if inside and text[start:end].lower() in _PARTICLES:
            names[at] = True
    for at in _borrowed(text, spans):
        names[at] = True
    return names


def _same_clause(spans: list[tuple[int, int, str, int]], at: int) -> bool:
    return at + 1 < len(spans) and spans[at + 1][3] == spans[at][3]


def _borrowed(text: str, spans: list[tuple[int, int, str, int]]) -> list[int]:
    """The places of the words of borrowed phrases."""
    flat, _offsets = flattened(text)
    loans = {word for loan in table().borrowed.findall(flat) for word in loan.split()}
    if not loans:
        return []
    return [at for at, (start, end, *_) in enumerate(spans) if flattened(text[start:end])[0] in loans]
