"""A causal language model that answers a batch of chat tasks in one forward pass, greedily.

Duty: tokens. It knows no policy, no queue and no category. Few-shot frames are encoded and run once at load;
every batch continues from their cached keys and values. A prompt enters as content only: no control token of
the tokenizer can come out of its text (`encode_content`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigurationError, RewriteFailed
from gateway.rewriting.loading import dtype_name, quiet_loading
from gateway.rewriting.strategy import ChatTask, Frame, FrameName, is_finished
from gateway.rewriting.vocabulary import Vocabulary

_SLOT: Final = "IMAGEGATE-PROMPT-SLOT"
_LINE_END: Final = re.compile(r"\S.*\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`dtype`: a torch dtype or `auto`; `threads`: intra-op threads; `max_chars` bounds a line."""

    dtype: str
    device: str
    threads: int
    repetition_penalty: float
    max_chars: int


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A frame as token ids before and after the prompt, and the model's cache over the ids before."""

    before: list[int]
    after: list[int]
    cache: Any


@dataclass(frozen=True, slots=True)
class EncodedTask:
    """A task as the ids after its frame's beginning (`row`), of which the last are the `start`."""

    task: ChatTask
    row: list[int]
    start: list[int]


class ChatEngine:
    """Loaded once, then called from one thread."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._model: Any = None
        self._tokenizer: Any = None
        self._vocabulary: Vocabulary | None = None
        self._frames: dict[FrameName, _Encoded] = {}

    def load(self, folder: Path, frames: Mapping[FrameName, Frame]) -> None:
        """Load the weights (safetensors only) from `folder` and run every frame once.

        Raises:
            ConfigurationError: no such model, no chat template, or a template that drops content.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(self._settings.threads)
        dtype = getattr(torch, dtype_name(self._settings.dtype, self._settings.device))
        try:
            with quiet_loading():
                tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                model = AutoModelForCausalLM.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, dtype=dtype
                )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"rewriter: no causal language model with safetensors in {folder} ({type(error).__name__})"
            ) from error
        if not getattr(tokenizer, "chat_template", None):
            raise ConfigurationError(
                f"rewriter: the tokenizer in {folder} has no chat template; use an instruct model"
            )
        tokenizer.padding_side = "left"
        self._model = model.to(self._settings.device).eval()
        self._tokenizer = tokenizer
        self._vocabulary = Vocabulary.of(tokenizer, model)
        self._model.generation_config = self._generation_config()
        self._frames = {name: self._encode_frame(frame) for name, frame in frames.items()}

    def encode(self, task: ChatTask) -> EncodedTask:
        """Return the task as token ids.

        Raises:
            RewriteFailed: it does not fit the model's context, or holds control tokens.
        """
        vocabulary, frame = self._loaded(task.frame)
        start = vocabulary.encode_content(task.start) if task.start else []
        row = [*vocabulary.encode_content(task.user), *frame.after, *start]
        if len(frame.before) + len(row) + task.max_new_tokens > vocabulary.context:
            raise RewriteFailed("the prompt is too long for the rewriting model")
        return EncodedTask(task, row, start)

    def complete(self, tasks: Sequence[EncodedTask], gone: Callable[[int], bool]) -> list[str]:
        """Return what the model adds after each task's start, in order; the tasks share one frame.

        A row for which `gone(row)` turns true is left where it stands.
        """
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        vocabulary, frame = self._loaded(tasks[0].task.frame)
        width = max(len(task.row) for task in tasks)
        pads = [width - len(task.row) for task in tasks]
        ids = [
            frame.before + [vocabulary.pad_id] * pad + task.row for pad, task in zip(pads, tasks, strict=True)
        ]
        mask = [[1] * len(frame.before) + [0] * pad + [1] * (width - pad) for pad in pads]
        progress = _Progress(tasks, len(frame.before) + width, gone, self)
        device = self._settings.device
        with torch.inference_mode():
            output = self._model.generate(
                torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=max(task.task.max_new_tokens for task in tasks),
                past_key_values=_for_batch(frame.cache, len(tasks)),
                logits_processor=LogitsProcessorList(
                    [vocabulary.constraint([bool(task.start) for task in tasks], progress.begin)]
                ),
                stopping_criteria=StoppingCriteriaList([progress]),
            )
        return [progress.text(row, ids) for row, ids in enumerate(output.tolist())]

    def decode_after(self, start: Sequence[int], new: Sequence[int]) -> str:
        """The text that `new` adds after `start`, with the space that some tokenizers drop at a beginning."""
        decode = self._tokenizer.decode
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        whole, base = decode([*start, *new], **options), decode(list(start), **options)
        return str(whole[len(base) :] if whole.startswith(base) else decode(list(new), **options))

    @property
    def max_chars(self) -> int:
        """The longest line, in characters."""
        return self._settings.max_chars

    def _loaded(self, name: FrameName) -> tuple[Vocabulary, _Encoded]:
        if self._vocabulary is None:
            raise RewriteFailed("the rewriting model is not loaded")
        return self._vocabulary, self._frames[name]

    def _encode_frame(self, frame: Frame) -> _Encoded:
        import torch

        before, after = self._around_slot(frame)
        encode = self._tokenizer.encode
        ids = encode(before, add_special_tokens=False)
        cache = None
        with torch.inference_mode():
            output = self._model(torch.tensor([ids], device=self._settings.device), use_cache=True)
            if _is_plain(getattr(output, "past_key_values", None)):
                cache = output.past_key_values
        return _Encoded(ids, encode(after, add_special_tokens=False), cache)

    def _around_slot(self, frame: Frame) -> tuple[str, str]:
        from jinja2.exceptions import TemplateError

        turns = [
            {"role": role, "content": content}
            for pair in (*frame.turns, (_SLOT, ""))
            for role, content in zip(("user", "assistant"), pair, strict=True)
        ][:-1]
        try:
            text = self._render([{"role": "system", "content": frame.system}, *turns])
        except TemplateError:
            # some templates (Gemma) know no system role: the first user turn then carries it
            first = {"role": "user", "content": f"{frame.system}\n\n{turns[0]['content']}"}
            text = self._render([first, *turns[1:]])
        parts = text.split(_SLOT)
        if len(parts) != 2:
            raise ConfigurationError("rewriter: the model's chat template drops or repeats the user's turn")
        return parts[0], parts[1]

    def _render(self, turns: Sequence[Mapping[str, str]]) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return rendered

    def _generation_config(self) -> Any:
        from transformers import GenerationConfig

        assert self._vocabulary is not None
        return GenerationConfig(
            do_sample=False,
            num_beams=1,
            repetition_penalty=self._settings.repetition_penalty,
            pad_token_id=self._vocabulary.pad_id,
            eos_token_id=sorted(self._vocabulary.eos_ids),
            use_cache=True,
        )


class _Progress:
    """Stops each row by itself: line or sentence complete, length reached, or waiter gone."""

    def __init__(
        self, tasks: Sequence[EncodedTask], begin: int, gone: Callable[[int], bool], engine: ChatEngine
    ) -> None:
        self._tasks = tasks
        self.begin = begin
        self._gone = gone
        self._engine = engine

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        done = [self._done(row, ids[self.begin :]) for row, ids in enumerate(input_ids.tolist())]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def text(self, row: int, ids: Sequence[int]) -> str:
        """What was added in `row`, up to the task's own limit of tokens."""
        encoded = self._tasks[row]
        new = ids[self.begin : self.begin + encoded.task.max_new_tokens]
        return self._engine.decode_after(encoded.start, new)

    def _done(self, row: int, new: Sequence[int]) -> bool:
        encoded = self._tasks[row]
        task = encoded.task
        if self._gone(row) or len(new) >= task.max_new_tokens:
            return True
        text = self._engine.decode_after(encoded.start, new)
        if len(task.start) + len(text) >= self._engine.max_chars:
            return True
        return is_finished(text) if task.frame is FrameName.DETAILS else bool(_LINE_END.match(text))


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
