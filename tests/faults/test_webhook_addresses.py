"""A webhook goes where the settings say and nowhere else, against a real server."""

from __future__ import annotations

import pytest
from aiohttp import web

from gateway.review.outbox import PostFailed
from gateway.review.posting import HttpPost


async def test_a_redirect_is_not_followed_and_a_private_name_not_called() -> None:
    """What a server says of another address counts for nothing; nor does a name that leads inside."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPFound("/elsewhere")

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    allowed, strict = HttpPost(allow_private=True), HttpPost()
    try:
        assert await allowed(f"http://127.0.0.1:{port}/hook", b"{}", {}) == 302
        with pytest.raises(PostFailed):
            await strict(f"http://localhost:{port}/hook", b"{}", {})
        assert seen == ["/hook"]
    finally:
        await allowed.close()
        await strict.close()
        await runner.cleanup()
