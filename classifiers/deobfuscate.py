"""Words made matchable: leetspeak, spelled-out and stretched letters put right, encoded runs decoded.

Duty: undo tricks that work on words, each linear in the text, each leaving ordinary prompts alone ("R2-D2",
"1980s", "50mm f/1.4", "U.S.A."). What comes out is for matching, never for showing. It knows no category.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import itertools
import re
from collections.abc import Sequence
from typing import Final

from classifiers import leetspeak, spelled, vocabulary
from classifiers.mapped import Mapped

_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{12,}={0,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){6,}(?![0-9A-Za-z])")
_MAX_DECODED: Final = 4096
_PRINTABLE_WORDS: Final = re.compile(r"[\w\s.,;:!?'\"()/+*#&%@$€£=<>\[\]{}|~^`\-–—]+")

# Frequent words of image prompts and of what is hidden in them; rot13 shows by its words alone.
_COMMON: Final = """
the and his her him man men how who was were over until what while
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
    changed = spelled.unstretched(leetspeak.unleeted(spelled.joined(mapped), _known()))
    return None if changed is mapped else changed


def decoded(mapped: Mapped) -> Mapped | None:
    """The readable text with base64, hexadecimal and rot13 runs decoded in place, or None without any."""
    changed = mapped.replaced(_BASE64, _from_base64)
    changed = changed.replaced(_HEX, _from_hex)
    if changed is mapped:
        changed = _from_rot13(mapped)
    return None if changed is mapped else changed


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
def _known() -> frozenset[str]:
    """Frequent words, and what is too short for rot13 to be recognised."""
    return frozenset((*_COMMON.split(), "sex", "porn", "gun", "guns", "bombs", "kills", "butt"))


@functools.cache
def rot13_words() -> frozenset[str]:
    """The frequent words as rot13 writes them, without those that are English words that way too."""
    return frozenset(codecs.encode(word, "rot13") for word in _COMMON.split())


_TOLD_BY: Final = re.compile(r"\b[A-Za-z]{3,}\b")
_FEWEST, _MOST = 3, 40
_IS_NONE, _IS_TURNED = 0.4, 0.5


def is_rot13(text: str) -> bool:
    """Whether a text is no English as it stands and is English turned, word by word.

    Told by its first 40 words of three letters or more, of which there must be three. Of 760 English prompts
    the least known has half of its words in the list, the best known in rot13 two in five.
    """
    words = [word.group().lower() for word in itertools.islice(_TOLD_BY.finditer(text), _MOST)]
    if len(words) < _FEWEST or _share_known(words) > _IS_NONE:
        return False
    return _share_known([codecs.encode(word, "rot13") for word in words]) >= _IS_TURNED


def _share_known(words: Sequence[str]) -> float:
    return sum(map(vocabulary.is_word, words)) / len(words)


def _from_rot13(mapped: Mapped) -> Mapped:
    """Turn the rot13-looking stretch; it shows by two frequent words, or one long one, written in rot13.

    Without those, the whole text is turned where that makes it English.
    """
    text, known = mapped.text, rot13_words()
    words = list(re.finditer(r"[A-Za-z]+", text))
    hits = [at for at, word in enumerate(words) if word.group().lower() in known]
    if is_rot13(text):
        first, last = 0, len(words) - 1
    elif sum(len(words[at].group()) for at in hits) < 5:
        return mapped
    else:
        first, last = _grown(words, hits[0], hits[-1])
    start, end = words[first].start(), words[last].end()
    turned = codecs.encode(text[start:end], "rot13")
    made = Mapped([], [], [])
    made.extend(mapped, 0, start)
    for offset, char in enumerate(turned):
        made.put(char, mapped.starts[start + offset], mapped.ends[start + offset])
    made.extend(mapped, end, len(text))
    return made


def _grown(words: list[re.Match[str]], first: int, last: int) -> tuple[int, int]:
    """The stretch with its neighbours that make a likelier word turned than as they stand."""

    def belongs(at: int) -> bool:
        word = words[at].group().lower()
        turned = codecs.encode(word, "rot13")
        return vocabulary.likelier(word, turned) == turned or not vocabulary.is_word(word)

    while first > 0 and belongs(first - 1):
        first -= 1
    while last < len(words) - 1 and belongs(last + 1):
        last += 1
    return first, last
