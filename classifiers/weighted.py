"""Weights and brackets of image models' prompts, undone where they cut a word into pieces.

Duty: `(vi:1.2)(olent:1.1)` draws what "violent" draws; `v(io)lent` too. Brackets between words change no
word, so a text of ordinary weights stays as it is, and costs no view. Source: the attention syntax that
AUTOMATIC1111's web UI made common.
"""

from __future__ import annotations

import re
from typing import Final

from classifiers.mapped import Mapped

_WEIGHT: Final = re.compile(r":\s{0,3}\d{1,3}(?:\.\d{0,6})?\s{0,3}(?=[)\]])")
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_WORD: Final = re.compile(r"[^\W\d_]+")


def joined(text: Mapped) -> Mapped | None:
    """The text without weights and brackets, or None where that has the same words."""
    written = text.text
    if _BRACKET.search(written) is None:
        return None
    bare = text.replaced(_WEIGHT, lambda match: "").replaced(_BRACKET, lambda match: "")
    return None if _WORD.findall(bare.text) == _WORD.findall(written) else bare
