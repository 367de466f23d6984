"""Text as the classifiers see it: as written, and as it would be read without tricks.

Duty: make the few views of a text that are worth judging, with offsets back to the text as written. It knows
no category. `characters` undoes what is done to characters, `deobfuscate` what is done to words.

Ordinary prompts have exactly one view (each further view costs model time), and a quick look with re2 lets
them through in microseconds. Blind spots: text mirrored or written bottom-up, rebuses and emoji spelling,
words split by real words ("vio lence"), encodings other than base64, hexadecimal and rot13.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from classifiers import deobfuscate, weighted
from classifiers.characters import TextExpands, readable
from classifiers.mapped import Mapped
from classifiers.signals import Span

ORIGINAL: Final = "original"
NORMALISED: Final = "normalised"
FOLDED: Final = "folded"
DECODED: Final = "decoded"


class InvalidText(ValueError):
    """The text holds lone surrogates, or a flood of ligatures; the message never quotes it. A 400."""


@dataclass(frozen=True, slots=True)
class View:
    """One form of a text. Character `i` of `text` stands for `[origin[i], ends[i])` of the original."""

    name: str
    text: str
    origin: Sequence[int]
    ends: Sequence[int]

    def to_original(self, span: Span) -> Span:
        """The range of the original that a range of this view stands for.

        Raises:
            IndexError: the span reaches beyond the view.
        """
        covered = range(span.start, span.end)
        if isinstance(self.origin, range):
            return Span(self.origin[span.start], self.ends[span.end - 1])
        return Span(min(self.origin[i] for i in covered), max(self.ends[i] for i in covered))


def views(text: str) -> tuple[View, ...]:
    """Return `original` first, then `normalised`, `folded`, `decoded`, each only if it reads differently.

    Two views read differently when their letters and digits differ, upper and lower case being the same.

    Raises:
        InvalidText: the text holds lone surrogates, or is far longer spelled out than written.
    """
    original = View(ORIGINAL, text, range(len(text)), range(1, len(text) + 1))
    if text.isascii():
        if not _looks_tricky(text):
            return (original,)
    else:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InvalidText("the text holds lone surrogates; send valid Unicode") from error
    found = [original]
    # An escaped ampersand or quote is no trick: without its name the text reads the same.
    seen = {_letters(text), _letters(_PUNCTUATION_ENTITY.sub(" ", text))}
    try:
        plain = readable(text)
    except TextExpands as error:
        raise InvalidText("the text is too long once its ligatures are spelled out; shorten it") from error
    plain = weighted.joined(plain) or plain
    _add(found, seen, NORMALISED, plain)
    decoded, words = _undone(plain)
    if words is not None:
        _add(found, seen, FOLDED, _latinised(words))
    _add(found, seen, DECODED, decoded)
    return tuple(found)


def legible(text: str) -> Mapped | None:
    """Return the text as someone who reads plain words needs it, or None where that is the text as written.

    Characters are made readable wherever they stand. Words are, where a good part of the letters stands in
    words that are written otherwise: leetspeak, single letters, base64. To a model of language such a text,
    as written, says nothing, whatever it says.

    Raises:
        TextExpands: the text is far longer spelled out than written.
    """
    if text.isascii() and not _looks_tricky(text):
        return None
    plain = readable(text)
    decoded, words = _undone(plain)
    changed = words or decoded
    if changed is not None and _otherwise(text, changed) > _A_GOOD_PART:
        return changed
    return None if plain.text == text else plain


_A_GOOD_PART: Final = 0.2
_WORD: Final = re.compile(r"\w+")


def _otherwise(written: str, changed: Mapped) -> float:
    """The share of the changed text's letters and digits in words that are written otherwise, in [0, 1]."""
    every = other = 0
    for word in _WORD.finditer(changed.text):
        source = written[changed.starts[word.start()] : changed.ends[word.end() - 1]]
        every += len(word.group())
        other += len(word.group()) * (source != word.group())
    return other / every if every else 0.0


def _undone(plain: Mapped) -> tuple[Mapped | None, Mapped | None]:
    """The text with its encoded runs decoded, and that with its words un-tricked; None where none is.

    An encoded run is no leetspeak, and what is in it may be.
    """
    decoded = deobfuscate.decoded(plain)
    return decoded, deobfuscate.matchable(decoded or plain)


def load_tables() -> None:
    """Read the tables that the views need, which otherwise happens on the first text that needs them."""
    _looks_tricky("a")
    deobfuscate.matchable(readable("һ3ll0 w o r l d"))


def _add(found: list[View], seen: set[str], name: str, mapped: Mapped | None) -> None:
    if mapped is None:
        return
    text = mapped.text
    letters = _letters(text)
    if letters in seen or not letters:
        return
    seen.add(letters)
    found.append(View(name, text, mapped.starts, mapped.ends))


_PUNCTUATION_ENTITY: Final = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|[lr][sd]quo|[nm]dash|#39|#34|#160);"
)
_NOT_LETTERS: Final = re.compile(r"[\W_]+")


def _letters(text: str) -> str:
    """What two views are compared by: words in small letters, punctuation and accents' encoding aside."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _NOT_LETTERS.sub(" ", text.casefold()).strip()


def _latinised(mapped: Mapped) -> Mapped:
    """Small letters without accents for matching; other scripts stay as they are."""
    from anyascii import anyascii

    made = Mapped([], [], [])
    for char, start, end in zip(mapped.chars, mapped.starts, mapped.ends, strict=True):
        is_latin = not char.isascii() and ("À" <= char <= "ɏ" or "Ḁ" <= char <= "ỿ")
        made.put((anyascii(char) if is_latin else char).casefold(), start, end)
    return made


def _looks_tricky(text: str) -> bool:
    """Whether an ASCII text is worth the long way round; errs on the side of yes."""
    return _quick_look().search(text) is not None or deobfuscate.is_rot13(text)


@functools.cache
def _quick_look() -> Any:
    """One linear-time pattern of everything that the long way could undo in ASCII."""
    import re2

    stretched = "|".join(letter * 3 for letter in "abcdefghijklmnopqrstuvwxyz")
    rot13 = "|".join(sorted(deobfuscate.rot13_words()))
    return re2.compile(
        r"&(?:#|[A-Za-z])"  # an entity
        r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # a control character
        r"|[A-Za-z][013457@$!|]+[A-Za-z]"  # leetspeak inside a word
        r"|(?:^|[^0-9A-Za-z])[@$0345][A-Za-z]{2}|[A-Za-z][$@]"  # at its edges
        rf"|(?i:{stretched})"
        r"|[A-Za-z][A-Za-z][013457]{1,4}(?:[^0-9A-Za-z]|$)|(?:^|[^0-9A-Za-z])[013457]{2}[A-Za-z]\b"
        r"|(?:^|[^0-9A-Za-z])[0-9A-Za-z](?:[ ._*+~|\-][0-9A-Za-z]){2}(?:[^0-9A-Za-z]|$)"  # spelled out
        r"|[0-9A-Za-z+/_\-]{12,}"  # an encoded run
        r"|[A-Za-z][(\[{]+[A-Za-z]|[)\]}][(\[{]*[A-Za-z]|[)\]}][(\[{]"  # a word cut by weights
        rf"|\b(?i:{rot13})\b"
    )
