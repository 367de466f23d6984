"""Characters made readable: what a person sees, in the letters that a matcher knows.

Duty: undo tricks that work on single characters (HTML entities, invisible and bidi characters, text hidden in
tag characters, compatibility forms, overlays, piled-up marks), and remember where each character came from.
It knows no words; look-alike letters are the business of `lookalikes`.

Real writing stays itself: joiners in Persian and the Indic scripts, emoji sequences, accents, Russian, Greek
and CJK text are left alone.

Sources: Unicode UAX #15 (NFKC).
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from classifiers.lookalikes import LATIN, folded
from classifiers.mapped import Mapped

MAX_READABLE: Final = 64_000
"""Longest readable form, in characters; one ligature may stand for eighteen letters."""


class TextExpands(ValueError):
    """The text's readable form is longer than `MAX_READABLE`."""


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
_SPACES: Final = frozenset(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
# Signs whose NFKC form holds letters although nobody hides a word with them.
_ORDINARY_SIGNS: Final = frozenset("™℠℡№℃℉℻ªº¼½¾²³¹…㏄㎏㎜㎝㎞㎡㎥㎎㎖ŀŉ")
_JOINING_SCRIPTS: Final = re.compile("[\u0590-\u109f\u1780-\u18af\ua840-\uaaff\ufb1d-\ufdff\ufe70-\ufefc]")
_TAGGED: Final = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{4,}")
"""Tag characters in a run too long to stand between two letters; behind a black flag they name a region."""
_FEW_LETTERS: Final = 16
_PILED_UP: Final = 3


def readable(text: str) -> Mapped:
    """The text without character tricks; linear in its length. Ordinary text comes back unchanged.

    Raises:
        TextExpands: it would be longer than `MAX_READABLE`.
    """
    mapped = Mapped.of(text)
    if "&" in text:
        mapped = mapped.replaced(_ENTITY, lambda m: html.unescape(f"&{m[1]};"))
    mapped = _without_invisible(mapped.replaced(_TAGGED, _spelled_out))
    if mapped.text.isascii():
        return mapped
    return folded(_composed(mapped))


def _spelled_out(match: re.Match[str]) -> str:
    """Text hidden in tag characters, which no person sees and a language model reads."""
    return f" {''.join(chr(ord(char) - 0xE0000) for char in match.group())} "


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
    made, at, chars, piled_up = Mapped([], [], []), 0, mapped.chars, 0
    while at < len(chars):
        if len(made.chars) > MAX_READABLE:
            raise TextExpands
        end = at + 1
        while end < len(chars) and not chars[end].isascii() and _continues(chars[end]):
            end += 1
        if end == at + 1 and (chars[at].isascii() or chars[at] in _ORDINARY_SIGNS):
            made.put(chars[at], mapped.starts[at], mapped.ends[at])
        else:
            cluster = "".join(chars[at:end])
            composed = _cluster(cluster)
            piled_up += end - at > 1 and composed.isascii()
            made.put(composed, mapped.starts[at], mapped.ends[end - 1])
        at = end
    return _without_accents(made) if _is_decorated(made, piled_up) else made


def _is_decorated(mapped: Mapped, piled_up: int) -> bool:
    """Whether marks are decoration here: piled up beyond any spelling, or on half of the letters."""
    if piled_up >= _PILED_UP:
        return True
    accented = sum(1 for char in mapped.chars if not char.isascii() and LATIN.match(char))
    letters = sum(1 for char in mapped.chars if LATIN.match(char))
    return letters >= _FEW_LETTERS and accented >= letters / 2


def _without_accents(mapped: Mapped) -> Mapped:
    made = Mapped([], [], [])
    for char, start, end in zip(mapped.chars, mapped.starts, mapped.ends, strict=True):
        bare = unicodedata.normalize("NFD", char)[0] if LATIN.match(char) else char
        made.put(bare, start, end)
    return made


def _continues(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff"


def _cluster(cluster: str) -> str:
    if len(cluster) == 1 and cluster in _SPACES:
        return " "
    bare = "".join(char for char in cluster if char not in _OVERLAY or not cluster[0].isalnum())
    composed = unicodedata.normalize("NFKC", bare)
    if len(composed) > 1 and len(cluster) > 1 and LATIN.match(composed):
        # What is left uncomposed on a Latin letter is decoration: no spelling in common use needs it.
        bare = "".join(char for char in composed if unicodedata.category(char) not in ("Mn", "Me"))
        composed = bare if len(bare) > 1 else unicodedata.normalize("NFD", bare)[0]
    return composed
