"""What the words of a rewrite say against it: a lost subject, a new person, another language, a turned no.

Duty: rules over two texts. It knows no model and no policy. The word lists are English; for other languages
only the language itself is compared, and the embedding distance has to do the rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from classifiers.signals import Span


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


_STOP: Final = _words(
    "a an the of to in on at by for with from into onto over under near beside behind between through across "
    "around against above below inside outside along off up down out and or but nor as is are was were be "
    "been being it its he she his her him they their them this that these those who which while where when "
    "there some any each other another one's own very really so too just more most please make draw paint "
    "generate create show give want need see me i you we us my our your can could would will let like about "
    "no not without never none"
)
_BREAKS: Final = _words(
    "of to in on at by for with from into onto over under near beside behind between through across around "
    "against above below inside outside along off and or but while who that which where when as is are was "
    "were has have had no not without never"
)
_GENERIC: Final = _words(
    "image picture photo photograph painting drawing sketch illustration render rendering shot view scene "
    "artwork art cartoon style caricature portrait poster meme close-up watercolor watercolour print icon "
    "logo bunch group lot kind sort pair"
)
_ING_NOUNS: Final = _words(
    "king ring painting drawing building wing string spring evening morning ceiling wedding pudding being "
    "clothing thing something lightning fencing boxing viking earring awning"
)
_NEGATIONS: Final = _words("no not without never none nobody nothing cannot")
_REACH: Final = 4
"""Content words behind a negation that it covers, up to the next break or mark."""

_CHILDREN: Final = _words(
    "child kid boy girl baby toddler infant teen teenager schoolboy schoolgirl pupil daughter minor"
)
_ADULTS: Final = _words(
    "man woman person guy lady gentleman couple crowd someone somebody human stranger figure husband wife "
    "mother father brother sister friend passerby"
)
_PERSONS: Final = _CHILDREN | _ADULTS
_IRREGULAR: Final = {
    "men": "man", "women": "woman", "people": "person", "children": "child", "wolves": "wolf",
    "mice": "mouse", "geese": "goose", "knives": "knife", "leaves": "leaf", "shelves": "shelf",
    "feet": "foot", "teeth": "tooth", "grey": "gray", "colour": "color", "snowmen": "snowman",
    "fishermen": "fisherman", "firemen": "fireman", "taxis": "taxi",
}  # fmt: skip
_KEPT_SHARE: Final = 1 / 3
"""What must be there of a prompt whose subject may be the offence itself; set on `benchmarks/prompts`."""

_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")

_LANGUAGES: Final = {
    "en": _words("the a an and with of in on at is are by for from without near his her their"),
    "de": _words("der die das ein eine einer einem einen und mit im am auf ist sind ohne von zu den dem"),
    "fr": _words("le la les un une des et avec dans sur est sont sans du de au aux"),
    "es": _words("el la los las un una unos y con en sobre es son sin del de por"),
    "it": _words("il lo la gli un una e con nel nella sul sulla di del della senza che"),
    "pt": _words("o os as um uma e com em no na sobre de do da sem que"),
    "nl": _words("de het een en met in op van is zijn zonder aan bij"),
}
_SCRIPT_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Token:
    stem: str
    start: int
    end: int

    @property
    def is_content(self) -> bool:
        return self.stem not in _STOP and (len(self.stem) > 2 or self.stem.isdigit())


@dataclass(frozen=True, slots=True)
class WordFaults:
    """What was found; all false is a rewrite that the words say nothing against."""

    lost_subject: bool = False
    lost_word: bool = False
    added_person: bool = False
    flipped_negation: bool = False
    other_language: bool = False


def word_faults(prompt: str, rewritten: str, spans: Sequence[Span], *, keep_all: bool) -> WordFaults:
    """Compare a rewrite with its prompt; `spans` of the prompt are at fault and may go.

    With `keep_all` every content word, count, colour and negation of the prompt must be there and no person
    may be new; else the subject outside the spans must be there, and at most one grown-up may be new, in the
    place of an offender ("some bastard" → "a man").
    """
    before = _tokens(prompt)
    outside = [token for token in before if not _touched(token, spans)]
    after = {token.stem for token in _tokens(rewritten)}
    content = [token.stem for token in outside if token.is_content]
    subject = _subject(before, spans, prompt)
    return WordFaults(
        lost_subject=_is_lost(subject, content, after, certain=bool(spans))
        or _names_nothing(prompt, rewritten),
        lost_word=keep_all and not set(content) <= after,
        added_person=_adds_person({token.stem for token in before}, after, room=0 if keep_all else 1),
        flipped_negation=_flips(before, outside, _tokens(rewritten), keep_all=keep_all),
        other_language=_other_language(prompt, rewritten),
    )


def stem_of(word: str) -> str:
    """Lower case, singular, without a possessive: enough to find an English noun again, no linguistics."""
    return _stem(word)


def is_content(word: str) -> bool:
    """True for a number, and for a word of three letters or more that is no English function word."""
    stem = _stem(word)
    return stem not in _STOP and (len(stem) > 2 or stem.isdigit())


def is_verb(stem: str) -> bool:
    """True for an English -ing form that is no noun."""
    return _is_verb(stem)


def opens_phrase(stem: str) -> bool:
    """True for an English preposition, conjunction, auxiliary or negation: a phrase ends before it."""
    return stem in _BREAKS


def language_of(text: str) -> str | None:
    """The language that most function words of the text speak for, two at least; None when none leads."""
    return _language(text)


def _tokens(text: str) -> list[_Token]:
    return [_Token(_stem(match.group()), *match.span()) for match in _TOKEN.finditer(text)]


def _stem(word: str) -> str:
    """Lower case, singular, without a possessive: enough to find a noun again, no linguistics."""
    low = word.casefold().replace("’", "'")
    if low.endswith("n't"):
        return "not"
    low = low.removesuffix("'s")
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if low.endswith("ies") and len(low) > 4:
        return low[:-3] + "y"
    if low.endswith(("ches", "shes", "xes", "sses", "zes")):
        return low[:-2]
    if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(low) > 3:
        return low[:-1]
    return low


def _touched(token: _Token, spans: Sequence[Span]) -> bool:
    return any(span.start < token.end and token.start < span.end for span in spans)


def _subject(tokens: Sequence[_Token], spans: Sequence[Span], prompt: str) -> str | None:
    """The last word of the first phrase that names something: "two old knights fighting in …" → knight.

    A phrase that goes on into the words at fault has its noun there ("a fat [loser]"): the next one counts.
    """
    phrase: list[str] = []
    last_end = 0
    for token in tokens:
        gap = prompt[last_end : token.start]
        last_end = token.end
        if _touched(token, spans) and not _is_verb(token.stem):
            phrase.clear()
            continue
        if token.stem in _NEGATIONS:
            break
        breaks = token.stem in _BREAKS or not token.stem[0].isalpha() or _is_verb(token.stem)
        if breaks or gap.strip():
            if phrase:
                return phrase[-1]
            if breaks:
                continue
        if token.is_content and token.stem not in _GENERIC:
            phrase.append(token.stem)
    return phrase[-1] if phrase else None


def _is_verb(stem: str) -> bool:
    return stem.endswith("ing") and len(stem) > 4 and stem not in _ING_NOUNS


def _is_lost(subject: str | None, content: Sequence[str], after: set[str], *, certain: bool) -> bool:
    """True when the subject is gone; without spans it may be the offence itself, so the other words count."""
    if subject is None or subject in after or (subject in _PERSONS and after & _PERSONS):
        return False
    kept = sum(stem in after for stem in content) / max(len(content), 1)
    return certain or kept < _KEPT_SHARE


def _names_nothing(prompt: str, rewritten: str) -> bool:
    """True when the prompt named something and the rewrite doesn't: "dalmatian running" → "running"."""
    named = _subject(_tokens(prompt), (), prompt)
    return named is not None and _subject(_tokens(rewritten), (), rewritten) is None


def _adds_person(before: set[str], after: set[str], *, room: int) -> bool:
    added = (after & _PERSONS) - before
    if added & _CHILDREN:
        return True
    if before & _PERSONS and room:
        return False  # "a brawl between two men" may become "two people"
    return len(added) > room


def _negated(tokens: Sequence[_Token]) -> set[str]:
    """Stems behind a negation: "no people", "without any red flags" → flag."""
    found: set[str] = set()
    left = 0
    for token in tokens:
        if token.stem in _NEGATIONS:
            left = _REACH
        elif left and (token.stem in _BREAKS or not token.stem[0].isalnum()):
            left = 0
        elif left and token.is_content:
            found.add(token.stem)
            left -= 1
    return found


def _flips(
    before: Sequence[_Token], outside: Sequence[_Token], after: Sequence[_Token], *, keep_all: bool
) -> bool:
    absent, now_absent = _negated(before), _negated(after)
    there = {token.stem for token in outside if token.is_content} - absent
    now_there = {token.stem for token in after if token.is_content} - now_absent
    if keep_all and not absent <= now_absent:
        return True
    return bool(absent & now_there or there & now_absent)


def _other_language(prompt: str, rewritten: str) -> bool:
    letters, known = _scripts(rewritten), set(_scripts(prompt))
    strange = sum(script not in known for script in letters)
    if known and strange > _SCRIPT_SHARE * len(letters):
        return True
    was, now = _language(prompt), _language(rewritten)
    return was is not None and now is not None and was != now


def _scripts(text: str) -> list[str]:
    """The script of each letter, as its Unicode name begins."""
    letters = (char for char in unicodedata.normalize("NFKC", text) if char.isalpha())
    return [unicodedata.name(char, "").partition(" ")[0] for char in letters]


def _language(text: str) -> str | None:
    """The language with the most function words in the text, two at least; None when no one leads."""
    words = [match.group().casefold() for match in _TOKEN.finditer(text)]
    counts = sorted((sum(word in known for word in words), name) for name, known in _LANGUAGES.items())
    (second, _), (most, name) = counts[-2], counts[-1]
    return name if most >= 2 and most > second else None
