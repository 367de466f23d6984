"""Words made matchable: leetspeak, spelled-out letters, stretched letters, encoded runs.

Duty: undo tricks that work on words, each linear in the text, each leaving ordinary prompts alone ("R2-D2",
"1980s", "50mm f/1.4", "U.S.A."). What comes out is for matching, never for showing. It knows no word list.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import re
from typing import Final

from classifiers.characters import Mapped

_LEET: Final = str.maketrans("013457@$!|€£", "oieastasilel")
_TOKEN: Final = re.compile(r"[^\s,;:()\[\]{}<>\"“”/\\]+")
_INNER_LEET: Final = re.compile(r"[^\W\d_][013457@$!|€]+[^\W\d_]")
_LEADING_LEET: Final = re.compile(r"[@$0345]([a-z]{2,})")
# What one ordinary digit carries behind it: "5mm", "3girls", "4ever".
_AFTER_NUMBERS: Final = """
st nd rd th mm cm km ft px kg am pm mp in ml gb mb tb hz ghz mhz girl girls boy boys ever some way
day days year years men man women people person persons min mins sec secs hour hours hr hrs up chan
iso fps bit inch lens ply star door panel tone wheel seater
"""
_TRAILING_LEET: Final = re.compile(r"[a-z][a-z][@$]+$|[a-z]\${2,}$")
_SPELLED: Final = re.compile(r"(?<![\w*.\-])[^\W_](?:([ ._*+~|\-])[^\W_])(?:\1[^\W_])+(?![\w*])")
_ABBREVIATION: Final = re.compile(r"(?:[A-Z]\.){2,}[A-Z]?")
_STRETCH: Final = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_ONE_LETTER: Final = re.compile(r"([^\W\d_])\1*")
_ROMAN: Final = re.compile(r"[IVXLCDM]+")
# A stretched letter that English doubles goes back to two, any other to one: "kiiill" → "kill".
_DOUBLING: Final = frozenset("lsozf")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{12,}={0,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){6,}(?![0-9A-Za-z])")
_MAX_DECODED: Final = 4096
_PRINTABLE_WORDS: Final = re.compile(r"[\w\s.,;:!?'\"()/+*#&%@$€£=<>\[\]{}|~^`\-–—]+")

# Frequent words of image prompts and of what is hidden in them; rot13 shows by its words alone.
_COMMON: Final = """
about above after against anime around artwork beautiful behind beneath between black blood bloody
blue body bomb breasts bright brown building burning child children city close clothes concept
corpse crime dark dead death detailed digital dress drawing drugs dying explosion explicit face
fighting fire flowers forest from front girl girls golden gore graphic hair hands hanging hate head
high holding house ignore image instructions into kill killed killing knife landscape large light
lighting little make making murder naked nude nudity old painting people person photo photograph
photorealistic picture poison portrait portraying previous prompt pretty quality realistic scene
sexual sexually shot shooting showing sitting small standing street style suicide sunset table the
that their them there these they torture tree under underwear victim violence violent walking
wearing weapon white with without woman women wooden wound wounds young your
"""


def matchable(mapped: Mapped) -> Mapped | None:
    """The readable text with its words un-tricked, or None when there was nothing to undo."""
    changed = _joined(mapped)
    changed = changed.replaced(_TOKEN, _unleet)
    changed = changed.replaced(_TOKEN, _unstretched)
    return None if changed is mapped else changed


def decoded(text: str) -> Mapped | None:
    """The text with base64, hexadecimal and rot13 runs decoded in place, or None when there is none."""
    mapped = Mapped.of(text)
    changed = mapped.replaced(_BASE64, _from_base64)
    changed = changed.replaced(_HEX, _from_hex)
    if changed is mapped:
        changed = _from_rot13(mapped)
    return None if changed is mapped else changed


def _joined(mapped: Mapped) -> Mapped:
    """ "k i l l" → "kill"; abbreviations such as U.S.A. stay."""

    def join(match: re.Match[str]) -> str:
        spelled = match.group()
        if _ABBREVIATION.fullmatch(spelled) or spelled[::2].isdigit():
            return spelled
        return spelled[::2]

    return mapped.replaced(_SPELLED, join)


def _unleet(match: re.Match[str]) -> str:
    token = match.group().rstrip(".!?'’")
    tail = match.group()[len(token) :]
    if "@" in token and "." in token.rpartition("@")[2]:
        return match.group()  # a mail address
    lower = token.lower()
    leading = _LEADING_LEET.fullmatch(lower)
    if (
        (leading and leading[1] not in _after_numbers())
        or _INNER_LEET.search(lower)
        or _TRAILING_LEET.search(lower)
    ):
        return token.translate(_LEET) + tail
    return match.group()


def _unstretched(match: re.Match[str]) -> str:
    token = match.group()
    if _ONE_LETTER.fullmatch(token.rstrip(".!?")) or _ROMAN.fullmatch(token) or token.startswith("www"):
        return token
    return _STRETCH.sub(lambda run: run[1] * (2 if run[1].lower() in _DOUBLING else 1), token)


def _from_base64(match: re.Match[str]) -> str:
    run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
    if run.isalpha() and (run.islower() or run.isupper() or run.istitle()):
        return match.group()  # an ordinary long word
    try:
        plain = base64.b64decode(run[:_MAX_DECODED] + "=" * (-len(run[:_MAX_DECODED]) % 4), validate=True)
    except (binascii.Error, ValueError):
        return match.group()
    return _plausible(plain) or match.group()


def _from_hex(match: re.Match[str]) -> str:
    return _plausible(bytes.fromhex(match.group()[:_MAX_DECODED])) or match.group()


def _plausible(plain: bytes) -> str:
    """The bytes as words, or an empty string when they are not such."""
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if len(text) < 6 or not _PRINTABLE_WORDS.fullmatch(text):
        return ""
    letters = sum(char.isalpha() or char == " " for char in text)
    # Chance makes letters too, but hardly lower-case words: most of a sentence is lower-case or space.
    lower = sum(char.islower() or char == " " or not char.isascii() for char in text)
    return text if letters >= 0.8 * len(text) and lower >= 0.6 * len(text) else ""


@functools.cache
def _after_numbers() -> frozenset[str]:
    return frozenset(_AFTER_NUMBERS.split())


@functools.cache
def rot13_words() -> frozenset[str]:
    """The frequent words as rot13 writes them, without those that are English words that way too."""
    return frozenset(codecs.encode(word, "rot13") for word in _COMMON.split())


def _from_rot13(mapped: Mapped) -> Mapped:
    """Turn the stretch from the first to the last rot13-looking word; two such words, or one long one."""
    text, known = mapped.text, rot13_words()
    words = list(re.finditer(r"[A-Za-z]+", text))
    hits = [at for at, word in enumerate(words) if word.group().lower() in known]
    if sum(len(words[at].group()) for at in hits) < 5:
        return mapped
    # A short word beside a hit belongs to it ("n anxrq jbzna"); plain English around it stays.
    first, last = words[max(hits[0] - 1, 0)].start(), words[min(hits[-1] + 1, len(words) - 1)].end()
    turned = codecs.encode(text[first:last], "rot13")
    made = Mapped([], [], [])
    made.extend(mapped, 0, first)
    for offset, char in enumerate(turned):
        made.put(char, mapped.starts[first + offset], mapped.ends[first + offset])
    made.extend(mapped, last, len(text))
    return made
