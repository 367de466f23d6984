"""Pages for a person with a browser: `/` says what this is, `/docs` shows the API.

Duty: static files under a Content-Security-Policy that lets nothing come from another site. It knows no
service, no key and no request; the viewer's files and their origin are in viewer/README.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from gateway.core.errors import NotFound

router: Final = APIRouter(include_in_schema=False)
VIEWER: Final = Path(__file__).resolve().parent / "viewer"
_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "viewer.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The viewer sets style attributes and draws icons from data URLs; its requests go to this server alone.
_ITS_NEEDS: Final = (
    "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_VIEWER: Final = f"{_NOTHING}; {_ITS_NEEDS}"
_WELCOME: Final = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>imagegate</title><link rel="icon" href="data:,"></head>
<body><p>imagegate, a content-safety gateway for image generation:
<a href="docs">API</a>, <a href="openapi.json">its schema</a>, <a href="readyz">state</a>.</p></body></html>
"""


@router.get("/")
async def welcome(_: Request) -> Response:
    """One line and three links."""
    return HTMLResponse(_WELCOME, headers={"content-security-policy": _NOTHING})


@router.get("/docs")
async def docs(_: Request) -> Response:
    """The viewer on /openapi.json."""
    return FileResponse(
        VIEWER / "index.html", media_type="text/html", headers={"content-security-policy": _VIEWER}
    )


@router.get("/docs/{name}")
async def viewer_file(_: Request, name: str) -> Response:
    """One of the viewer's files.

    Raises:
        NotFound: there is none of that name.
    """
    if name not in _FILES:
        raise NotFound("There is no such file; see /docs.")
    return FileResponse(VIEWER / name, media_type=_FILES[name], headers={"cache-control": "no-cache"})
