"""A small OpenAI-compatible images server on a local port, for the tests of the backend that calls one."""

import asyncio
import base64
import json

import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.core.requests import OutputFormat
from gateway.imaging.encode import encode


def noise_png(seed, width, height):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encode(pixels, OutputFormat.PNG)


class ImagesServer:
    """Draws noise by seed. `answer(request_json) -> web.Response | None` may stand in for one call."""

    def __init__(self, *, never=False, answer=None):
        self.never = never
        self.answer = answer
        self.calls = []
        self.headers = []
        self.fetched = []
        self.open_calls = 0
        app = web.Application()
        app.router.add_post("/v1/images/generations", self._generate)
        app.router.add_get("/files/{seed}.png", self._file)
        self.server = TestServer(app)

    @property
    def base_url(self):
        return str(self.server.make_url("/v1"))

    @property
    def host(self):
        return f"{self.server.host}:{self.server.port}"

    async def __aenter__(self):
        await self.server.start_server()  # it cancels a handler whose client has left
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    async def _generate(self, request):
        asked = json.loads(await request.read())
        self.calls.append(asked)
        self.headers.append(dict(request.headers))
        self.open_calls += 1
        try:
            if self.never:
                await asyncio.sleep(600)
            if self.answer is not None and (given := self.answer(asked)) is not None:
                return given
            width, height = map(int, asked["size"].split("x"))
            pictures = [noise_png(asked.get("seed", 0) + i, width, height) for i in range(asked["n"])]
            items = [{"b64_json": base64.b64encode(content).decode()} for content in pictures]
            return web.json_response({"created": 1, "data": items})
        finally:
            self.open_calls -= 1

    async def _file(self, request):
        self.fetched.append(dict(request.headers))
        return web.Response(body=noise_png(int(request.match_info["seed"]), 64, 64), content_type="image/png")
