"""Letters of other scripts that pass for Latin ones, folded where they do.

Duty: find the words in which Greek, Cyrillic, Armenian or odd Latin letters stand for the Latin letters they
resemble, and write them in Latin. Real words of those scripts stay: a letter is folded in a word that mixes
scripts, in a word made wholly of close look-alikes inside a text that is otherwise Latin, and, once a text
has been caught mixing, in its other words too.

Sources: Unicode UTS #39 (confusables, through `confusable-homoglyphs`); `_LOOSE` is this project's own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from classifiers.mapped import Mapped

LATIN: Final = re.compile("[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_OTHER_SCRIPTS: Final = re.compile(
    "[\u0370-\u058f\u13a0-\u13ff\u1c80-\u1c8f\u2c80-\u2cff\ua4d0-\ua4ff\uab70-\uabbf]"
)
# Latin letters that no language's spelling needs in numbers: phonetic, small capital, squared and circled.
_ODD_LATIN: Final = re.compile("[ɐ-ʯᴀ-ᶿꜰ-ꟿꬰ-ꭤ\U0001f130-\U0001f189]")
_ENCLOSED: Final = re.compile("[\U0001f130-\U0001f189]{2,}")
# UTS #39 folds these to a letter that they resemble less in running text.
_OWN: Final = {"ӏ": "l", "Ӏ": "I", "І": "I"}
# Near enough to be read as Latin in a word that is known to be disguised; alone they prove nothing.
_LOOSE: Final = dict(
    zip("εκτχηβωδσγκтмнвпгшиялзΕΚΤΧΗΒΣЯИПТМНВ", "ektxnbwdoyktmhbnrwnrnzEKTXHBERNNTMHB", strict=False)
)


def folded(mapped: Mapped) -> Mapped:
    """The text with look-alike letters in Latin; linear in its length. Ordinary text comes back unchanged."""
    text = mapped.text
    if not (_OTHER_SCRIPTS.search(text) or _ODD_LATIN.search(text)):
        return mapped
    unmixed = _refolded(_without_enclosed(mapped), _of_mixed)
    if any(_is_mixed(word) for word in _WORD.findall(text)):
        whole = _refolded(unmixed, _of_caught)
        return whole if _is_mostly_latin(whole.text) else unmixed
    return _refolded(unmixed, _of_latin_text) if _is_mostly_latin(unmixed.text) else unmixed


def _is_mostly_latin(text: str) -> bool:
    others = sum(1 for _ in _OTHER_SCRIPTS.finditer(text))
    return sum(1 for _ in LATIN.finditer(text)) > others


def _is_mixed(word: str) -> bool:
    return LATIN.search(word) is not None and _OTHER_SCRIPTS.search(word) is not None


def _of_mixed(word: str) -> str:
    if _OTHER_SCRIPTS.search(word):
        return _loosely(word) if LATIN.search(word) else word
    return "".join(map(_latin_lookalike, word)) if _ODD_LATIN.search(word) else word


def _of_latin_text(word: str) -> str:
    """A whole foreign word in a Latin text: folded only when all its letters are close look-alikes."""
    folded = "".join(map(_latin_lookalike, word))
    return folded if len(word) > 1 and folded.isascii() else word


def _of_caught(word: str) -> str:
    """A word of a text that mixes scripts elsewhere."""
    folded = _loosely(word)
    return folded if folded.isascii() else word


def _loosely(word: str) -> str:
    """Letters that have a look-alike folded; a loose one counts only beside Latin letters or close ones."""
    close = "".join(map(_latin_lookalike, word))
    return "".join(_LOOSE.get(char, char) for char in close) if LATIN.search(close) else word


def _refolded(mapped: Mapped, fold: Callable[[str], str]) -> Mapped:
    """Fold every word that is not plain ASCII."""
    made, text, last = Mapped([], [], []), mapped.text, 0
    for match in _WORD.finditer(text):
        word = match.group()
        new = word if word.isascii() else fold(word)
        if new == word:
            continue
        made.extend(mapped, last, match.start())
        if len(new) == len(word):
            for place, char in enumerate(new, start=match.start()):
                made.put(char, mapped.starts[place], mapped.ends[place])
        else:
            made.put(new, mapped.starts[match.start()], mapped.ends[match.end() - 1])
        last = match.end()
    if last == 0:
        return mapped
    made.extend(mapped, last, len(text))
    return made


def _without_enclosed(mapped: Mapped) -> Mapped:
    """Squared and circled capitals (🅺) become letters; one alone, as a blood group, stays."""
    made, text, last = Mapped([], [], []), mapped.text, 0
    for match in _ENCLOSED.finditer(text):
        made.extend(mapped, last, match.start())
        for place in range(match.start(), match.end()):
            made.put(_latin_lookalike(text[place]), mapped.starts[place], mapped.ends[place])
        last = match.end()
    made.extend(mapped, last, len(text))
    return made


@functools.lru_cache(maxsize=4096)
def _latin_lookalike(char: str) -> str:
    """The ASCII letter that a character passes for, or the character itself."""
    if char.isascii():
        return char
    if char in _OWN:
        return _OWN[char]
    from anyascii import anyascii
    from confusable_homoglyphs import confusables

    if LATIN.match(char) and not _ODD_LATIN.match(char):
        return char
    for lookalike in confusables.confusables_data.get(char, ()):
        if len(lookalike["c"]) == 1 and lookalike["c"].isascii() and lookalike["c"].isalpha():
            return str(lookalike["c"])
    if _ODD_LATIN.match(char):
        plain: str = anyascii(char)
        if len(plain) == 1 and plain.isalpha():
            return plain
    return char
