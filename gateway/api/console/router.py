"""The addresses of `/review`. Duty: path → handler, and the few files of the pages."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gateway.api.console import case, explorer, figures, queue, sign_in
from gateway.api.console.keys import KEYS
from gateway.api.console.rendering import HEADERS, STATIC, render
from gateway.api.console.visitor import HOME, Visitor, common, page
from gateway.api.problems import problem
from gateway.api.routing import PlainRoute
from gateway.core.errors import NotFound

router: Final = APIRouter(prefix=HOME, include_in_schema=False, route_class=PlainRoute)
_FILES: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


async def static_file(request: Request) -> Response:
    """One of the pages' own files."""
    name = request.path_params["name"]
    if name not in _FILES:
        return problem(NotFound("There is no such file; see /review."))
    headers = {**HEADERS, "cache-control": "no-cache"}
    return FileResponse(STATIC / name, media_type=_FILES[name], headers=headers)


@page
async def help_page(_request: Request, visitor: Visitor) -> Response:
    """Keys and acts."""
    return render("help.html", **common(visitor, "help"), keys=KEYS)


for _path, _method, _endpoint in (
    ("", "GET", queue.queue),
    ("/sign-in", "GET", sign_in.sign_in_page),
    ("/sign-in", "POST", sign_in.sign_in),
    ("/sign-out", "POST", sign_in.sign_out),
    ("/next", "POST", queue.next_case),
    ("/bulk", "POST", queue.bulk),
    ("/cases/{case_id}", "GET", case.case),
    ("/cases/{case_id}/act", "POST", case.acted),
    ("/cases/{case_id}/keep", "POST", case.kept_open),
    ("/cases/{case_id}/leave", "POST", case.left),
    ("/cases/{case_id}/proof", "GET", case.proof),
    ("/cases/{case_id}/pictures/{number}", "GET", case.picture),
    ("/acts/{act_id}/undo", "POST", case.undone),
    ("/requests", "GET", explorer.explorer),
    ("/requests.json", "GET", explorer.explorer_json),
    ("/requests.csv", "GET", explorer.explorer_csv),
    ("/views", "POST", explorer.save_view),
    ("/views/{view_id}/delete", "POST", explorer.drop_view),
    ("/numbers", "GET", figures.figures),
    ("/numbers.json", "GET", figures.figures_json),
    ("/help", "GET", help_page),
    ("/static/{name}", "GET", static_file),
):
    router.add_api_route(_path, _endpoint, methods=[_method])
