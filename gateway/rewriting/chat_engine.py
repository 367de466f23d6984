"""A causal language model that answers a batch of chat tasks in one forward pass, greedily.

Duty: any model of transformers on any device of PyTorch. It knows no policy, no queue and no category. Frames
are encoded and run once at load; every batch continues from their cached keys and values.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.core.errors import ConfigurationError, RewriteFailed
from gateway.rewriting.chat_tokens import ChatTokens, EncodedTask, load_tokenizer
from gateway.rewriting.loading import dtype_name, quiet_loading
from gateway.rewriting.lora import Adapter
from gateway.rewriting.source import RewriterWeights
from gateway.rewriting.strategy import ChatTask, Frame, FrameName
from gateway.rewriting.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`dtype`: a torch dtype or `auto`; `threads`: intra-op threads; `max_chars` bounds a line."""

    dtype: str
    device: str
    threads: int
    repetition_penalty: float
    max_chars: int


class Engine(Protocol):
    """Runs a model. Loaded once, then called from one thread; greedy, so equal tasks get equal answers."""

    def load(self, weights: RewriterWeights, frames: Mapping[FrameName, Frame]) -> None:
        """Load, and run what every task of a frame shares.

        Raises:
            ConfigurationError: the weights can't be loaded.
        """
        ...

    def encode(self, task: ChatTask) -> EncodedTask:
        """Return the task as token ids.

        Raises:
            RewriteFailed: it does not fit the model's context, or holds control tokens.
        """
        ...

    def complete(self, tasks: Sequence[EncodedTask], gone: Callable[[int], bool]) -> list[str]:
        """Return what the model adds after each task's start, in order; the tasks share one frame.

        A row for which `gone(row)` turns true is left where it stands.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A frame as token ids before and after the prompt, and the model's cache over the ids before."""

    before: list[int]
    after: list[int]
    cache: Any


class ChatEngine:
    """The engine over PyTorch."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._model: Any = None
        self._tokens: ChatTokens | None = None
        self._frames: dict[FrameName, _Encoded] = {}

    def load(self, weights: RewriterWeights, frames: Mapping[FrameName, Frame]) -> None:
        """Load the weights (safetensors only), with their adapter if they have one, and run every frame once.

        Raises:
            ConfigurationError: no such model, no chat template, or a template that drops content.
        """
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(self._settings.threads)
        dtype = getattr(torch, dtype_name(self._settings.dtype, self._settings.device))
        folder = weights.folder
        try:
            with quiet_loading():
                model = AutoModelForCausalLM.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, dtype=dtype
                )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"rewriter: no causal language model with safetensors in {folder} ({type(error).__name__})"
            ) from error
        tokenizer = load_tokenizer(folder)
        tokenizer.padding_side = "left"
        if weights.adapter is not None:
            Adapter.read(weights.adapter).add_to(model)
        self._model = model.to(self._settings.device).eval()
        vocabulary = Vocabulary.of(
            tokenizer,
            width=int(model.get_output_embeddings().weight.shape[0]),
            context=int(getattr(model.config, "max_position_embeddings", 0) or 0),
            eos=getattr(model.generation_config, "eos_token_id", None),
        )
        self._tokens = ChatTokens(tokenizer, vocabulary, self._settings.max_chars)
        self._model.generation_config = self._generation_config(vocabulary)
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
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        tokens, frame = self._loaded(tasks[0].task.frame)
        width = max(len(task.row) for task in tasks)
        pads = [width - len(task.row) for task in tasks]
        pad_id = tokens.vocabulary.pad_id
        ids = [frame.before + [pad_id] * pad + task.row for pad, task in zip(pads, tasks, strict=True)]
        mask = [[1] * len(frame.before) + [0] * pad + [1] * (width - pad) for pad in pads]
        progress = _Progress(tasks, len(frame.before) + width, gone, tokens)
        constraint = _constraint(tokens, tasks, progress.begin)
        device = self._settings.device
        with torch.inference_mode():
            output = self._model.generate(
                torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=max(task.task.max_new_tokens for task in tasks),
                past_key_values=_for_batch(frame.cache, len(tasks)),
                logits_processor=LogitsProcessorList([constraint]),
                stopping_criteria=StoppingCriteriaList([progress]),
            )
        return [progress.text(row, ids) for row, ids in enumerate(output.tolist())]

    def _loaded(self, name: FrameName) -> tuple[ChatTokens, _Encoded]:
        if self._tokens is None:
            raise RewriteFailed("the rewriting model is not loaded")
        return self._tokens, self._frames[name]

    def _encode_frame(self, frame: Frame) -> _Encoded:
        import torch

        assert self._tokens is not None
        ids, after = self._tokens.around(frame)
        cache = None
        with torch.inference_mode():
            output = self._model(torch.tensor([ids], device=self._settings.device), use_cache=True)
            if _is_plain(getattr(output, "past_key_values", None)):
                cache = output.past_key_values
        return _Encoded(ids, after, cache)

    def _generation_config(self, vocabulary: Vocabulary) -> Any:
        from transformers import GenerationConfig

        return GenerationConfig(
            do_sample=False,
            num_beams=1,
            repetition_penalty=self._settings.repetition_penalty,
            pad_token_id=vocabulary.pad_id,
            eos_token_id=sorted(vocabulary.eos_ids),
            use_cache=True,
        )


class _Progress:
    """Stops each row by itself: line or sentence complete, length reached, or waiter gone."""

    def __init__(
        self, tasks: Sequence[EncodedTask], begin: int, gone: Callable[[int], bool], tokens: ChatTokens
    ) -> None:
        self._tasks = tasks
        self.begin = begin
        self._gone = gone
        self._tokens = tokens

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        done = [
            self._gone(row) or self._tokens.is_done(self._tasks[row], ids[self.begin :])
            for row, ids in enumerate(input_ids.tolist())
        ]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def text(self, row: int, ids: Sequence[int]) -> str:
        """What was added in `row`."""
        return self._tokens.text(self._tasks[row], ids[self.begin :])


def _constraint(tokens: ChatTokens, tasks: Sequence[EncodedTask], begin: int) -> Any:
    """A logits processor for a batch whose answers begin at column `begin`.

    An answer that has no beginning yet may not begin with everything, and a task's `without` can't be said.
    """
    import torch

    vocabulary = tokens.vocabulary
    never, first = torch.from_numpy(vocabulary.never), torch.from_numpy(vocabulary.first)

    def mask(input_ids: Any, scores: Any) -> Any:
        scores = scores + never.to(scores)
        for row, task in enumerate(tasks):
            if input_ids.shape[1] == begin and not task.start:
                scores[row] = scores[row] + first.to(scores)
            if task.task.without:
                said = input_ids[row, begin:].tolist()
                while tokens.refuses(task, [*said, best := int(scores[row].argmax())]):
                    scores[row, best] = -torch.inf
        return scores

    return mask


def _is_plain(cache: Any) -> bool:
    """True for a cache that can be copied and repeated for a batch: full attention in every layer."""
    layers: Any = getattr(cache, "layers", None)
    return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)


def _for_batch(cache: Any, size: int) -> Any:
    if cache is None:
        return None
    repeated = copy.deepcopy(cache)
    repeated.batch_repeat_interleave(size)
    return repeated
