"""RFC 8785 bytes of a record's public part. Duty: one value, one byte string, or a clear refusal.

The fast path is orjson with sorted keys, taken only where it provably gives the same bytes as RFC 8785:
plain types, ASCII keys (so that UTF-8 and UTF-16 order agree), integers within 2^53. Everything else is made
plain or refused first; keys outside ASCII go to the `rfc8785` package. It knows nothing of records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import orjson
import rfc8785

from gateway.core.errors import AuditUnavailable

MAX_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exact (RFC 8785, 3.2.2.3)."""
MAX_DEPTH: Final = 32
_LEAVES: Final = frozenset({str, bool, type(None)})

PlainJson: TypeAlias = "str | int | bool | list[PlainJson] | dict[str, PlainJson] | None"
"""Plain Python types only: what `plain` returns."""


class RecordInvalid(AuditUnavailable):
    """A value without one canonical form; the message names its place in the record, never the value."""


def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of a JSON value without floats.

    Raises:
        RecordInvalid: a float, NaN, an integer beyond ±(2^53 − 1), a lone surrogate, a key that is no string,
            another type, or nesting deeper than 32.
    """
    if _is_simple(value, MAX_DEPTH):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            pass  # a lone surrogate: `plain` finds where
    made_plain = plain(value)
    if _is_simple(made_plain, MAX_DEPTH):
        return orjson.dumps(made_plain, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(made_plain)


def plain(value: object, place: str = "record", depth: int = MAX_DEPTH) -> PlainJson:
    """Copy into plain types: mappings to dict, sequences to list, string enums to str.

    Raises:
        RecordInvalid: as `canonical`.
    """
    if depth < 0:
        raise RecordInvalid(f"{place}: nested deeper than {MAX_DEPTH}; flatten it")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise RecordInvalid(f"{place}: integer beyond 2^53; write it as a string")
        return int(value)
    if isinstance(value, float):
        raise RecordInvalid(f"{place}: floats are not recorded; scale to an integer, such as millionths")
    if isinstance(value, Mapping):
        return {_key(key, place): plain(item, f"{place}.{key}", depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, f"{place}[{at}]", depth - 1) for at, item in enumerate(value)]
    raise RecordInvalid(
        f"{place}: {type(value).__name__} can't be recorded; use text, integers, lists and maps"
    )


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        raise RecordInvalid(f"{place}: a key is {type(key).__name__}; keys are text")
    return _text(key, f"a key of {place}")


def _text(value: str, place: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as cause:
        raise RecordInvalid(f"{place}: lone surrogate; replace it before recording") from cause
    return str.__str__(value)


def _is_simple(value: object, depth: int) -> bool:  # noqa: PLR0911 - one return a type reads best
    """Whether orjson's bytes are RFC 8785's, lone surrogates aside (orjson refuses those itself)."""
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
    if depth <= 0:
        return False
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                return False
            # spelled out here and below: most values are leaves, and a call costs more than the test
            if type(item) not in _LEAVES and not _is_simple(item, depth - 1):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]  # noqa: SIM110 - a generator costs more
            if type(item) not in _LEAVES and not _is_simple(item, depth - 1):
                return False
        return True
    return False
