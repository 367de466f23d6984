"""A teacher for posts: the small bidirectional LSTM in the package tox-block (MIT), for soft targets.

Duty: read its two files without its dependencies (no TensorFlow; of the pickle the words are read, nothing is
unpickled) and give the six Jigsaw heads' probabilities. Only training uses it: it was trained on Jigsaw's
whole comment set, and so has seen the rows of our validation split; whoever asks it leaves those out.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import torch

from classifiers.weights import file_sha256

HEADS: Final = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
"""Column order of the teacher's output, by our names."""

FOLDER: Final = Path("tox_block/trained_models")
WEIGHTS: Final = ("lstm_model_0.1.2.h5", "587d40726f1250341a3661fac099e46582cf34cdd5136eb88a726bf6d62ec24e")
ENCODER: Final = ("encoder_0.1.2.pkl", "f73db76ce4138c0a566cf91a84077ab66db1f5da40d795d2f751b5a157d91ce7")

_WORDS: Final = 100
_VOCABULARY: Final = 20_000
_BATCH: Final = 512
_SEPARATORS: Final = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


class Teacher:
    """Texts to probabilities of the six heads; of a long text its last hundred words count."""

    def __init__(self, index: dict[str, int], weights: dict[str, torch.Tensor]) -> None:
        self._index = index
        self._weights = weights

    @classmethod
    def from_package(cls, root: Path) -> Teacher:
        """Read the files of `tox-block==0.1.2` unpacked in `root` (as `pip install --target` leaves it).

        Raises:
            ValueError: a file is not the one that this reader was checked on.
        """
        for name, wanted in (WEIGHTS, ENCODER):
            if file_sha256(root / FOLDER / name) != wanted:
                raise ValueError(f"{root / FOLDER / name} is not the file of tox-block 0.1.2")
        import h5py

        with (root / FOLDER / ENCODER[0]).open("rb") as file:
            index = {word: at for word, at in _word_index(file) if at < _VOCABULARY}
        with h5py.File(root / FOLDER / WEIGHTS[0]) as stored:
            return cls(index, _tensors(stored["model_weights"]))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Texts × heads, float32."""
        ids = torch.tensor(np.array([self._ids(text) for text in texts]).reshape(-1, _WORDS))
        with torch.inference_mode():
            parts = [self._run(part) for part in ids.split(_BATCH)]
        return np.concatenate([part.numpy() for part in parts]) if parts else np.zeros((0, len(HEADS)))

    def _ids(self, text: str) -> list[int]:
        words = text.lower().translate(_SEPARATORS).split(" ")
        known = [self._index[word] for word in words if word in self._index][-_WORDS:]
        return [0] * (_WORDS - len(known)) + known

    def _run(self, ids: torch.Tensor) -> torch.Tensor:
        weights = self._weights
        words = weights["embedding"][ids]
        forward = _highest_state(words, *(weights[f"forward/{part}"] for part in _PARTS))
        backward = _highest_state(words.flip(1), *(weights[f"backward/{part}"] for part in _PARTS))
        hidden = torch.relu(
            torch.cat([forward, backward], 1) @ weights["dense/kernel"] + weights["dense/bias"]
        )
        return torch.sigmoid(hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"])


_PARTS: Final = ("kernel", "recurrent_kernel", "bias")


def _highest_state(
    words: torch.Tensor, kernel: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """The maximum over time of an LSTM's states; gates in Keras' order: in, forget, cell, out."""
    ahead = words @ kernel + bias
    state = cell = torch.zeros(len(words), recurrent.shape[0])
    highest = torch.full_like(state, -1.0)
    for step in range(ahead.shape[1]):
        enter, forget, new, leave = (ahead[:, step] + state @ recurrent).chunk(4, 1)
        cell = _gate(forget) * cell + _gate(enter) * torch.tanh(new)
        state = _gate(leave) * torch.tanh(cell)
        highest = torch.maximum(highest, state)
    return highest


def _gate(x: torch.Tensor) -> torch.Tensor:
    """Keras' hard sigmoid."""
    return (0.2 * x + 0.5).clamp(0, 1)


def _tensors(stored: Any) -> dict[str, torch.Tensor]:
    found = {"embedding": stored["embedding/embedding/embeddings:0"]}
    for side in ("forward", "backward"):
        for part in _PARTS:
            found[f"{side}/{part}"] = stored[f"bidirectional/bidirectional/{side}_lstm/{part}:0"]
    for layer in ("dense", "dense_1"):
        for part in ("kernel", "bias"):
            found[f"{layer}/{part}"] = stored[f"{layer}/{layer}/{part}:0"]
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def _word_index(pickled: IO[bytes]) -> Iterator[tuple[str, int]]:
    """The word index of Keras' tokenizer out of the stream of a pickle: words, each with its number.

    Nothing is built and nothing called: the stream's own strings and integers are enough.
    """
    memo: dict[int, str] = {}
    last: str | None = None
    inside = False
    for operation, value, _ in pickletools.genops(pickled):
        name = operation.name
        if name == "BINUNICODE":
            if inside and value == "index_word":
                return
            inside, last = inside or value == "word_index", value
        elif name in ("BINPUT", "LONG_BINPUT") and last is not None:
            memo[value] = last
        elif name in ("BINGET", "LONG_BINGET"):
            last = memo.get(value)
        elif inside and last is not None and name in ("BININT", "BININT1", "BININT2"):
            yield last, value
            last = None
        elif name not in ("MARK", "SETITEMS"):
            last = None
