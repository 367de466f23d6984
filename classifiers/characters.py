"""Characters made readable: what a person sees, in the letters that a matcher knows.

Duty: undo tricks that work on single characters (HTML entities, invisible and bidi characters, compatibility
forms, overlays, look-alike letters), and remember where every character came from. It knows no words.

Real writing stays itself: joiners in Persian and the Indic scripts, emoji sequences, accents, Russian, Greek
and CJK text are left alone; look-alikes are folded only in words that mix scripts, or in words made wholly
of look-alikes inside a text that is otherwise Latin.

Sources: Unicode UTS #39 (confusables, through `confusable-homoglyphs`), UAX #15 (NFKC).
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_READABLE: Final = 64_000
"""Longest readable form, in characters; one ligature may stand for eighteen letters."""


class TextExpands(ValueError):
    """The text's readable form is longer than `MAX_READABLE`."""


@dataclass(slots=True)
class Mapped:
    """Characters and, for each, the half-open range of the original that it stands for."""

    chars: list[str]
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> Mapped:
        """The text itself, each character standing for itself."""
        return cls(list(text), list(range(len(text))), list(range(1, len(text) + 1)))

    @property
    def text(self) -> str:
        """The characters joined."""
        return "".join(self.chars)

    def put(self, chars: str, start: int, end: int) -> None:
        """Append characters that all stand for the same range."""
        for char in chars:
            self.chars.append(char)
            self.starts.append(start)
            self.ends.append(end)

    def replaced(self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Mapped:
        """Replace each match; a replacement stands for the whole range of its match."""
        text = self.text
        made, last = Mapped([], [], []), 0
        for match in pattern.finditer(text):
            new = replace(match)
            if new == match.group():
                continue
            made.extend(self, last, match.start())
            made.put(new, self.starts[match.start()], self.ends[match.end() - 1])
            last = match.end()
        if last == 0:
            return self
        made.extend(self, last, len(text))
        return made

    def extend(self, other: Mapped, start: int, end: int) -> None:
        """Append a piece of another one."""
        self.chars.extend(other.chars[start:end])
        self.starts.extend(other.starts[start:end])
        self.ends.extend(other.ends[start:end])


# C0/C1 controls but tab and line breaks, soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul
# fillers, Khmer inherent vowels, Mongolian selectors, zero-width and bidi, invisible operators, variation
# selectors, BOM, interlinear anchors, musical controls, tags.
INVISIBLE: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE_RUN: Final = re.compile(f"[{INVISIBLE}]+")
_OVERLAY: Final = frozenset(map(chr, [*range(0x0334, 0x0339), *range(0x20D0, 0x20F1)]))
_ENTITY: Final = re.compile(r"&(?:amp;){0,3}(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SPACES: Final = frozenset(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
# Signs whose NFKC form holds letters although nobody hides a word with them.
_ORDINARY_SIGNS: Final = frozenset("™℠℡№℃℉℻ªº¼½¾²³¹…㏄㎏㎜㎝㎞㎡㎥㎎㎖ŀŉ")
_JOINING_SCRIPTS: Final = re.compile("[\u0590-\u109f\u1780-\u18af\ua840-\uaaff\ufb1d-\ufdff\ufe70-\ufefc]")
_CONFUSING_SCRIPTS: Final = re.compile(
    "[\u0370-\u058f\u13a0-\u13ff\u1c80-\u1c8f\u2c80-\u2cff\ua4d0-\ua4ff\uab70-\uabbf]"
)
_LATIN: Final = re.compile("[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")
# Latin letters that no language's spelling needs in numbers: phonetic, small capital, squared and circled.
_ODD_LATIN: Final = re.compile("[ɐ-ʯᴀ-ᶿꜰ-ꟿꬰ-ꭤ\U0001f130-\U0001f189]")


def readable(text: str) -> Mapped:
    """The text without character tricks; linear in its length. Ordinary text comes back unchanged.

    Raises:
        TextExpands: it would be longer than `MAX_READABLE`.
    """
    mapped = Mapped.of(text)
    if "&" in text:
        mapped = mapped.replaced(_ENTITY, lambda m: html.unescape(f"&{m[1]};"))
    mapped = _without_invisible(mapped)
    if mapped.text.isascii():
        return mapped
    return _folded_lookalikes(_composed(mapped))


def _without_invisible(mapped: Mapped) -> Mapped:
    """Drop invisible runs, except where writing or an emoji needs them."""

    def visible(match: re.Match[str]) -> str:
        run, text = match.group(), match.string
        before = text[match.start() - 1] if match.start() else ""
        after = text[match.end()] if match.end() < len(text) else ""
        if _JOINING_SCRIPTS.match(before) and run in ("\u200c", "\u200d"):
            return run
        if any("\U000e0020" <= char <= "\U000e007e" for char in run) and before == "\U0001f3f4":
            return run  # the flag of a region, as Scotland's
        if before.isalnum() or after.isalnum() or run[0] >= "\U000e0000":
            return ""
        return run

    return mapped.replaced(_INVISIBLE_RUN, visible)


def _composed(mapped: Mapped) -> Mapped:
    """NFKC, cluster by cluster, with overlays and piled-up marks dropped from Latin letters."""
    made, at, chars = Mapped([], [], []), 0, mapped.chars
    while at < len(chars):
        if len(made.chars) > MAX_READABLE:
            raise TextExpands
        end = at + 1
        while end < len(chars) and not chars[end].isascii() and _continues(chars[end]):
            end += 1
        if end == at + 1 and (chars[at].isascii() or chars[at] in _ORDINARY_SIGNS):
            made.put(chars[at], mapped.starts[at], mapped.ends[at])
        else:
            made.put(_cluster("".join(chars[at:end])), mapped.starts[at], mapped.ends[end - 1])
        at = end
    return made


def _continues(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff"


def _cluster(cluster: str) -> str:
    if len(cluster) == 1 and cluster in _SPACES:
        return cluster
    bare = "".join(char for char in cluster if char not in _OVERLAY or not cluster[0].isalnum())
    composed = unicodedata.normalize("NFKC", bare)
    if len(composed) > 1 and len(cluster) > 1 and _LATIN.match(composed):
        # What is left uncomposed on a Latin letter is decoration: no spelling in common use needs it.
        composed = "".join(char for char in composed if unicodedata.category(char) not in ("Mn", "Me"))
    return composed


def _folded_lookalikes(mapped: Mapped) -> Mapped:
    text = mapped.text
    if not (_CONFUSING_SCRIPTS.search(text) or _ODD_LATIN.search(text)):
        return mapped
    others = sum(1 for _ in _CONFUSING_SCRIPTS.finditer(text))
    mostly_latin = sum(1 for _ in _LATIN.finditer(text)) > others

    def fold(match: re.Match[str]) -> str:
        word = match.group()
        if word.isascii():
            return word
        folded = "".join(map(_latin_twin, word))
        foreign = _CONFUSING_SCRIPTS.search(word) is not None
        if foreign and (_LATIN.search(word) or (mostly_latin and len(word) > 1 and folded.isascii())):
            return folded
        if not foreign and _ODD_LATIN.search(word):
            return folded
        return word

    mapped = _fold_enclosed(mapped)
    made, text, last = Mapped([], [], []), mapped.text, 0
    for match in _WORD.finditer(text):
        folded = fold(match)
        if folded == match.group():
            continue
        made.extend(mapped, last, match.start())
        if len(folded) == len(match.group()):
            for offset, char in enumerate(folded):
                place = match.start() + offset
                made.put(char, mapped.starts[place], mapped.ends[place])
        else:
            made.put(folded, mapped.starts[match.start()], mapped.ends[match.end() - 1])
        last = match.end()
    made.extend(mapped, last, len(text))
    return made


def _fold_enclosed(mapped: Mapped) -> Mapped:
    """Squared and circled capitals (🅺) become letters; one alone, as a blood group, stays."""
    enclosed = re.compile("[\U0001f130-\U0001f189]{2,}")
    made, text, last = Mapped([], [], []), mapped.text, 0
    for match in enclosed.finditer(text):
        made.extend(mapped, last, match.start())
        for place in range(match.start(), match.end()):
            made.put(_latin_twin(text[place]), mapped.starts[place], mapped.ends[place])
        last = match.end()
    made.extend(mapped, last, len(text))
    return made


@functools.lru_cache(maxsize=4096)
def _latin_twin(char: str) -> str:
    """The ASCII letter that a character passes for, or the character itself."""
    if char.isascii():
        return char
    from anyascii import anyascii
    from confusable_homoglyphs import confusables

    if _LATIN.match(char) and not _ODD_LATIN.match(char):
        return char
    for twin in confusables.confusables_data.get(char, ()):
        if len(twin["c"]) == 1 and twin["c"].isascii() and twin["c"].isalpha():
            return str(twin["c"])
    if _ODD_LATIN.match(char):
        plain: str = anyascii(char)
        if len(plain) == 1 and plain.isalpha():
            return plain
    return char
