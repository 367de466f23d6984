"""What a rewrite may never touch: names, numbers, quoted text, most of the words, and what the picture is of.

Duty: rules over two texts, for every rewriter, also a configured LLM. They need no list of a language's words
but function words, so they hold in every language that is written in words.

  * A name is a word with a capital inside a sentence, or a first word that is followed like a name ("Siobhan
    smiling", "Moby Dick and the ship"). German writes every noun so: there, what was at fault may go. In a
    text of capitals, capitals say nothing of the words at fault.
  * A number is a run of digits; it stays even among the words at fault.
  * New words are an edit where they stand in a phrase at fault; elsewhere they are additions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from classifiers.signals import Span
from gateway.pipeline.drift_words import is_content, is_verb, language_of, opens_phrase, stem_of

KEPT_SHARE: Final = 0.5
"""Of the content words that were not at fault, so many must be there; else hardly anything is left."""
MOST_NEW_WORDS: Final = 4
"""Content words that may be new for each phrase at fault: "naked" → "in a long red coat"."""

_WORD: Final = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_QUOTED: Final = re.compile(r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|„([^“”]+)[“”]")
_SENTENCE_ENDS: Final = frozenset(".!?:")
_TITLE_SHARE: Final = 0.6
_FEWEST_IN_TITLE: Final = 4
_NAME_FOLLOWS: Final = frozenset({"is", "was", "has", "had", "waves", "smiles", "runs", "sits", "stands"})
_NO_NOUN: Final = ("ly", "ed", "ing")


@dataclass(frozen=True, slots=True)
class Infidelity:
    """What a rewrite did to its prompt; all false when the words say nothing against it."""

    changed_name: bool = False
    changed_number: bool = False
    changed_quote: bool = False
    added_noun: bool = False
    hardly_left: bool = False


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    at_fault: bool
    begins: bool
    """It begins a sentence."""

    @property
    def stem(self) -> str:
        return stem_of(self.text)

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def infidelity(prompt: str, rewritten: str, spans: Sequence[Span]) -> Infidelity:
    """Compare a rewrite with its prompt; `spans` of the prompt are at fault.

    Without spans nobody knows where the fault is: then new and lost words are left to the other rules.
    """
    before, after = _words(prompt, spans), _words(rewritten, ())
    return Infidelity(
        changed_name=_changes_name(before, after, german=language_of(prompt) == "de"),
        changed_number=_numbers(before) != _numbers(after),
        changed_quote=any(quote not in rewritten for quote in _quotes(prompt, spans)),
        added_noun=bool(spans) and _adds_noun(before, after),
        hardly_left=bool(spans) and _hardly_left(before, after),
    )


def _words(text: str, spans: Sequence[Span]) -> list[_Word]:
    found, begins = list[_Word](), True
    for match in _WORD.finditer(text):
        start, end = match.span()
        at_fault = any(span.start < end and start < span.end for span in spans)
        found.append(_Word(match.group(), start, end, at_fault, begins))
        begins = match.group() in _SENTENCE_ENDS or (begins and not match.group()[0].isalnum())
    return found


def _changes_name(before: Sequence[_Word], after: Sequence[_Word], *, german: bool) -> bool:
    blurred = german or _in_capitals(before)
    kept = Counter(name.text for name in _names(before) if not (blurred and name.at_fault))
    there = Counter(word.text for word in after)
    if kept - there:
        return True
    known = {word.text.casefold() for word in before}
    if any(word.text.casefold() not in known for word in _names(after)) and not blurred:
        return True
    return not blurred and _renamed(before, after, known)


def _in_capitals(words: Sequence[_Word]) -> bool:
    content = [word for word in words if is_content(word.text)]
    capitals = sum(word.is_capital for word in content)
    return len(content) >= _FEWEST_IN_TITLE and capitals > _TITLE_SHARE * len(content)


def _names(words: Sequence[_Word]) -> list[_Word]:
    return [
        word
        for at, word in enumerate(words)
        if word.is_capital
        and len(word.text) > 1
        and is_content(word.text)
        and (not word.begins or _named_first(words, at))
    ]


def _named_first(words: Sequence[_Word], at: int) -> bool:
    """True when a sentence's first word is followed as a name is: by a verb, another capital, or "in X"."""
    rest = [word for word in words[at + 1 : at + 3] if word.text.isalpha() or word.text == ","]
    if not rest:
        return False
    following = rest[0]
    if following.text == ",":
        return len(rest) > 1 and rest[1].is_capital
    return following.is_capital or is_verb(following.stem) or following.text in _NAME_FOLLOWS


def _renamed(before: Sequence[_Word], after: Sequence[_Word], known: set[str]) -> bool:
    """True when the first word became another one that begins alike: a model's guess at a rare name."""
    if not before or not after:
        return False
    was, now = before[0].text, after[0].text
    capital = was[0].isupper() and was[0] == now[0]
    return capital and now.casefold() not in known and is_content(was) and is_content(now)


def _numbers(words: Sequence[_Word]) -> Counter[str]:
    """Digits that stand alone, but not one digit that is a letter of a spelled word ("n 4 k e d")."""
    return Counter(
        word.text for at, word in enumerate(words) if word.text.isdigit() and not _spells(words, at)
    )


def _spells(words: Sequence[_Word], at: int) -> bool:
    beside = [*words[max(at - 1, 0) : at], *words[at + 1 : at + 2]]
    return words[at].at_fault and all(len(word.text) == 1 for word in (words[at], *beside))


def _quotes(prompt: str, spans: Sequence[Span]) -> list[str]:
    return [
        match.group()
        for match in _QUOTED.finditer(prompt)
        if not any(span.start < match.end() and match.start() < span.end for span in spans)
    ]


def _phrases(words: Sequence[_Word]) -> list[tuple[int, int]]:
    """`[start, end)` of the words of each phrase at fault: from there to the next break either way."""
    found: list[tuple[int, int]] = []
    for at, word in enumerate(words):
        if not word.at_fault or (found and at < found[-1][1]):
            continue
        start, end = at, at + 1
        while start > 0 and not _breaks(words[start - 1]):
            start -= 1
        while end < len(words) and (words[end].at_fault or not _breaks(words[end])):
            end += 1
        found.append((start, end))
    return found


def _breaks(word: _Word) -> bool:
    return not word.text[0].isalnum() or opens_phrase(word.stem) or is_verb(word.stem)


def _adds_noun(before: Sequence[_Word], after: Sequence[_Word]) -> bool:
    phrases = _phrases(before)
    known = {word.stem for word in before}
    matcher = SequenceMatcher(
        None, [word.stem for word in before], [word.stem for word in after], autojunk=False
    )
    room = MOST_NEW_WORDS * len(phrases)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind not in ("insert", "replace"):
            continue
        new = [word for word in after[k:m] if word.stem not in known and _is_noun(word)]
        inside = any(start - 1 <= j and i <= end + 1 for start, end in phrases)
        if new and not inside:
            return True
        room -= len(new)
    return room < 0


def _is_noun(word: _Word) -> bool:
    """True for what may be a noun; what a verb, an adverb or a participle ends in is none."""
    low = word.text.casefold()
    return is_content(word.text) and low[0].isalpha() and (not low.endswith(_NO_NOUN) or len(low) < 6)


def _hardly_left(before: Sequence[_Word], after: Sequence[_Word]) -> bool:
    content = [word.stem for word in before if not word.at_fault and is_content(word.text)]
    there = {word.stem for word in after}
    if not any(is_content(word.text) for word in after):
        return True
    return sum(stem in there for stem in content) < KEPT_SHARE * len(content)
