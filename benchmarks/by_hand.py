"""What we write ourselves although a library has it, beside that library, in one run (design note 7).

    pip install sse-starlette python-json-logger && python benchmarks/by_hand.py [--kilobytes 400]

Prints microseconds of CPU per call, the least of five rounds, and whether both give the same.
"""

from __future__ import annotations

import argparse
import logging
import os
import timeit
from collections.abc import Callable
from typing import Any

import orjson

from gateway.api.image_stream import _picture_event
from gateway.telemetry.logs import JsonLines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kilobytes", type=int, default=400, help="size of the picture in an event")
    args = parser.parse_args()
    print(f"{'what':28}{'ours':>10}{'library':>10}")
    tell(f"event with {args.kilobytes} kB picture", *events(os.urandom(args.kilobytes * 1000)))
    tell("JSON log line", *log_lines())


def tell(what: str, ours: Callable[[], object], library: Callable[[], object], calls: int) -> None:
    least = [min(timeit.repeat(each, number=calls, repeat=5)) / calls * 1e6 for each in (ours, library)]
    print(f"{what:28}{least[0]:10.1f}{least[1]:10.1f}")


def events(picture: bytes) -> tuple[Callable[[], bytes], Callable[[], bytes], int]:
    """One `completed` event; equal bytes."""
    import pybase64
    from sse_starlette import ServerSentEvent

    kind, rest = "image_generation.completed", {"type": "image_generation.completed", "index": 0}

    def library() -> bytes:
        whole = {**rest, "b64_json": pybase64.b64encode(picture).decode()}
        return bytes(ServerSentEvent(orjson.dumps(whole).decode(), event=kind, sep="\n").encode())

    def ours() -> bytes:
        return _picture_event(kind, rest, picture)

    assert ours() == library()
    return ours, library, 20


def log_lines() -> tuple[Callable[[], str], Callable[[], str], int]:
    """One access line; the same fields, differently nested."""
    from pythonjsonlogger.orjson import OrjsonFormatter

    fields: dict[str, Any] = {
        "request_id": "req_1",
        "method": "POST",
        "route": "/v1/moderations",
        "status": 200,
    }
    record = logging.LogRecord("imagegate.access", logging.INFO, "", 0, "%(method)s", (fields,), None)
    record.fields = fields
    ours = JsonLines()
    library = OrjsonFormatter("{levelname}{name}{message}", style="{", timestamp=True)
    return lambda: ours.format(record), lambda: str(library.format(record)), 20_000


if __name__ == "__main__":
    main()
