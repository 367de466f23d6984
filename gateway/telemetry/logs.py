"""How the gateway logs: one JSON object a line, or a plain line for people; never content.

Duty: format records. What may be logged is decided where it is logged: ids, routes, statuses, durations and
error classes; no prompt, no key, no address of a picture. It knows no HTTP and no pipeline.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import orjson

ROOT: Final = "imagegate"


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what `extra={"fields": {…}}` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line end. Tracebacks are left out: they can quote content."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        return orjson.dumps(line, default=str).decode()


class PlainLines(logging.Formatter):
    """A line for people; each message names its own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line end and without a traceback."""
        return f"{self.formatTime(record)} {record.levelname} {record.name} {record.getMessage()}"


def configure_logging(*, level: str = "info", json: bool = False) -> None:
    """Send the gateway's own log to standard error. Idempotent; other libraries' loggers stay as they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if json else PlainLines())
    logger = logging.getLogger(ROOT)
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
