"""A prompt as words of its language: which are at fault, which are names, and which are terms of the lists.

Duty: text, spans and a lexicon in, tokens and matches out. It changes nothing and knows no policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from classifiers.signals import Span
from gateway.rewriting.lexicon import Form, Lexicon, Term, words_of


def _set(line: str) -> frozenset[str]:
    return frozenset(line.split())


_WORDS: Final = re.compile(r"[^\W_]+(?:['’*@$-][^\W_]+)*")
_SPLIT_WORDS: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*['’]?")
"""French and Italian write the article with an apostrophe before the word."""
DETERMINERS: Final = _set(
    "a an the his her its their my your our this that these those some any each every both all another no"
)
LINKS: Final = _set(
    "in on at of with by from to into onto over under through across behind beside near against around "
    "between like as while who which that and or but"
)
_DISGUISED: Final = re.compile(r"[^\W\d_][0-9@$]|[0-9@$][^\W\d_]")
LEET: Final = str.maketrans("0134578@$", "oieastbas")
_TITLE_SHARE: Final = 0.6
_ENGLISH: Final = "en"
_SENTENCE_ENDS: Final = ".!?:"


@dataclass(frozen=True, slots=True)
class Token:
    """One word as it stands, and in lower case."""

    text: str
    start: int
    end: int
    low: str
    at_fault: bool
    begins: bool
    """It begins a sentence."""


@dataclass(frozen=True, slots=True)
class Match:
    """Tokens `[first, last)` that are a term."""

    first: int
    last: int
    term: Term
    at_fault: bool


class Reading:
    """One prompt, read with the words of its language; `tokens` in order."""

    def __init__(self, prompt: str, spans: Sequence[Span], words: Lexicon) -> None:
        self.prompt = prompt
        self.words = words
        self.is_english = words.language == _ENGLISH
        self._spans = spans
        pattern = _SPLIT_WORDS if words.language in ("fr", "it") else _WORDS
        self.tokens = list(self._read(pattern))
        content = [token for token in self.tokens if self.is_content(token)]
        capitals = sum(token.text[0].isupper() for token in content)
        self._in_capitals = words.language == "de" or (
            len(content) > 3 and capitals > _TITLE_SHARE * len(content)
        )

    def matches(self) -> list[Match]:
        """The longest term at each place, left to right, but inside of what is kept and in names."""
        found, at = list[Match](), 0
        kept = {place for first, last in self._kept() for place in range(first, last)}
        while at < len(self.tokens):
            match = self._match(at)
            if match is None or kept & set(range(match.first, match.last)) or self._names(match):
                at += 1
                continue
            found.append(match)
            at = match.last
        return found

    def before(self, at: int) -> Token | None:
        """The token before that place, where no mark stands between."""
        return self.tokens[at - 1] if at > 0 and not self.gap(at).strip() else None

    def following(self, at: int) -> Token | None:
        """The token there, where no mark stands before it."""
        return self.tokens[at] if at < len(self.tokens) and not self.gap(at).strip() else None

    def is_content(self, token: Token) -> bool:
        """True for a number, and for a word of three letters or more that is no function word."""
        return token.low not in self.words.function and (len(token.low) > 2 or token.low.isdigit())

    def is_name(self, at: int) -> bool:
        """True for a capital inside a sentence, and for a first word before another capital."""
        token = self.tokens[at]
        if self._in_capitals or not token.text[0].isupper():
            return False
        if not token.begins:
            return True
        following = self.following(at + 1)
        return following is not None and following.text[0].isupper() and not following.at_fault

    def is_clear(self, term: Term, families: set[str]) -> bool:
        """True for a term of the families that says so wherever it stands; "a shot" may be a photograph."""
        related = {"harassment", "profanity"}
        mine = term.family in families or (term.family in related and bool(families & related))
        return mine and term.form not in (Form.BASE, Form.PAST)

    def _read(self, pattern: re.Pattern[str]) -> Iterator[Token]:
        last = 0
        for match in pattern.finditer(self.prompt):
            gap = self.prompt[last : match.start()]
            begins = last == 0 or any(mark in gap for mark in _SENTENCE_ENDS)
            at_fault = any(span.start < match.end() and match.start() < span.end for span in self._spans)
            low = match.group().casefold().replace("’", "'").rstrip("'")
            if at_fault and _DISGUISED.search(low):
                low = low.translate(LEET)
            yield Token(match.group(), *match.span(), low, at_fault, begins)
            last = match.end()

    def _match(self, at: int) -> Match | None:
        for length in range(min(self.words.longest, len(self.tokens) - at), 0, -1):
            key = self.key(at, at + length)
            term = self.words.terms.get(key)
            noun = self.words.nouns.get(key)
            if noun is not None and (term is None or self._stands_as_noun(at, at + length)):
                # "my idiot boss", "a murder scene": beside the noun that it describes it is left out
                term = Term(noun.family, "") if self._modifies(at + length) else noun
            if term is not None and self._is_one(at, at + length):
                hit = any(token.at_fault for token in self.tokens[at : at + length])
                return Match(at, at + length, term, hit)
        return None

    def key(self, first: int, last: int) -> tuple[str, ...]:
        """The lower-case words of tokens `[first, last)`, as the lists have them."""
        return tuple(word for token in self.tokens[first:last] for word in words_of(token.low))

    def _kept(self) -> Iterator[tuple[int, int]]:
        for at in range(len(self.tokens)):
            for length in range(2, min(5, len(self.tokens) - at + 1)):
                if self.key(at, at + length) in self.words.keep:
                    yield at, at + length

    def _is_one(self, first: int, last: int) -> bool:
        """True when only white space stands between the tokens."""
        return all(not self.gap(at).strip() for at in range(first + 1, last))

    def gap(self, at: int) -> str:
        """What stands between a token and the one before."""
        return self.prompt[self.tokens[at - 1].end : self.tokens[at].start] if at else ""

    def _names(self, match: Match) -> bool:
        return any(self.is_name(at) for at in range(match.first, match.last))

    def _modifies(self, last: int) -> bool:
        """True when a content word follows in the same phrase, so that it only describes."""
        following = self.following(last)
        if following is None or not self.is_content(following) or not self.is_english:
            return False
        return not (following.low.endswith(("ing", "ed")) and len(following.low) > 4)

    def _stands_as_noun(self, first: int, last: int) -> bool:
        before, following = self.before(first), self.following(last)
        determined = before is not None and (before.low in DETERMINERS or before.low == "of")
        return determined and (following is None or following.low in LINKS)
