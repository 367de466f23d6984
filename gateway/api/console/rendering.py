"""Templates → pages under a strict Content-Security-Policy. Knows no session and no case."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response

from gateway.api.console.words import visible

_ROOM: Final = Path(__file__).resolve().parent
STATIC: Final = _ROOM / "static"
_US: Final = 1_000_000
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # with "no-referrer" a browser names no origin when it posts a form
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def render(template: str, *, status: int = 200, **values: object) -> Response:
    """Return a page; every value is escaped."""
    text = _PAGES.get_template(template).render(now_us=now_us(), **values)
    return Response(text, status, headers=HEADERS, media_type="text/html; charset=utf-8")


def go(address: str) -> Response:
    """Return the answer to a form: see another page."""
    return RedirectResponse(address, 303, headers=HEADERS)


def now_us() -> int:
    """The time, µs UTC."""
    return time.time_ns() // 1000


def iso(moment_us: int) -> str:
    """A time as RFC 3339, to the second, UTC."""
    moment = dt.datetime.fromtimestamp(moment_us // _US, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock(moment_us: int) -> str:
    return iso(moment_us).replace("T", " ").removesuffix("Z") + " UTC"


def span(us: int) -> str:
    """A length of time in its largest fitting unit: 45 s, 12 min, 3 h, 5 days."""
    seconds = abs(us) // _US
    for unit, word, until in ((1, "s", 120), (60, "min", 120 * 60), (3600, "h", 48 * 3600)):
        if seconds < until:
            return f"{seconds // unit} {word}"
    return f"{seconds // 86400} days"


def latency(us: int | None) -> str:
    """A latency in ms or s; a dash for none."""
    if us is None:
        return "–"
    return f"{us / 1000:.1f} ms" if us < _US else f"{us / _US:.2f} s"


def score(millionths: int | None) -> str:
    """A score of a record, millionths, as .93 or 1.00; a dash for none."""
    return "–" if millionths is None else f"{millionths / 1_000_000:.2f}".removeprefix("0")


_PAGES: Final = Environment(
    loader=FileSystemLoader(_ROOM / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters.update(
    iso=iso, clock=_clock, span=span, latency=latency, score=score, visible=visible, short=lambda t: t[:8]
)
