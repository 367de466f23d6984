"""A small OpenAI-compatible chat server on a local port, for the tests of the rewriter that calls one."""

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import TestServer


def reply(content, *, finish_reason="stop", choices=1):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": finish_reason,
    }
    return web.json_response({"object": "chat.completion", "choices": [choice] * choices})


def said(line):
    return reply(json.dumps({"prompt": line}))


class ChatServer:
    """Takes the words at fault out of the prompt. `answer(request_json)` may stand in; `never` hangs."""

    def __init__(self, *, never=False, answer=None):
        self.never = never
        self.answer = answer
        self.calls = []
        self.headers = []
        self.open_calls = 0
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self.server = TestServer(app)

    @property
    def base_url(self):
        return str(self.server.make_url("/v1"))

    def listen(self):
        """Start in the running loop."""
        return self.server.start_server()

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    async def _complete(self, request):
        asked = json.loads(await request.read())
        self.calls.append(asked)
        self.headers.append(dict(request.headers))
        self.open_calls += 1
        try:
            if self.never:
                await asyncio.sleep(600)
            if self.answer is not None:
                return self.answer(asked)
            task = json.loads(asked["messages"][-1]["content"])
            line = task["prompt"]
            for word in task.get("words", ()):
                line = line.replace(word, "")
            return said(" ".join(line.split()))
        finally:
            self.open_calls -= 1
