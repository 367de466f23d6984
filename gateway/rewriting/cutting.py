"""Cut the words at fault out of a prompt, by rule, and leave a line that still reads.

Duty: text in, text out. It knows no model and no policy; the caller says which words are at fault. The word
lists are English: in other languages the words at fault go all the same, and only the grammar around them is
left as it falls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from classifiers.signals import Span


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


_ARTICLES: Final = frozenset({"a", "an", "the"})
_INTENSIFIERS: Final = _words(
    "very really so too quite totally completely extremely utterly absolutely super most more rather "
    "fully half partly"
)
_CONJUNCTIONS: Final = frozenset({"and", "or", "but", "nor", "&"})
_PREPOSITIONS: Final = _words(
    "in on at of with by from to into onto over under for through across behind beside near against around "
    "after before between among like as without"
)
_PLACES: Final = _words(
    "at by with beside behind near under over across around against through inside outside"
)
_DANGLING: Final = _ARTICLES | _INTENSIFIERS | _CONJUNCTIONS | _PREPOSITIONS | {"his", "her", "their", "its"}
_PLURALS: Final = _words("two three four five six some many several few these those both")
_AUXILIARIES: Final = _words("is are was were has have had who that")
_HOLLOW: Final = _DANGLING | _AUXILIARIES | _words("which this these those there been being")

_SILENT: Final = ("hour", "honest", "honour", "honor", "heir")
_SOUNDS_Y: Final = re.compile(r"u(?:ni(?!n)|s[ae]|tens|topi|kule|fo\b)|eu|one\b|once\b|one-")

_ING_NOUNS: Final = _words(
    "drawing painting building evening morning wedding ceiling clothing string spring king ring"
)

_LAST_WORD: Final = re.compile(r"([\w'’&-]+)$")
_FIRST_WORD: Final = re.compile(r"^([\w'’&-]+)")
_LONG_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana and Han."""

_CLOSING: Final = ",.;:!?)]}»”"
_PAIRS: Final = ("()", "[]", "{}", '""', "''", "“”", "«»", "``")
_EDGE: Final = " ,;:-–—&/|"


def cut(prompt: str, spans: Sequence[Span]) -> str:
    """Return `prompt` as one line without the words that `spans` touch, possibly the empty string.

    A span that touches a word takes the whole word, and every other occurrence of the same text goes too.
    Articles, conjunctions and punctuation that the cut leaves hanging are repaired, and a verb whose doer
    went gets "someone" or "people". `spans` are code points of `prompt`; they may overlap, in any order.
    Without spans the prompt comes back with its white space folded.

    Raises:
        ValueError: a span ends beyond the prompt.
    """
    ranges = _merged(prompt, [_widened(prompt, span) for span in spans])
    ranges = _merged(prompt, ranges + _repeats(prompt, ranges))
    pieces = _around(prompt, ranges)
    text = pieces[0]
    for piece in pieces[1:]:
        text = seam(text, piece)
    text = " ".join(text.split()).strip(_EDGE)
    if ranges and not pieces[0].strip(_EDGE + "aAnNtThHeE") and _first(text) in _PLACES:
        text = text[len(_first(text)) :].lstrip()  # "[cut] beside a cafe": what is left is the place
    if ranges and prompt.lstrip()[:1].isupper():
        text = text[:1].upper() + text[1:]
    return text


def has_subject(text: str) -> bool:
    """True when something is left to draw: a word of three letters or more that is not a mere connective."""
    if _UNSPACED.search(text):
        return True
    return any(word.casefold() not in _HOLLOW for word in _LONG_WORD.findall(text))


def article_for(word: str) -> str:
    """Return "an" before a vowel sound, else "a": "an hour", "a unicorn"."""
    low = word.casefold()
    if low.startswith(_SILENT):
        return "an"
    return "an" if low[:1] in tuple("aeiou") and not _SOUNDS_Y.match(low) else "a"


def _widened(prompt: str, span: Span) -> tuple[int, int]:
    if span.end > len(prompt):
        raise ValueError(f"span [{span.start}, {span.end}) ends beyond a prompt of {len(prompt)} characters")
    start, end = span.start, span.end
    while start > 0 and _binds(prompt[start]) and _binds(prompt[start - 1]):
        start -= 1
    while end < len(prompt) and _binds(prompt[end - 1]) and _binds(prompt[end]):
        end += 1
    return start, end


def _binds(char: str) -> bool:
    """True for characters that make one word with their neighbours."""
    return (char.isalnum() or char in "_'’-") and not _UNSPACED.match(char)


def _merged(prompt: str, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order; those that touch, or that only white space parts, are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and not prompt[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _repeats(prompt: str, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every other place where the cut text stands as words of its own, whatever its case."""
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        words = prompt[start:end].split()
        if not words:
            continue
        phrase = r"\s+".join(re.escape(word) for word in words)
        bounded = phrase if _UNSPACED.search(prompt[start:end]) else rf"(?<!\w){phrase}(?!\w)"
        hits = re.finditer(bounded, prompt, re.IGNORECASE)
        found.extend(_widened(prompt, Span(*hit.span())) for hit in hits)
    return found


def _around(prompt: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
    edges = [0, *(edge for pair in ranges for edge in pair), len(prompt)]
    return [prompt[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2)]


def seam(left: str, right: str) -> str:
    """Join what stands on both sides of a cut, in English: articles, conjunctions and marks are repaired."""
    left, right = _without_empty_pair(left.rstrip(), right.lstrip())
    if _last(left) in _ARTICLES | {""} and _first(right) in _CONJUNCTIONS:
        right = right[len(_first(right)) :].lstrip()  # "a [cut] and happy man"
    loose = _INTENSIFIERS
    if not right or right[0] in _CLOSING or _first(right) in _PREPOSITIONS | _CONJUNCTIONS:
        loose = _DANGLING
    while _last(left) in loose:
        left = left[: -len(_last(left))].rstrip()
    if _last(left) in _ARTICLES and _first(right) in _ARTICLES:
        left = left[: -len(_last(left))].rstrip()  # "a [cut] a fisherman"
    if not left or (right and right[0] in _CLOSING):
        left = left.rstrip(_EDGE)
    if not left or left[-1] in "([{,.;:!?":
        right = right.lstrip(_EDGE if left and left[-1] not in ".!?" else _EDGE + ".!?)")
    return _joined(left, right)


def _joined(left: str, right: str) -> str:
    if not left or not right:
        return left + right
    if right[0] in _CLOSING or left[-1] in "([{" or _UNSPACED.match(left[-1] + right[0]):
        return left + right
    last, first = _last(left), _first(right)
    if last in _ARTICLES | _PLURALS and _acts(right):
        return f"{_with_actor(left, last)} {right}"
    if last in ("a", "an") and first:
        article = article_for(first)
        cased = article.capitalize() if left[-len(last)].isupper() else article
        return f"{left[: -len(last)]}{cased} {right}"
    if first in _ARTICLES and last and last not in _DANGLING:
        return f"{left}, {right}"  # "a man [cut] a dog"
    return f"{left} {right}"


def _acts(right: str) -> bool:
    """True for a verb whose doer was cut: "[cut] driving a bus", but not "[cut] flying dragons"."""
    words = [word.casefold() for word in right.split(maxsplit=2)]
    if not words or words[0] in _AUXILIARIES:
        return bool(words)
    verb = words[0].endswith("ing") and words[0] not in _ING_NOUNS
    return verb and (len(words) == 1 or words[1] in _ARTICLES | _PREPOSITIONS)


def _with_actor(left: str, last: str) -> str:
    """Put a neutral doer where the one at fault stood: "an [cut] driving" → "someone driving"."""
    if last in _PLURALS:
        return f"{left} people"
    actor = "Someone" if left[-len(last)].isupper() else "someone"
    return left[: -len(last)] + actor


def _without_empty_pair(left: str, right: str) -> tuple[str, str]:
    while left and right and left[-1] + right[0] in _PAIRS:
        left, right = left[:-1].rstrip(), right[1:].lstrip()
    return left, right


def _last(text: str) -> str:
    match = _LAST_WORD.search(text)
    return match.group(1).casefold() if match else ""


def _first(text: str) -> str:
    match = _FIRST_WORD.match(text)
    return match.group(1).casefold() if match else ""
