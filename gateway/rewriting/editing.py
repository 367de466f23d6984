"""Edit a prompt: what is at fault is replaced or left out; every other word stays letter for letter.

Duty: text, spans and categories in, text out. It knows no model and no policy. Which words may stand instead
comes from `lexicon`; a word at fault that is in no list is left out where the phrase stands without it. Names
and numbers are never touched, and neither is the noun that a prompt begins with. The order:

  1. terms of the lexicon that the spans touch; where there are none, or on a thorough edit, terms of the
     categories' families anywhere in the prompt
  2. spelled words ("n 4 k e d") that fold to a term
  3. words at fault in no list, left out as modifier, as verb, or with their whole phrase
  4. what belongs to an edited verb ("to death"), and the grammar around each edit
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from classifiers.signals import Span
from gateway.core.errors import RewriteFailed
from gateway.rewriting.cutting import article_for, seam
from gateway.rewriting.lexicon import Form, Lexicon, Term, inflected
from gateway.rewriting.reading import DETERMINERS, LEET, LINKS, Match, Reading, Token

_PARTNERS: Final = frozenset(
    ["each", "one", "him", "her", "them", "it", "me", "us", "everyone", "someone", "two"]
)
_BEING: Final = frozenset(["is", "are", "was", "were", "be", "been", "being", "gets", "getting", "got"])
_FACING: Final = frozenset(
    ["face", "approach", "tower over", "look at", "circle", "chase", "greet", "visit", "carry", "hold", "hug",
     "guide", "use", "paint"]
)  # fmt: skip
_TAIL_REACH: Final = 8
_SPELLED: Final = re.compile(r"(?<!\w)(?:\w[\s.*_-]{1,2}){2,}\w(?!\w)")
_FEWEST_KEPT: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Edit:
    """A stretch of the prompt, and what stands there instead; nothing where that is empty."""

    start: int
    end: int
    instead: str


def edit(
    prompt: str, spans: Sequence[Span], categories: Sequence[str], words: Lexicon, *, level: int = 0
) -> str:
    """Return the prompt as one line with what is at fault edited away.

    `level` 0 edits the terms that the spans touch; 1 all clear terms of the categories, too; 2 leaves out
    the rest of the words at fault as well.

    Raises:
        RewriteFailed: no word can be edited, or hardly anything would be left.
    """
    draft = _Draft(prompt, spans, words)
    families = {category.partition("/")[0] for category in categories}
    edits = draft.edits(families, level=level)
    if not edits:
        raise RewriteFailed("no word at fault can be edited")
    if draft.kept_share(edits) < _FEWEST_KEPT:
        raise RewriteFailed("hardly anything is left of the prompt without the words at fault")
    return draft.text(edits)


class _Draft:
    """One prompt in words of its language."""

    def __init__(self, prompt: str, spans: Sequence[Span], words: Lexicon) -> None:
        self._reading = Reading(prompt, spans, words)
        self._prompt = prompt
        self._spans = spans
        self._words = words
        self._tokens = self._reading.tokens
        self._is_english = self._reading.is_english
        self._listed = set[int]()

    def edits(self, families: set[str], *, level: int) -> list[_Edit]:
        """Every edit, in order, none overlapping."""
        found = [
            match for match in self._reading.matches() if match.term.family != "hate" or "hate" in families
        ]
        spelled = self._spelled()
        touched = [match for match in found if match.at_fault]
        if level > 0 or not (touched or spelled):
            touched = [
                match for match in found if match.at_fault or self._reading.is_clear(match.term, families)
            ]
        self._listed = {at for match in touched for at in range(match.first, match.last)}
        made = [*self._instead(touched), *spelled]
        if level > 1 or not made:
            made += self._left_out(self._listed)
        return self._apart(made)

    def kept_share(self, edits: Sequence[_Edit]) -> float:
        """Of the content words that neither a span nor a list calls at fault, those that no edit touches."""
        content = [
            token
            for at, token in enumerate(self._tokens)
            if self._reading.is_content(token) and not token.at_fault and at not in self._listed
        ]
        kept = [one for one in content if not any(e.start < one.end and one.start < e.end for e in edits)]
        named = any(edit.instead for edit in edits) or bool(kept)
        return len(kept) / len(content) if content else float(named)

    def text(self, edits: Sequence[_Edit]) -> str:
        """The prompt with the edits, on one line."""
        pieces, at = [""], 0
        for one in edits:
            pieces[-1] += self._prompt[at : one.start]
            if one.instead:
                pieces[-1] = self._with(pieces[-1], one.instead)
            else:
                pieces.append("")
            at = one.end
        pieces[-1] += self._prompt[at:]
        line = pieces[0]
        for piece in pieces[1:]:
            line = self._joined(line, piece)
        line = " ".join(line.split()).strip(" ,;:-–—&/|")
        if not self._is_english:
            line = _elided(line, self._words.language)
        return line[:1].upper() + line[1:] if self._prompt.lstrip()[:1].isupper() else line

    def _joined(self, left: str, right: str) -> str:
        if self._is_english:
            return seam(left, right)
        left, right = left.rstrip(), right.lstrip()
        while left and (not right or right[0] in ",.;:!?)"):
            last = re.search(r"[\w'’]+$", left)
            if last is None or last.group().casefold() not in self._words.function:
                break
            left = left[: last.start()].rstrip()
        if not left or left[-1] in ",.;:!?(" or (right and right[0] in ",.;:!?)"):
            left = left.rstrip(" ,;:") if right[:1] in tuple(",.;:!?)") or not left else left
        closes = not right or right[0] in ",.;:!?)"
        return left + ("" if closes or not left or left[-1] in "'’(" else " ") + right

    def _with(self, line: str, instead: str) -> str:
        """Put a replacement behind what is there already, with the article that it needs."""
        if not instead or not self._is_english:
            return line + instead
        match = re.search(r"\b([Aa]n?)(\s+)$", line)
        if match is None:
            return line + instead
        article, gap = match.groups()
        fitting = article_for(instead)
        return (
            line[: match.start()] + (fitting.capitalize() if article[0] == "A" else fitting) + gap + instead
        )

    def _instead(self, chosen: Sequence[Match]) -> Iterator[_Edit]:
        for match in chosen:
            start, end = self._tokens[match.first].start, self._tokens[match.last - 1].end
            if match.term.form is Form.FIXED:
                instead = match.term.instead
                if self._words.language == "de" and self._tokens[match.first].text[0].isupper():
                    instead = instead[:1].upper() + instead[1:]
                yield _Edit(start, end, instead)
                continue
            before = self._reading.before(match.first)
            if match.term.form is Form.PAST and before is not None and before.low == "being":
                start = before.start
            yield _Edit(start, end, self._verb(match))
            yield from self._tails(match)

    def _verb(self, match: Match) -> str:
        """What stands for a verb, as its place asks: with an object, without, passive, or as a modifier."""
        term, before, following = (
            match.term,
            self._reading.before(match.first),
            self._reading.following(match.last),
        )
        has_object = following is not None and (
            _takes(following) or (self._reading.is_content(following) and following.low not in LINKS)
        )
        verb = term.instead
        if term.form is Form.PAST:
            if before is not None and before.low in _BEING:
                return "standing"
            if before is not None and before.low in DETERMINERS:
                return ""  # "a stabbed man"
            if not has_object:
                return "standing"
        if term.form is Form.ING and before is not None and before.low in DETERMINERS:
            return ""  # "a screaming man"
        if term.form is Form.ING and before is None and has_object and not _takes(following):
            return ""  # "…, mocking cartoon"
        if verb in _FACING and not has_object:
            verb = "stand"
        return inflected(verb, term.form)

    def _tails(self, match: Match) -> Iterator[_Edit]:
        """What belongs to the verb alone: "to death", "apart"."""
        at = match.last
        while at < min(match.last + _TAIL_REACH, len(self._tokens)):
            for length in range(min(4, len(self._tokens) - at), 0, -1):
                term = self._words.terms.get(self._reading.key(at, at + length))
                first = self._tokens[at].low
                if term == Term("violence", "") and (
                    first in self._words.function or first in ("apart", "alive")
                ):
                    yield _Edit(self._tokens[at].start, self._tokens[at + length - 1].end, "")
                    at += length - 1
                    break
            at += 1

    def _spelled(self) -> list[_Edit]:
        """Words at fault that are spelled out, letter by letter."""
        found = list[_Edit]()
        for span in self._spans:
            stretch = self._prompt[span.start : span.end]
            for match in _SPELLED.finditer(stretch):
                found += self._unmasked(span.start + match.start(), span.start + match.end())
        return found

    def _unmasked(self, start: int, end: int) -> list[_Edit]:
        prompt = self._prompt
        letters = [at for at in range(start, end) if prompt[at].isalnum() or prompt[at] in "@$"]
        for first, last in ((0, 0), (1, 0), (0, 1), (1, 1)):  # an article may stand at either end
            places = letters[first : len(letters) - last]
            folded = "".join(prompt[at] for at in places).casefold().translate(LEET)
            known = self._words.terms.get((folded,)) or self._words.nouns.get((folded,))
            if known is not None:
                instead = known.instead if known.form is Form.FIXED else inflected(known.instead, known.form)
                return [_Edit(places[0], places[-1] + 1, instead)]
        return []

    def _left_out(self, taken: set[int]) -> list[_Edit]:
        """Words at fault in no list."""
        found, at = list[_Edit](), 0
        while at < len(self._tokens):
            first = at
            while (
                at < len(self._tokens)
                and self._is_loose(at, taken)
                and (at == first or self._reading.following(at))
            ):
                at += 1
            if at > first:
                edit = self._without(first, at)
                found += [edit] if edit else []
            else:
                at += 1
        return found

    def _apart(self, edits: Sequence[_Edit]) -> list[_Edit]:
        """In order; of two that overlap the first and longer one, of two left out side by side one."""
        kept = list[_Edit]()
        for one in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
            last = kept[-1] if kept else None
            if last and not (last.instead or one.instead or self._prompt[last.end : one.start].strip()):
                kept[-1] = _Edit(last.start, max(last.end, one.end), "")
            elif last is None or one.start >= last.end:
                kept.append(one)
        return kept

    def _is_loose(self, at: int, taken: set[int]) -> bool:
        token = self._tokens[at]
        return (
            token.at_fault
            and at not in taken
            and (self._reading.is_content(token) or (len(token.low) == 1 and token.low != "a"))
            and not token.low.isdigit()
            and not self._reading.is_name(at)
        )

    def _without(self, first: int, last: int) -> _Edit | None:
        """Leave out tokens `[first, last)` where the phrase stands without them; None where it doesn't."""
        tokens = self._tokens
        before, following = self._reading.before(first), self._reading.following(last)
        out = _Edit(tokens[first].start, tokens[last - 1].end, "")
        if following is not None and self._reading.is_content(following):
            if not self._is_english or self._describes(last, before):
                return out
            return None
        if self._is_english and tokens[last - 1].low.endswith("ing"):
            if before is None or not self._reading.is_content(before):
                return None
            takes = following is not None and following.low in DETERMINERS
            return _Edit(out.start, out.end, "beside") if takes else out
        if not self._is_english and before is not None and self._reading.is_content(before):
            return None if self._takes_object(following) or first < 2 else out
        return self._without_phrase(first, last)

    def _describes(self, last: int, before: Token | None) -> bool:
        """True for a modifier of the word that follows: neither a verb nor the doer of one."""
        acts = self._tokens[last - 1].low.endswith("ing") and not (before and before.low in DETERMINERS)
        done = (
            self._tokens[last].low.endswith(("ing", "ed", "drawn", "shown", "seen"))
            and len(self._tokens[last].low) > 4
        )
        return not acts and not done

    def _takes_object(self, following: Token | None) -> bool:
        return following is not None and following.low in self._words.function and len(following.low) > 2

    def _without_phrase(self, first: int, last: int) -> _Edit | None:
        """Leave out the phrase that ends in a noun at fault, with the words that lead to it."""
        start = first
        while (
            start > 0
            and self._reading.before(start) is not None
            and self._reading.is_content(self._tokens[start - 1])
        ):
            start -= 1
        led = start
        while (
            led > 0 and (word := self._reading.before(led)) is not None and not self._reading.is_content(word)
        ):
            led -= 1
        leads = [token.low for token in self._tokens[led:start]]
        if "of" in leads[:1]:
            return None  # "portrait of [the referee]"
        after_comma = led > 0 and "," in self._reading.gap(led)
        if led == 0 or not (after_comma or (self._is_english and set(leads) & LINKS)):
            return None
        ends = self._reading.following(last)
        if ends is not None and ends.low == "of":
            return None
        return _Edit(self._tokens[led].start, self._tokens[last - 1].end, "")


def _takes(following: Token | None) -> bool:
    """True before what can only be a verb's object: "a sailor", "each other"."""
    return following is not None and (following.low in DETERMINERS or following.low in _PARTNERS)


_ELISIONS: Final = {
    "fr": (
        (re.compile(r"\b([Ll])[ae] (?=[aeiouhéèêâàîôœ])"), r"\1'"),
        (re.compile(r"\b([Dd])e (?=[aeiouéèêâàîôœ]|homme)"), r"\1'"),
        (re.compile(r"\b([Ll])['’](?=[bcdfgjklmnpqrstvwxz])"), r"\1e "),
        (re.compile(r"\b([Dd])['’](?=[bcdfgjklmnpqrstvwxz])"), r"\1e "),
    ),
    "it": (
        (re.compile(r"\b([Uu])no (?=[aeiou])"), r"\1n "),
        (re.compile(r"\b([Ll]|[Qq]uell)[oa] (?=[aeiou])"), r"\1'"),
        (re.compile(r"\b([Uu])n['’](?=[bcdfgjklmnpqrstvwxz])"), r"\1na "),
        (re.compile(r"\bl['’](?=[bcdfgjklmnpqrstvwxz])"), r"il "),
    ),
}  # fmt: skip


def _elided(line: str, language: str) -> str:
    """Write the article before a new word as French and Italian do."""
    for pattern, instead in _ELISIONS.get(language, ()):
        line = pattern.sub(instead, line)
    return line
