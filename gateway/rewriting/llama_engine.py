"""The engine for Llama-type models on a CPU: one 8-bit graph in ONNX Runtime, one greedy loop of our own.

Duty: keys, values and steps. Each row of a batch is read in alone, over the cached beginning that all tasks
of its frame share, then all rows take one step together. A row that is done leaves the batch at once. A
row's numbers never depend on its neighbours, so a batch answers as each row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifiers.onnx_session import open_session
from gateway.core.errors import ConfigurationError, RewriteFailed
from gateway.rewriting.chat_engine import EngineSettings
from gateway.rewriting.chat_tokens import ChatTokens, EncodedTask
from gateway.rewriting.llama_graph import LlamaShape
from gateway.rewriting.llama_weights import GRAPH, llama_shape, model_config
from gateway.rewriting.plain_tokenizer import PlainTokenizer
from gateway.rewriting.source import RewriterWeights
from gateway.rewriting.strategy import ChatTask, Frame, FrameName
from gateway.rewriting.vocabulary import Vocabulary

Floats = npt.NDArray[np.float32]
_ROOM_STEP: Final = 16


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A frame as token ids before and after the prompt, and keys and values over the ids before."""

    before: list[int]
    after: list[int]
    cache: list[Floats]


@dataclass(slots=True)
class _Row:
    """A task on its way: its place among the tasks, what it said so far, and the next position."""

    index: int
    encoded: EncodedTask
    position: int
    new: list[int] = field(default_factory=list)


class LlamaEngine:
    """The engine over a folder that `llama_weights` wrote."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._session: Any = None
        self._shape: LlamaShape | None = None
        self._tokens: ChatTokens | None = None
        self._frames: dict[FrameName, _Encoded] = {}

    def load(self, weights: RewriterWeights, frames: Mapping[FrameName, Frame]) -> None:
        """Load the graph and run every frame's beginning once.

        Raises:
            ConfigurationError: no graph, no chat template, or a template that drops content.
        """
        folder = weights.folder
        try:
            self._session = open_session(folder / GRAPH, threads=self._settings.threads, mapped=True)
        except (
            Exception
        ) as error:  # the library raises its own types, all of them direct children of Exception
            raise ConfigurationError(f"rewriter: {GRAPH} can't be loaded ({type(error).__name__})") from error
        self._shape = shape = llama_shape(folder)
        tokenizer = PlainTokenizer(folder)
        vocabulary = Vocabulary.of(
            tokenizer,
            width=shape.vocab_size,
            context=shape.max_position_embeddings,
            eos=model_config(folder).get("eos_token_id"),
        )
        self._tokens = ChatTokens(tokenizer, vocabulary, self._settings.max_chars)
        self._frames = {name: self._encode_frame(frame) for name, frame in frames.items()}

    def encode(self, task: ChatTask) -> EncodedTask:
        """Return the task as token ids.

        Raises:
            RewriteFailed: it does not fit the model's context, or holds control tokens.
        """
        tokens, frame = self._loaded(task.frame)
        return tokens.encode(task, frame.before, frame.after)

    def complete(self, tasks: Sequence[EncodedTask], gone: Callable[[int], bool]) -> list[str]:
        """Return what the model adds after each task's start, in order; the tasks share one frame.

        A row for which `gone(row)` turns true is left where it stands.
        """
        tokens, frame = self._loaded(tasks[0].task.frame)
        begun = len(frame.before)
        longest = max(len(task.row) + task.task.max_new_tokens for task in tasks)
        cache = self._empty_cache(len(tasks), begun + longest)
        rows = [_Row(index, task, begun + len(task.row)) for index, task in enumerate(tasks)]
        answers = [""] * len(tasks)
        scores: list[Floats] = []
        for row in rows:
            for shared, own in zip(frame.cache, cache, strict=True):
                own[row.index, :, :begun] = shared[0, :, :begun]
            own_cache = [layer[row.index : row.index + 1] for layer in cache]
            scores.append(_Steps(self._session, own_cache).run([row.encoded.row], [begun])[0].copy())
        steps = _Steps(self._session, cache)
        while rows:
            for place in range(len(rows) - 1, -1, -1):
                row = rows[place]
                if not self._advance(row, scores[place], frame, gone):
                    continue
                answers[row.index] = tokens.text(row.encoded, row.new)
                # the last row takes the place of the one that is done
                rows[place], scores[place] = rows[-1], scores[-1]
                for layer in cache:
                    layer[place] = layer[len(rows) - 1]
                rows.pop()
                scores.pop()
            if rows:
                said = [[row.new[-1]] for row in rows]
                scores = list(steps.run(said, [row.position for row in rows]))
                for row in rows:
                    row.position += 1
        return answers

    def _advance(self, row: _Row, scores: Floats, frame: _Encoded, gone: Callable[[int], bool]) -> bool:
        """Choose the row's next token; true when the row is done."""
        tokens, _ = self._loaded(row.encoded.task.frame)
        vocabulary = tokens.vocabulary
        if gone(row.index):
            return True
        penalty = self._settings.repetition_penalty
        if penalty != 1.0:
            seen = np.unique([*frame.before, *row.encoded.row, *row.new])
            scores = scores.copy()
            scores[seen] = np.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
        scores = scores + vocabulary.never
        if not row.new and not row.encoded.start:
            scores = scores + vocabulary.first
        token = int(scores.argmax())
        while tokens.refuses(row.encoded, [*row.new, token]):
            scores[token] = -np.inf
            token = int(scores.argmax())
        if token in vocabulary.eos_ids:
            return True
        row.new.append(token)
        return tokens.is_done(row.encoded, row.new)

    def _loaded(self, name: FrameName) -> tuple[ChatTokens, _Encoded]:
        if self._tokens is None:
            raise RewriteFailed("the rewriting model is not loaded")
        return self._tokens, self._frames[name]

    def _encode_frame(self, frame: Frame) -> _Encoded:
        assert self._tokens is not None
        before, after = self._tokens.around(frame)
        cache = self._empty_cache(1, len(before))
        _Steps(self._session, cache).run([before], [0])
        return _Encoded(before, after, cache)

    def _empty_cache(self, rows: int, positions: int) -> list[Floats]:
        """Keys and values by turns, layer by layer: rows × heads × room × size each."""
        assert self._shape is not None
        room = -(-positions // _ROOM_STEP) * _ROOM_STEP
        size = (rows, self._shape.num_key_value_heads, room, self._shape.head_size)
        return [np.zeros(size, np.float32) for _ in range(2 * self._shape.num_hidden_layers)]


class _Steps:
    """Runs the graph over the first rows of a cache, which it writes in place.

    Inputs, outputs and cache are bound by address once for a number of rows and a length.
    """

    def __init__(self, session: Any, cache: Sequence[Floats]) -> None:
        self._session = session
        self._cache = cache
        self._binding: Any = None
        self._bound: tuple[int, int] | None = None
        self._ids: npt.NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._last: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._total: npt.NDArray[np.int32] = np.zeros((), np.int32)
        self._logits: Floats = np.zeros((0, 0), np.float32)

    def run(self, ids: Sequence[Sequence[int]], positions: Sequence[int]) -> Floats:
        """Feed each row its next ids, which begin at its position; return scores (rows × vocabulary).

        The scores are overwritten by the next call.
        """
        shape = (len(ids), len(ids[0]))
        if shape != self._bound:
            self._bind(shape)
        self._ids[:] = ids
        self._last[:] = np.asarray(positions) + (shape[1] - 1)
        self._total[...] = max(positions) + shape[1]
        self._session.run_with_iobinding(self._binding)
        return self._logits

    def _bind(self, shape: tuple[int, int]) -> None:
        width = self._session.get_outputs()[0].shape[1]
        self._ids = np.zeros(shape, np.int64)
        self._last = np.zeros(shape[:1], np.int32)
        self._total = np.zeros((), np.int32)
        self._logits = np.empty((shape[0], width), np.float32)
        self._binding = binding = self._session.io_binding()
        for name, array in (("ids", self._ids), ("last", self._last), ("total", self._total)):
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        logits = self._logits
        binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        for index, layer in enumerate(self._cache):
            kind, number = ("key", "value")[index % 2], index // 2
            size = (shape[0], *layer.shape[1:])
            address = layer.ctypes.data
            binding.bind_input(f"past_{kind}.{number}", "cpu", 0, np.float32, size, address)
            binding.bind_output(f"present_{kind}.{number}", "cpu", 0, np.float32, size, address)
        self._bound = shape
