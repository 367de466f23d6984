"""The fast canonical path against the `rfc8785` package."""

from __future__ import annotations

import json

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.canonical import MAX_INTEGER, RecordInvalid, canonical, plain

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts


def trees(keys: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=25,
    )


@given(trees(st.text(st.characters(max_codepoint=127), max_size=8)))
def test_ascii_keys_take_the_same_form_as_rfc8785(value: object) -> None:
    """For ASCII keys (orjson's path) the bytes equal those of the reference package."""
    assert canonical(value) == rfc8785.dumps(value)


@given(trees(texts))
def test_any_keys_take_the_same_form_as_rfc8785(value: object) -> None:
    """For any keys the bytes equal those of the reference package."""
    assert canonical(value) == rfc8785.dumps(value)


@given(trees(texts))
def test_canonical_bytes_read_back_and_stay(value: object) -> None:
    """What is written reads back equal, and has the same bytes again."""
    body = canonical(value)
    assert json.loads(body) == plain(value)
    assert canonical(json.loads(body)) == body


@given(st.text(max_size=30))
def test_text_is_taken_or_refused_never_changed(text: str) -> None:
    """Text with a lone surrogate is refused; all other text comes back the same."""
    lone = any(0xD800 <= ord(character) <= 0xDFFF for character in text)
    try:
        assert json.loads(canonical({"t": text})) == {"t": text}
        assert not lone
    except RecordInvalid:
        assert lone
