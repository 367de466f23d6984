"""Texts as token windows, and windows as batches: what every BERT-like classifier here does before its graph.

Duty: tokenise, cut long texts into overlapping windows so that nothing is skipped, group windows of similar
length so that little is padded, and open an ONNX graph on one thread. It knows no model and no category.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from classifiers.characters import MAX_READABLE
from classifiers.onnx_session import open_session

OVERLAP_TOKENS: Final = 32  # so much of each window is seen again in the next
WINDOW_TOKENS: Final = 126  # with the two ends 128, the length that MiniLM was trained for
MAX_CHARACTERS: Final = MAX_READABLE
# So many tokens stay in the cache; 2,048 cost more than twice the CPU (benchmarks/prompt_safety.py).
_BATCH_TOKENS: Final = 256
_ENDS: Final = (("[CLS]", "[SEP]"), ("<s>", "</s>"))
"""What stands at the two ends of a window: in BERT's vocabularies, and in sentencepiece's."""

Vectors: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.int64]
Engine: TypeAlias = Callable[[Ids, Ids], Vectors]
"""`engine(ids, mask)`: rows × tokens int64 each → rows × outputs float32."""


class TextTooLong(ValueError):
    """The text exceeds `MAX_CHARACTERS`; it is refused rather than judged in part."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text: its token ids with both ends, and its characters `[start, end)`."""

    ids: Sequence[int]
    start: int
    end: int


class WindowTokenizer:
    """A `tokenizer.json` that makes windows of at most `window` tokens, its two ends not counted."""

    def __init__(self, path: Path, window: int = WINDOW_TOKENS) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._window = window
        self._stride = window - OVERLAP_TOKENS
        known = self._tokenizer.get_vocab()
        self._first, self._last = next((known[a], known[b]) for a, b in _ENDS if a in known and b in known)

    def windows(self, text: str) -> list[Window]:
        """The text in overlapping windows; one window when it fits.

        Raises:
            TextTooLong: over `MAX_CHARACTERS`.
        """
        if len(text) > MAX_CHARACTERS:
            raise TextTooLong(f"over {MAX_CHARACTERS} characters")
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = encoding.ids
        if len(ids) <= self._window:
            return [Window([self._first, *ids, self._last], 0, len(text))]
        last = len(ids) - self._window
        offsets = encoding.offsets
        return [
            Window(
                [self._first, *ids[start : start + self._window], self._last],
                offsets[start][0],
                offsets[start + self._window - 1][1],
            )
            for start in [*range(0, last, self._stride), last]
        ]


def run(
    engine: Engine, windows: Sequence[Window], width: int, between: Callable[[], None] | None = None
) -> Vectors:
    """The engine's outputs, windows × `width` float32, in the order given; batches of similar length.

    `between` is called between two batches.
    """
    outputs = np.zeros((len(windows), width), np.float32)
    for number, places in enumerate(_batches([len(window.ids) for window in windows])):
        if number and between is not None:
            between()
        ids, mask = _padded([windows[place].ids for place in places])
        outputs[places] = engine(ids, mask)
    return outputs


class OnnxEngine:
    """A graph of `input_ids` and `attention_mask` on one thread that does not spin while it waits."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path, mapped=True)

    def __call__(self, ids: Ids, mask: Ids) -> Vectors:
        """The graph's first output."""
        outputs: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return outputs


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places grouped by length, so that little is padded; each group holds a bounded number of tokens."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        width = lengths[place]
        if group and (width * (len(group) + 1) > _BATCH_TOKENS or width > lengths[group[0]] + 16):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _padded(windows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Token ids, padded to a multiple of 8, and the attention mask."""
    width = max(len(window) for window in windows)
    width += -width % 8
    ids = np.zeros((len(windows), width), np.int64)
    mask = np.zeros((len(windows), width), np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
    return ids, mask
