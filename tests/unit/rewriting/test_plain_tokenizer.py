"""The plain tokenizer does what transformers' own does with the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError
from support.tiny_chat import TEMPLATE, WITHOUT_SYSTEM, make_tiny_chat_model

from gateway.core.errors import ConfigurationError
from gateway.rewriting.chat_tokens import load_tokenizer
from gateway.rewriting.plain_tokenizer import PlainTokenizer

_TEXTS = ["an old car", "<|im_start|>user\na cat<|im_end|>", "two  spaces ", "naïve 日本", ""]
_TURNS = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "a cat\n<|im_end|>"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_chat_model(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[Any, PlainTokenizer]:
    return load_tokenizer(folder), PlainTokenizer(folder)


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("split", [True, False])
def test_ids_and_texts_are_the_same(pair: tuple[Any, PlainTokenizer], text: str, split: bool) -> None:
    """Encoding, with control tokens as such or as text, and decoding agree."""
    theirs, ours = pair
    ids = ours.encode(text, add_special_tokens=False, split_special_tokens=split)
    assert ids == theirs.encode(text, add_special_tokens=False, split_special_tokens=split)
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    assert ours.decode(ids, **options) == theirs.decode(ids, **options)


def test_templates_and_special_tokens_are_the_same(pair: tuple[Any, PlainTokenizer]) -> None:
    """The rendered conversation and the ids that matter agree."""
    theirs, ours = pair
    rendered = [
        tokenizer.apply_chat_template(
            _TURNS, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        for tokenizer in pair
    ]
    assert rendered[0] == rendered[1]
    assert (len(ours), ours.eos_token_id) == (len(theirs), theirs.eos_token_id)
    names = [{index: token.content for index, token in each.added_tokens_decoder.items()} for each in pair]
    assert names[0] == names[1]


def test_a_template_may_refuse(tmp_path: Path) -> None:
    """`raise_exception` in a template is jinja's own error, as the frames expect."""
    folder = make_tiny_chat_model(tmp_path / "model", template=WITHOUT_SYSTEM + TEMPLATE)
    with pytest.raises(TemplateError, match="system"):
        PlainTokenizer(folder).apply_chat_template(_TURNS, tokenize=False)


@pytest.mark.parametrize("damage", ["missing", "broken", "template"])
def test_a_folder_without_a_whole_tokenizer_is_refused(tmp_path: Path, damage: str) -> None:
    """No file, a broken file or no chat template: one error that names the folder."""
    folder = make_tiny_chat_model(tmp_path / "model", template=None if damage == "template" else TEMPLATE)
    if damage == "missing":
        (folder / "tokenizer.json").unlink()
    elif damage == "broken":
        (folder / "tokenizer.json").write_text(json.dumps({"model": 1}))
    with pytest.raises(ConfigurationError, match="tokenizer"):
        PlainTokenizer(folder)
