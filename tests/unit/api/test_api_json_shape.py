"""Structure is counted as a parser would find it, and what is too much is refused before one sees it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.service import ScriptedService

from gateway.api import json_shape
from gateway.api.json_shape import MAX_DEPTH, MAX_KEYS, MAX_VALUES, check_shape
from gateway.core.errors import RequestInvalid

LONG = b" " * 5000
"""Behind a body: makes it long enough to be counted."""


def _object(keys: int) -> bytes:
    return b"{" + b",".join(b'"k%d":1' % number for number in range(keys)) + b"}"


@pytest.mark.parametrize(
    "body",
    [
        _object(MAX_KEYS),
        b'{"input":[' + b"1," * (MAX_VALUES - 1) + b"1]}",
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'{"input":"' + b'{\\"a\\":[1,2,3],' * 5000 + b'"}',
        b'{"input":"' + b"\\\\" * 5000 + b'","model":"[[[[[[[[[[[[[[[[["}',
        b'{"input":"\\\\\\\\\\\\\\"[[[[[[[[[[[[[[[[["}',
    ],
    ids=["keys", "values", "depth", "json in a text", "backslashes", "an escaped quote"],
)
def test_what_is_allowed_passes(body: bytes) -> None:
    """The limits themselves pass, and what stands inside strings is no structure."""
    check_shape(body + LONG)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (_object(MAX_KEYS + 1), "too many parts"),
        (b'{"input":[' + b"1," * (MAX_VALUES + 1) + b"1]}", "too many parts"),
        (b'{"input":[' + b'"a",' * (MAX_VALUES + 1) + b'"a"]}', "too many parts"),
        (b"[" * (MAX_DEPTH + 1), "nested too deep"),
        (b"[" * 1_000_000, "nested too deep"),
        (b"[]," * 1_000_000, "too many parts"),
        (b"]" * 1_000_000, "too many parts"),
        (b'"' * 1_000_000, "too many parts"),
        (b'{"input":"' + b"\\\\" * 5000 + b'"' + b",[" * 20, "nested too deep"),
    ],
)
def test_what_is_too_much_is_refused(body: bytes, why: str) -> None:
    """More keys, values or levels than any request has are refused, valid JSON or not."""
    with pytest.raises(RequestInvalid, match=why):
        check_shape(body + LONG)


_TREES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='\\"[]{}:, a\u20ac', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('\\":,[{', max_size=4), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(tree=_TREES, ascii_only=st.booleans())
def test_counts_are_those_of_a_parser(tree: Any, ascii_only: bool) -> None:
    """A text is refused exactly when its real depth or number of keys is over the limit."""
    keys, depth = _measure(tree)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("MAX_KEYS", 6), ("MAX_DEPTH", 3), ("_HARMLESS_BYTES", 0)):
            patch.setattr(json_shape, name, value)
        content = json.dumps(tree, ensure_ascii=ascii_only).encode()
        if keys > 6 or depth > 3:
            with pytest.raises(RequestInvalid):
                check_shape(content)
        else:
            check_shape(content)


def _measure(tree: Any) -> tuple[int, int]:
    if not isinstance(tree, dict | list):
        return 0, 0
    below = [_measure(value) for value in (tree.values() if isinstance(tree, dict) else tree)]
    own = len(tree) if isinstance(tree, dict) else 0
    return own + sum(keys for keys, _ in below), 1 + max((depth for _, depth in below), default=0)


async def test_a_route_refuses_before_it_parses(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Both JSON routes answer 400 in the one shape, and nothing is judged."""
    headers = {"content-type": "application/json"}
    for path in ("/v1/images/generations", "/v1/moderations"):
        answer = await client.post(path, content=_object(50_000), headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
        assert "too many parts" in answer.json()["error"]["message"]
    assert not service.moderated
    assert not service.requests
