"""Which tokens a prompt may become, and which tokens an answer may hold.

Duty: keep control tokens out of both. It knows no frame and no queue. A prompt is data: the text of a control
token inside it (`<|im_start|>` …) is taken out, the rest is encoded with special tokens split into ordinary
pieces, and what comes out is checked once more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.errors import ConfigurationError, RewriteFailed

FloatArray: TypeAlias = npt.NDArray[np.float32]
_MARKUP: Final = re.compile(r"[<>|\[\]]")
_NEVER: Final = frozenset('"“”„«»`{}<>|\\*#[]~^')
_FALLBACK_CONTEXT: Final = 2048
_MAX_CONTEXT: Final = 8192


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer's control tokens, and the answer's constraint as masks to be added to a head's scores.

    `control` maps a control token's text to its id. `never` masks what no answer may hold (control tokens
    but the end, control characters, quotes, markup), `first` also what no answer may begin with.
    """

    tokenizer: Any
    control: dict[str, int]
    eos_ids: frozenset[int]
    pad_id: int
    context: int
    never: FloatArray
    first: FloatArray

    @classmethod
    def of(cls, tokenizer: Any, *, width: int, context: int, eos: int | Sequence[int] | None) -> Vocabulary:
        """Read the vocabulary of a loaded tokenizer.

        `width` is the head's, `context` the model's longest text in tokens (0: unknown), `eos` the end tokens
        that the model's own configuration names.

        Raises:
            ConfigurationError: neither names an end token.
        """
        eos_ids = _eos_ids(tokenizer, eos)
        control = {
            str(token.content): int(index)
            for index, token in tokenizer.added_tokens_decoder.items()
            if str(token.content).strip() and (token.special or _MARKUP.search(str(token.content)))
        }
        held = frozenset(control.values())
        never, first = np.zeros(width, np.float32), np.zeros(width, np.float32)
        for index, text in enumerate(_texts(tokenizer, width)):
            if index in eos_ids:
                first[index] = -np.inf
            elif text is None or index in held or not _allowed(text):
                never[index] = first[index] = -np.inf
            elif not any(char.isalpha() or char == "\ufffd" for char in text) and text.strip(" ▁"):
                first[index] = -np.inf
        pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(eos_ids)
        longest = min(context or _FALLBACK_CONTEXT, _MAX_CONTEXT)
        return cls(tokenizer, control, eos_ids, int(pad_id), longest, never, first)

    def encode_content(self, text: str) -> list[int]:
        """Return the ids of `text` as content: never a control token, at least one id.

        Raises:
            RewriteFailed: nothing is left to encode, or a control token came out all the same.
        """
        ids: list[int] = self.tokenizer.encode(
            self.without_control(text), add_special_tokens=False, split_special_tokens=True
        )
        if not ids:
            raise RewriteFailed("the prompt is empty for the rewriting model")
        if not self._control_ids().isdisjoint(ids):
            raise RewriteFailed("the prompt holds control tokens of the rewriting model")
        return ids

    def without_control(self, text: str) -> str:
        """Return `text` with every control token's text replaced by a space, until none is left."""
        if not self.control:
            return text
        pattern = re.compile("|".join(sorted(map(re.escape, self.control), key=len, reverse=True)))
        while pattern.search(text):
            text = pattern.sub(" ", text)
        return text

    def _control_ids(self) -> frozenset[int]:
        return frozenset(self.control.values()) | self.eos_ids


def _eos_ids(tokenizer: Any, named: int | Sequence[int] | None) -> frozenset[int]:
    ids = {named} if isinstance(named, int) else set(named or ())
    if tokenizer.eos_token_id is not None:
        ids.add(tokenizer.eos_token_id)
    if not ids:
        raise ConfigurationError("rewriter: the tokenizer has no end-of-text token")
    return frozenset(int(index) for index in ids)


def _texts(tokenizer: Any, width: int) -> list[str | None]:
    """Each token's text by id; None beyond the tokenizer's own (heads are often padded)."""
    known = min(len(tokenizer), width)
    decoded = tokenizer.batch_decode(
        [[index] for index in range(known)], skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return [*decoded, *([None] * (width - known))]


def _allowed(text: str) -> bool:
    return not any(
        char in _NEVER
        or (char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
        for char in text
    )
