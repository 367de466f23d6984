"""RFC 8785 bytes and what is refused."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

import pytest
import rfc8785

from gateway.audit.canonical import MAX_INTEGER, RecordInvalid, canonical
from gateway.core.errors import AuditUnavailable


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        (
            {"text": '\x00\x1f\x7f\b\f\n\r\t"\\/\u2028😀'},
            '{"text":"\\u0000\\u001f\x7f\\b\\f\\n\\r\\t\\"\\\\/\u2028😀"}',
        ),
        # RFC 8785, 3.2.3: keys sort by UTF-16 units, where U+1F600 comes before U+FB33
        ({"\ufb33": 1, "😀": 2, "a": 3}, '{"a":3,"😀":2,"\ufb33":1}'),
        ({"n": MAX_INTEGER, "m": -MAX_INTEGER}, '{"m":-9007199254740991,"n":9007199254740991}'),
        ({"enum": Colour.RED, "pair": (1, 2)}, '{"enum":"red","pair":[1,2]}'),
        (MappingProxyType({"inner": MappingProxyType({"k": 1})}), '{"inner":{"k":1}}'),
    ],
)
def test_canonical_bytes_are_those_of_rfc_8785(value: object, expected: str) -> None:
    """Known values give the bytes that RFC 8785 prescribes."""
    assert canonical(value) == expected.encode()


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"rules": [{"score": 0.5}]}, "record.rules[0].score"),
        ({"score": float("nan")}, "record.score"),
        ({"seed": 2**53}, "record.seed"),
        ({"seed": -(2**53)}, "record.seed"),
        ({"seed": 2**70}, "record.seed"),
        ({"text": "a\ud800b"}, "record.text"),
        ({"a\udfff": 1}, "a key of record"),
        ({"out": {"sha256": b"raw"}}, "record.out.sha256"),
        ({"at": object()}, "record.at"),
        ({"map": {1: "x"}}, "record.map"),
        ({"deep": deep(40)}, "nested deeper"),
    ],
)
def test_what_has_no_one_form_is_refused_by_place(value: object, place: str) -> None:
    """What JSON readers disagree on is refused with its place, not its value."""
    with pytest.raises(RecordInvalid) as refused:
        canonical(value)
    assert place in str(refused.value)
    assert isinstance(refused.value, AuditUnavailable)


def test_nesting_up_to_the_limit_is_taken_by_both_paths() -> None:
    """The fast and the slow path draw the depth limit at the same place."""
    assert canonical(deep(32)) == rfc8785.dumps(deep(32))
    with pytest.raises(RecordInvalid):
        canonical(deep(33))
