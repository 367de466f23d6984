"""A chat tokenizer's side of rewriting: frames and tasks as token ids, and answers as text again.

Duty: what every engine does alike before and after its model runs. It knows no weights and no arithmetic. A
prompt enters as content only: no control token of the tokenizer can come out of its text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.core.errors import ConfigurationError, RewriteFailed
from gateway.rewriting.loading import quiet_loading
from gateway.rewriting.strategy import ChatTask, Frame, FrameName, is_finished
from gateway.rewriting.vocabulary import Vocabulary

_SLOT: Final = "IMAGEGATE-PROMPT-SLOT"
_LINE_END: Final = re.compile(r"\S.*\n", re.DOTALL)


_LAST_WORD: Final = re.compile(r"[^\W_]+$")
_SAME_BEGINNING: Final = 0.6


@dataclass(frozen=True, slots=True)
class EncodedTask:
    """A task as the ids after its frame's beginning (`row`), of which the last are the `start`."""

    task: ChatTask
    row: list[int]
    start: list[int]


@dataclass(frozen=True, slots=True)
class ChatTokens:
    """A loaded tokenizer with its vocabulary; `max_chars` bounds an answer's line."""

    tokenizer: Any
    vocabulary: Vocabulary
    max_chars: int

    def around(self, frame: Frame) -> tuple[list[int], list[int]]:
        """The frame's ids before and after the prompt.

        Raises:
            ConfigurationError: the template drops or repeats the user's turn.
        """
        before, after = self._around_slot(frame)
        encode = self.tokenizer.encode
        return encode(before, add_special_tokens=False), encode(after, add_special_tokens=False)

    def encode(self, task: ChatTask, before: Sequence[int], after: Sequence[int]) -> EncodedTask:
        """Return the task as token ids.

        Raises:
            RewriteFailed: it does not fit the model's context, or holds control tokens.
        """
        start = self.vocabulary.encode_content(task.start) if task.start else []
        row = [*self.vocabulary.encode_content(task.user), *after, *start]
        if len(before) + len(row) + task.max_new_tokens > self.vocabulary.context:
            raise RewriteFailed("the prompt is too long for the rewriting model")
        return EncodedTask(task, row, start)

    def text(self, encoded: EncodedTask, new: Sequence[int]) -> str:
        """What `new` adds to the task's start, up to the task's own limit of tokens."""
        return self._decode_after(encoded.start, new[: encoded.task.max_new_tokens])

    def refuses(self, encoded: EncodedTask, new: Sequence[int]) -> bool:
        """True when what `new` ends with begins as a word that the task does without.

        Beginnings count, so that no other ending of the word, and no spelling in other tokens, slips through.
        """
        words = encoded.task.without
        if not words:
            return False
        last = _LAST_WORD.search(self._decode_after(encoded.start, new).casefold())
        return last is not None and any(_begin_alike(last.group(), word) for word in words)

    def is_done(self, encoded: EncodedTask, new: Sequence[int]) -> bool:
        """True once the line or the details are complete, or long enough."""
        task = encoded.task
        if len(new) >= task.max_new_tokens:
            return True
        text = self._decode_after(encoded.start, new)
        if len(task.start) + len(text) >= self.max_chars:
            return True
        return is_finished(text) if task.frame is FrameName.DETAILS else bool(_LINE_END.match(text))

    def _decode_after(self, start: Sequence[int], new: Sequence[int]) -> str:
        """The text that `new` adds after `start`, with the space that some tokenizers drop at a beginning."""
        decode = self.tokenizer.decode
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        whole, base = decode([*start, *new], **options), decode(list(start), **options)
        return str(whole[len(base) :] if whole.startswith(base) else decode(list(new), **options))

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
        rendered: str = self.tokenizer.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return rendered


def _begin_alike(said: str, word: str) -> bool:
    """True when both share more than half of `word`, and three letters at least."""
    enough = max(3, math.ceil(_SAME_BEGINNING * len(word)))
    return said[:enough] == word[:enough]


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer in `folder`.

    Raises:
        ConfigurationError: there is none, or it has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"rewriter: no tokenizer in {folder} ({type(error).__name__})") from error
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigurationError(
            f"rewriter: the tokenizer in {folder} has no chat template; use an instruct model"
        )
    return tokenizer
