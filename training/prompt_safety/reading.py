"""Tables of the data folder, gzipped or not, as dictionaries."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path


def csv_rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows by column name."""
    yield from csv.DictReader(io.StringIO(text_of(path)), delimiter=delimiter)


def text_of(path: Path) -> str:
    """The file as text; what is no UTF-8 becomes a replacement character."""
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")
