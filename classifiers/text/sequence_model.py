"""A transformers sequence classifier run over overlapping windows, so that no part of a text is skipped.

Duty: texts in, one row of label scores per text out. It knows neither labels nor categories, and of the model
only a function from token ids to logits: torch's (`torch_logits`) or an exported graph's. A text that
needs more than `MAX_WINDOWS` windows is refused rather than judged in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

MAX_WINDOWS: Final = 2048
BATCH_TOKENS: Final = 4096
INT8_BATCH_TOKENS: Final = 256
"""An int8 graph on one core is twice as fast in small batches, which stay in its cache
(benchmarks/detoxify_cost.py)."""

Activation = Literal["sigmoid", "softmax"]
Scores = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Logits: TypeAlias = Callable[[Ids, Ids], Scores]
"""`logits(ids, mask)`: rows × tokens int64 each → rows × labels float32."""


class TextTooLong(ValueError):
    """The text needs more than `MAX_WINDOWS` windows."""


class SlowTokenizer(ValueError):
    """The tokenizer is not backed by the `tokenizers` library, so it can't cut windows."""


class SequenceModel:
    """A model's logits, its configuration and its tokenizer.

    `max_tokens` is a window's length, special tokens included; the model's own limit is kept. `batch_tokens`
    bounds one call of `logits`, padding included.
    """

    def __init__(
        self,
        logits: Logits,
        config: Any,
        tokenizer: Any,
        *,
        activation: Activation,
        max_tokens: int,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        if not tokenizer.is_fast:
            raise SlowTokenizer(type(tokenizer).__name__)
        positions = _positions(config)
        self._max_tokens = max_tokens if positions is None else min(max_tokens, positions)
        self._logits = logits
        self._batch_tokens = batch_tokens
        self._tokenizer = tokenizer
        self._activation = activation
        self._pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    def scores(self, texts: Sequence[str]) -> Scores:
        """Label scores in [0, 1], texts × labels; of a long text, each label's highest over its windows.

        Raises:
            TextTooLong: a text needs too many windows.
        """
        owners, windows = self._windows(texts)
        per_window = self._infer(windows)
        return np.stack([per_window[owners == row].max(axis=0) for row in range(len(texts))])

    def _windows(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[list[int]]]:
        """For each window the number of its text, and its ids; neighbours share a quarter."""
        encoded = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._max_tokens,
            stride=(self._max_tokens - self._tokenizer.num_special_tokens_to_add(pair=False)) // 4,
            return_overflowing_tokens=True,
            padding=False,
        )
        owners = np.array(encoded["overflow_to_sample_mapping"], np.int64)
        if np.bincount(owners).max() > MAX_WINDOWS:
            raise TextTooLong(f"over {MAX_WINDOWS} windows")
        return owners, encoded["input_ids"]

    def _infer(self, windows: Sequence[Sequence[int]]) -> Scores:
        scores: Scores | None = None
        for places in _batches([len(window) for window in windows], self._batch_tokens):
            logits = self._logits(*self._padded([windows[place] for place in places]))
            part = _sigmoid(logits) if self._activation == "sigmoid" else _softmax(logits)
            if scores is None:
                scores = np.zeros((len(windows), part.shape[1]), np.float32)
            scores[places] = part
        assert scores is not None  # every text has at least one window
        return scores

    def _padded(self, windows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
        width = max(map(len, windows))
        ids = np.full((len(windows), width), self._pad, np.int64)
        mask = np.zeros((len(windows), width), np.int64)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        return ids, mask


def torch_logits(model: Any, device: str = "cpu") -> Logits:
    """Return the logits of a torch sequence classifier on `device`, in inference mode."""
    import torch

    if device == "cpu":
        torch.set_num_threads(1)  # spin barriers of several threads collapse on a busy machine
    model = model.eval().to(device)

    def logits(ids: Ids, mask: Ids) -> Scores:
        with torch.inference_mode():
            found = model(
                input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device)
            ).logits
        scores: Scores = found.float().cpu().numpy()
        return scores

    return logits


def _sigmoid(logits: Scores) -> Scores:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32)


def _softmax(logits: Scores) -> Scores:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def _positions(config: Any) -> int | None:
    """How many tokens the model can place; RoBERTa's kind begins to count behind the padding id."""
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None:
        return None
    offset = (config.pad_token_id or 0) + 1 if "roberta" in str(config.model_type) else 0
    return int(limit) - offset


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Places grouped by length, each group with a bounded number of tokens after padding."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and lengths[place] * (len(group) + 1) > batch_tokens:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
