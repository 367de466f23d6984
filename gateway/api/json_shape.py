"""How much structure a JSON text claims, counted before a parser makes objects of it.

Duty: refuse by depth, keys and values what no request of ours has. Two million keys in 27 MB are 17 s of
parsing and checking; counting them takes a fraction of a second, in C. It checks no grammar: the parser does.
What stands inside strings is never counted.
"""

from __future__ import annotations

from typing import Final

from gateway.core.errors import RequestInvalid

MAX_DEPTH: Final = 8
MAX_KEYS: Final = 512
MAX_VALUES: Final = 2048
"""A request with 32 parts has some 130 keys and 200 values, three levels deep."""

_HARMLESS_BYTES: Final = 4096
"""No text this short can hold enough to matter; most requests are shorter."""
_MARKS: Final = b"[]{}:,"
_OTHERS: Final = bytes(set(range(256)) - set(_MARKS))
_MAX_STRINGS: Final = MAX_KEYS + MAX_VALUES
_MAX_MARKS: Final = MAX_KEYS + 3 * MAX_VALUES
"""A colon for a key, a comma for a value, two brackets for one that is an array or an object."""


def check_shape(content: bytes | bytearray) -> None:
    """Refuse a JSON text with too much structure.

    Raises:
        RequestInvalid: deeper than `MAX_DEPTH`, more than `MAX_KEYS` keys, or about `MAX_VALUES` values.
    """
    if len(content) <= _HARMLESS_BYTES:
        return
    if b"\\" in content:  # from the left, as a parser reads: what is left of a run ends no string
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    if content.count(b'"') > 2 * _MAX_STRINGS:
        raise _too_much()
    marks = b"".join(content.split(b'"')[::2]).translate(None, _OTHERS)
    depth = 0
    for mark in marks[:_MAX_MARKS]:
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > MAX_DEPTH:
            raise RequestInvalid(f"The body is nested too deep: {MAX_DEPTH} levels at most.")
    if len(marks) > _MAX_MARKS or marks.count(b":") > MAX_KEYS or marks.count(b",") > MAX_VALUES:
        raise _too_much()


def _too_much() -> RequestInvalid:
    return RequestInvalid(
        f"The body has too many parts: at most {MAX_KEYS} keys and {MAX_VALUES} values are taken."
    )
