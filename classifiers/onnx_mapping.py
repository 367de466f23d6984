"""An ONNX file whose weights stay in the file: the graph without them, which points to where they lie.

Duty: bytes in, bytes out. A graph in one file holds its weights as protocol buffer fields, and a runtime that
reads it has them twice in memory while it loads. ONNX also knows weights outside the graph, by file, offset
and length, and runtimes map those. So the graph is written again with its large weights pointing into the
very file that they stand in. It knows no runtime and no model, and needs the standard library alone.

Source of the field numbers: `onnx.proto` of ONNX 1.23; of the encoding: "Protocol Buffers: Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

LEAST_BYTES: Final = 16_384
"""Smaller weights stay in the graph: a mapping takes whole pages."""

_GRAPH: Final = 7  # ModelProto.graph
_INITIALIZER: Final = 5  # GraphProto.initializer
_DATA_TYPE, _RAW, _EXTERNAL, _PLACE = 2, 9, 13, 14  # TensorProto
_EXTERNAL_PLACE: Final = 1
_ITEM_BYTES: Final = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""TensorProto.DataType → bytes of one value; weights of other types stay in the graph."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _Field(NamedTuple):
    """A field of a message: its number, its value if it is a whole number, and where it and its value lie."""

    number: int
    value: int
    begin: int
    start: int
    end: int


def without_weights(model: memoryview, location: str) -> bytes | None:
    """Return the graph with its large weights as references into the file `location`, which holds `model`.

    None when no weight is large, or the bytes are no ONNX model: the runtime should see those as they are.
    """
    try:
        written, moved = _rewritten(model, 0, len(model), (_GRAPH, _INITIALIZER), location)
    except (IndexError, ValueError):
        return None
    return written if moved else None


def _rewritten(
    model: memoryview, start: int, end: int, path: tuple[int, ...], location: str
) -> tuple[bytes, int]:
    """The message with every weight below `path` looked at, and how many were moved out."""
    parts: list[bytes | memoryview] = []
    moved = 0
    for field in _fields(model, start, end):
        if field.number != path[0]:
            parts.append(model[field.begin : field.end])
            continue
        if len(path) == 1:
            inner = _reference(model, field.start, field.end, location)
            moved += inner is not None
        else:
            inner, below = _rewritten(model, field.start, field.end, path[1:], location)
            moved += below
        parts.append(model[field.begin : field.end] if inner is None else _message(field.number, inner))
    return b"".join(parts), moved


def _reference(model: memoryview, start: int, end: int, location: str) -> bytes | None:
    """The weight as a reference, or None when it must stay: small, not raw, or not aligned in the file."""
    fields = list(_fields(model, start, end))
    raw = next((field for field in fields if field.number == _RAW), None)
    kind = next((field.value for field in fields if field.number == _DATA_TYPE), 0)
    if raw is None or raw.end - raw.start < LEAST_BYTES or kind not in _ITEM_BYTES:
        return None
    if raw.start % _ITEM_BYTES[kind]:
        return None
    told = {"location": location, "offset": str(raw.start), "length": str(raw.end - raw.start)}
    kept = b"".join(model[f.begin : f.end] for f in fields if f.number not in (_RAW, _PLACE, _EXTERNAL))
    entries = b"".join(
        _message(_EXTERNAL, _message(1, key.encode()) + _message(2, value.encode()))
        for key, value in told.items()
    )
    return kept + entries + _varint(_PLACE << 3 | _VARINT) + _varint(_EXTERNAL_PLACE)


def _fields(model: memoryview, start: int, end: int) -> Iterator[_Field]:
    """Every field of the message in `[start, end)`. Raises ValueError or IndexError when it is none."""
    at = start
    while at < end:
        begin = at
        tag, at = _read_varint(model, at)
        kind, value = tag & 7, 0
        if kind == _VARINT:
            inner = at
            value, at = _read_varint(model, at)
        elif kind == _BYTES:
            size, inner = _read_varint(model, at)
            at = inner + size
        elif kind in (_FIXED32, _FIXED64):
            inner = at
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field kind {kind}")
        if at > end:
            raise ValueError("a field ends beyond its message")
        yield _Field(tag >> 3, value, begin, inner, at)


def _read_varint(model: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = model[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of over 64 bits")


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content
