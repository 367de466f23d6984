"""The page of numbers, and its JSON version."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.console.charts import ACTIONS, HEIGHT, WIDTH, chart_of
from gateway.api.console.explorer import asking, given_of, query_of
from gateway.api.console.rendering import HEADERS, now_us, render
from gateway.api.console.visitor import Visitor, common, page
from gateway.api.edge import edge_of
from gateway.api.problems import JSON, problem
from gateway.core.errors import GatewayError
from gateway.review.numbers import numbers

_USUAL: Final = "7d"


@page
async def figures(request: Request, visitor: Visitor) -> Response:
    """Requests and actions over time, what people said of each rule, the age of the queue."""
    given = given_of(request)
    if not {"last", "since", "until"} & given.keys():
        given["last"] = _USUAL
    asked = query_of(given)
    await visitor.desk.follower.catch_up()
    now = now_us()
    async with edge_of(request).readers.place():
        found = await visitor.desk.store.read(lambda c: numbers(c, visitor.who, asked, now))
    return render(
        "numbers.html",
        **common(visitor, "numbers"),
        found=found,
        chart=chart_of(found.buckets),
        actions=ACTIONS,
        width=WIDTH,
        height=HEIGHT,
        given=given,
        query=urlencode(given),
        link=lambda **changed: urlencode({**given, **changed}),
    )


async def figures_json(request: Request) -> Response:
    """The same for programs; a session or a bearer key of role review."""
    try:
        who, desk = await asking(request)
        asked = query_of({"last": _USUAL} | given_of(request))
        await desk.follower.catch_up()
        now = now_us()
        async with edge_of(request).readers.place():
            found = await desk.store.read(lambda c: numbers(c, who, asked, now))
    except GatewayError as error:
        return problem(error)
    return Response(orjson.dumps(asdict(found)), headers=HEADERS, media_type=JSON)
