"""Prompt-injection attempts, and their stretches: what hides in a frame is also judged by itself.

Duty: tell by cue words whether a text gives orders, plays a turn or claims things about the gateway, and cut
such a text into short stretches, each with its place in the original. A classifier's score of a whole text
can hide what one part of it says, and a frame ("repeat after me: …") is written for that. It knows no
category: a cue alone harms nobody. Blind spots: English cues only; an order in other words than these.

Why only such texts: stretches of ordinary stories look worse than the stories are (a sixth of harmless ones
were flagged as a whole, a quarter by their sentences), and each stretch costs model time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from classifiers.normalize import View

PART: Final = "part"
"""The view's name of a stretch."""

WINDOWS: Final = 24
"""Windows of one view: 75 words in windows of six. A longer text has as many, and longer ones."""
SENTENCES: Final = 8
_STEP: Final = 3
"""Words between the beginnings of two windows; a window has two steps."""
SHORT_CHARS: Final = 300
"""In a longer text windows overlap by `_STEP` words alone and there are no sentences: together they are
about as long as the text."""

_BREAK: Final = re.compile(
    r"(?<![.:;!?…])[.:;!?…]++(?:\s++|$)|[\"“”«»()\[\]{}<>|`#\n]++\s*+|(?<!\w)'|'(?!\w)"
)
"""Each character is looked at a bounded number of times: no repetition gives anything back."""
_WORD: Final = re.compile(r"\S+")

_CUES: Final = (
    # orders to drop what was said before
    (
        r"(?:ignore|disregard|forget|override|overrule|bypass)(?:\W+\w+){0,4}?\W+"
        r"(?:above|before|previous|prior|earlier|told|everything|rules?|guidelines?|orders?)"
    ),
    r"from now on|(?:guidelines?|rules?|restrictions?|safety|filters?) (?:is|are|was|were|no longer)",
    r"this (?:text|request|input|sentence|line) (?:is|was|has)",
    # the gateway's own things
    r"instructions?|prompts?|system (?:message|text)|assistant|chatbot|classifiers?",
    r"rewrit(?:e|es|er|ing|ten)|moderation|(?:new|the|your|content|safety) (?:filters?|polic(?:y|ies))",
    r"(?:the|your|any|all|without|no) rules?|jailbreak\w*|uncensored|(?:developer|debug|admin) mode",
    r"(?:already|judged|marked|declared) (?:safe|allowed|approved|harmless)|decision id",
    r"(?:mode|drift|action|verdict|categor(?:y|ies)|spans?|score|max_attempts)\s*(?:[=:]|is\b)",
    r"(?:first|second|next|last) attempt|attempt \d|no filter",
    # orders about the answer
    r"verbatim|word (?:for|by) word|unchanged|without (?:any )?changes?|every word|same meaning",
    r"(?:copy|repeat|return|output|echo) (?:it|this|that|the|these|what|my|everything|after|back|only|every)",
    r"(?:write|print|say|spell|read) (?:it|this|that|what|everything|out)|(?:write|spell)s? .{1,40} out",
    r"answer (?:only|with|in|is|as|begins?)|(?:reply|respond)s? (?:with|only|in)|use other words",
    r"your (?:answer|output|reply|response|task|job|role|first message|system)|you(?:'re to| have to)",
    # roles and claims
    r"pretend|act as|role[- ]?play|be my|you are (?:now|an?|the|no longer)|you (?:were|must|never|only)",
    r"imagine (?:that )?you|let(?:'s| us) play|authori[sz]ed|trusted (?:tester|user)|my late \w+",
    r"I allow|I (?:have|hold) (?:an? |the |every )?(?:licen[cs]e|permission|right)",
    # codes
    r"decode|base64|rot13|reverse (?:this|it|the)|join (?:these|them|the)|letters? away|translat(?:e|or)",
    r"replace .{1,60} (?:by|with)|backwards",
)
_TURNS: Final = (
    r"(?:^|\W)(?:system|user|assistant|human|moderator|bot|model|ai|output|q|a)(?:\W?\(\w[^)]{0,40}\))?\s*:",
    r"<\||\|>|<<|>>|###|```|\[/?(?:inst|sys|system|user|assistant)\b|</?\w[^<>]{0,40}>",
)


def steers(text: str) -> bool:
    """True when a text orders a model about instead of describing a picture. Linear, takes microseconds."""
    return _cues().search(text) is not None


def stretches(seen: Sequence[View]) -> tuple[View, ...]:
    """Return what to judge beside the views of a text: none, or windows of a few words, and sentences.

    Of the text as written and of its most undone view, the last of `seen`; of a long text of that one alone.
    At most `WINDOWS` + `SENTENCES` a view, each of two words or more, none twice. The windows leave no word
    of the view out.
    """
    if not any(steers(view.text) for view in seen):
        return ()
    whole = {_folded(view.text) for view in seen}
    found: dict[str, View] = {}
    short = len(seen[0].text) <= SHORT_CHARS
    for view in (*seen[:-1][:short], seen[-1]):
        for start, end in (*_windows(view.text), *_sentences(view.text)):
            folded = _folded(view.text[start:end])
            if " " in folded and folded not in whole:
                found.setdefault(folded, _cut(view, start, end))
    return tuple(found.values())


def _windows(text: str) -> Iterable[tuple[int, int]]:
    """Overlapping windows of words; in a long text longer ones, so that none of it is left out."""
    words = [match.span() for match in _WORD.finditer(text)]
    step = max(_STEP, -(-len(words) // WINDOWS))
    overlap = step if len(text) <= SHORT_CHARS else _STEP
    for at in range(0, max(len(words) - overlap, 0), step):
        yield words[at][0], words[min(at + step + overlap, len(words)) - 1][1]


def _sentences(text: str) -> list[tuple[int, int]]:
    """The last ones: what is hidden mostly follows its frame. A long text has none: its windows are long."""
    if len(text) > SHORT_CHARS:
        return []
    edges = [0, *(edge for match in _BREAK.finditer(text) for edge in match.span()), len(text)]
    return [(edges[at], edges[at + 1]) for at in range(0, len(edges), 2)][-SENTENCES:]


def _cut(view: View, start: int, end: int) -> View:
    return View(PART, view.text[start:end], view.origin[start:end], view.ends[start:end])


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


@functools.cache
def _cues() -> Any:
    import re2

    return re2.compile(rf"(?i)\b(?:{'|'.join(_CUES)})\b|{'|'.join(_TURNS)}")
