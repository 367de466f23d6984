"""A tokenizer folder read without transformers, whose import alone takes longer than loading the model.

Duty: the few calls of a transformers tokenizer that rewriting makes, over `tokenizers` and `jinja2`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.core.errors import ConfigurationError


class PlainTokenizer:
    """Reads `tokenizer.json`, `tokenizer_config.json` and the chat template of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the files.

        Raises:
            ConfigurationError: there is no tokenizer, or it has no chat template.
        """
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            text = (folder / "tokenizer.json").read_text("utf-8")
            # two copies, because the second switch below is the tokenizer's own state
            self._marked, self._plain = Tokenizer.from_str(text), Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare exceptions for a broken file
            raise ConfigurationError(
                f"rewriter: no tokenizer in {folder} ({type(error).__name__})"
            ) from error
        self._plain.encode_special_tokens = True
        template = folder / "chat_template.jinja"
        self.chat_template = (
            template.read_text("utf-8") if template.is_file() else config.get("chat_template")
        )
        if not isinstance(self.chat_template, str):
            raise ConfigurationError(
                f"rewriter: the tokenizer in {folder} has no chat template; use an instruct model"
            )
        self._names = {key: _content(config.get(key)) for key in ("bos_token", "eos_token", "pad_token")}

    def __len__(self) -> int:
        """Tokens, the added ones included."""
        size: int = self._marked.get_vocab_size(with_added_tokens=True)
        return size

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Added tokens by id; each has `content` and `special`."""
        added: Mapping[int, Any] = self._marked.get_added_tokens_decoder()
        return added

    @property
    def eos_token_id(self) -> int | None:
        """The end token's id."""
        return self._id("eos_token")

    @property
    def pad_token_id(self) -> int | None:
        """The padding token's id."""
        return self._id("pad_token")

    def encode(
        self, text: str, *, add_special_tokens: bool = False, split_special_tokens: bool = False
    ) -> list[int]:
        """Ids of `text`; with `split_special_tokens` the text of a control token is ordinary text."""
        tokenizer = self._plain if split_special_tokens else self._marked
        ids: list[int] = tokenizer.encode(text, add_special_tokens=add_special_tokens).ids
        return ids

    def decode(
        self,
        ids: Sequence[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> str:
        """Text of `ids`, as it stands."""
        if clean_up_tokenization_spaces:
            raise NotImplementedError("spaces are never cleaned up here")
        text: str = self._marked.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def batch_decode(
        self,
        rows: Sequence[Sequence[int]],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> list[str]:
        """Text of each row of ids, as it stands."""
        if clean_up_tokenization_spaces:
            raise NotImplementedError("spaces are never cleaned up here")
        texts: list[str] = self._marked.decode_batch(
            [list(row) for row in rows], skip_special_tokens=skip_special_tokens
        )
        return texts

    def apply_chat_template(self, turns: Sequence[Mapping[str, str]], **options: Any) -> str:
        """The conversation as text; `tokenize` must be false.

        Raises:
            jinja2.TemplateError: the template refuses these turns.
        """
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> str:
            raise TemplateError(message)

        assert not options.pop("tokenize")
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = refuse
        return environment.from_string(self.chat_template).render(messages=turns, **self._names, **options)

    def _id(self, key: str) -> int | None:
        name = self._names[key]
        found: int | None = self._marked.token_to_id(name) if name else None
        return found


def _content(token: object) -> str | None:
    """A token's text, which older folders wrap in an object."""
    if isinstance(token, Mapping):
        token = token.get("content")
    return token if isinstance(token, str) else None
