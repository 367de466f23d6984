"""The backend that calls an OpenAI-compatible server: what it sends, and every way that one fails."""

import base64
from dataclasses import replace

import pytest
from aiohttp import web
from support.images_server import ImagesServer, noise_png

from gateway.core.errors import ConfigurationError, GenerationFailed, Overloaded, RequestInvalid, StageTimeout
from gateway.core.ports import Generated, GenerationRequest
from gateway.generation.openai_backend import OpenAIGenerator
from gateway.generation.testing import pixels_of, running


def request(*seeds, **changes):
    fields = {"negative_prompt": None, "width": 64, "height": 64, "timeout_s": 5.0} | changes
    return GenerationRequest("r-1", "a red apple", seeds=seeds or (1,), **fields)


def make(server, **options):
    return OpenAIGenerator.from_options("up", {"base_url": server.base_url, "model": "noise", **options})


async def one_event(generator, asked):
    (event,) = [event async for event in generator.generate(asked)]
    return event


def answering(answer, **options):
    return ImagesServer(answer=lambda _: answer, **options)


async def test_a_request_id_used_twice_never_brings_anothers_pictures():
    """The idempotency key is the same for the same call, and another for another prompt under that id."""
    async with ImagesServer() as server, running(make(server)) as generator:
        for prompt in ("a red apple", "a red apple", "a green apple"):
            await one_event(generator, replace(request(1), prompt=prompt))
    first, again, other = (headers["Idempotency-Key"] for headers in server.headers)
    assert first == again != other


async def test_one_call_asks_for_all_pictures_and_hands_them_on_undecoded():
    """Without seeds, n pictures are one upstream call, asked as b64_json, and stay encoded."""
    async with ImagesServer() as server, running(make(server)) as generator:
        event = await one_event(generator, request(1, 2, 3, quality="high"))

    assert isinstance(event, Generated)
    assert [(p.pixels, p.mime) for p in event.pictures] == [(None, "image/png")] * 3
    assert event.pictures[1].encoded == noise_png(1, 64, 64)
    assert server.calls == [
        {
            "model": "noise", "prompt": "a red apple", "n": 3, "size": "64x64",
            "response_format": "b64_json", "quality": "high",
        }
    ]  # fmt: skip
    assert "Authorization" not in server.headers[0]


async def test_a_small_max_n_splits_the_request():
    """A server that draws two at a time is asked three times for five."""
    async with ImagesServer() as server, running(make(server, max_n=2)) as generator:
        assert len(await pixels_of(generator, request(1, 2, 3, 4, 5))) == 5

    assert sorted(call["n"] for call in server.calls) == [1, 2, 2]


async def test_own_field_names_are_sent():
    """Parameters go out under the server's own names, and only when they were given."""
    options = {
        "parameters": {"steps": "num_inference_steps", "negative_prompt": "negative", "seed": "seed"},
        "response_format": "unset",
        "output_format": "png",
    }
    async with ImagesServer() as server, running(make(server, **options)) as generator:
        await one_event(generator, request(9, steps=7, negative_prompt="blurry"))
        await one_event(generator, request(9))

    assert server.calls[0] == {
        "model": "noise", "prompt": "a red apple", "n": 1, "size": "64x64", "output_format": "png",
        "num_inference_steps": 7, "negative": "blurry", "seed": 9,
    }  # fmt: skip
    assert "negative" not in server.calls[1]


async def test_the_key_comes_from_the_named_variable(monkeypatch):
    """The key is read from the environment at start and sent to the API; without it there is no start."""
    async with ImagesServer() as server:
        generator = make(server, api_key_env="TEST_UPSTREAM_KEY")
        monkeypatch.delenv("TEST_UPSTREAM_KEY", raising=False)
        with pytest.raises(ConfigurationError, match="TEST_UPSTREAM_KEY"):
            await generator.start()
        monkeypatch.setenv("TEST_UPSTREAM_KEY", "k-1\n")  # as a file's content, read by a shell
        async with running(generator):
            await one_event(generator, request())

    assert server.headers[0]["Authorization"] == "Bearer k-1"


def url_reply(url):
    return lambda _: web.json_response({"data": [{"url": url}]})


async def test_urls_are_fetched_from_named_hosts_without_the_key(monkeypatch):
    """A URL of a host that the operator named is fetched, and the key stays at home."""
    monkeypatch.setenv("TEST_UPSTREAM_KEY", "k-1")
    async with ImagesServer() as server:
        server.answer = url_reply(f"http://{server.host}/files/5.png")
        options = {"url_hosts": [server.host], "api_key_env": "TEST_UPSTREAM_KEY", "response_format": "url"}
        async with running(make(server, **options)) as generator:
            event = await one_event(generator, request())

    assert event.pictures[0].encoded == noise_png(5, 64, 64)
    assert server.calls[0]["response_format"] == "url"
    assert "Authorization" not in server.fetched[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://{host}/files/5.png",  # the very server, but its host was not named
        "http://169.254.169.254/latest/meta-data",
        "https://user@elsewhere.example/5.png",
        "file:///etc/hostname",
        "gopher://elsewhere.example/",
        "not a url",
        "http://[elsewhere.example/",
    ],
)
async def test_other_urls_are_never_fetched(url):
    """A URL of any other host or scheme fails the generation, without a connection."""
    async with ImagesServer() as server:
        server.answer = url_reply(url.format(host=server.host))
        async with running(make(server, url_hosts=["elsewhere.example"])) as generator:
            with pytest.raises(GenerationFailed, match="URL"):
                await one_event(generator, request())

    assert server.fetched == []


async def test_redirects_are_not_followed():
    """A redirect is a failure: it could lead anywhere."""
    reply = web.Response(status=307, headers={"Location": "/files/5.png"})
    async with answering(reply) as server, running(make(server)) as generator:
        with pytest.raises(GenerationFailed, match="HTTP 307"):
            await one_event(generator, request())


def error_reply(status, headers=None, **error):
    return web.json_response({"error": error}, status=status, headers=headers)


@pytest.mark.parametrize(
    ("reply", "error", "field", "retry_after_s"),
    [
        (error_reply(400, code="moderation_blocked", message="a red apple"), RequestInvalid, "prompt", None),
        (error_reply(400, code="content_policy_violation"), RequestInvalid, "prompt", None),
        (error_reply(400, type="image_generation_user_error"), RequestInvalid, "prompt", None),
        (error_reply(400, param="size", message="a red apple"), RequestInvalid, "size", None),
        (error_reply(422, param="quality"), RequestInvalid, "quality", None),
        (error_reply(400, param="model"), GenerationFailed, None, None),
        (error_reply(400, code=["x"], param={"a red": "apple"}), GenerationFailed, None, None),
        (web.Response(status=400, text="a red apple"), GenerationFailed, None, None),
        (web.Response(status=422, text="[1, 2]"), GenerationFailed, None, None),
        (error_reply(401), GenerationFailed, None, None),
        (error_reply(403), GenerationFailed, None, None),
        (error_reply(404), GenerationFailed, None, None),
        (error_reply(429, {"Retry-After": "17"}), Overloaded, None, 17.0),
        (error_reply(429, {"retry-after-ms": "250", "Retry-After": "1"}), Overloaded, None, 0.25),
        (error_reply(503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Overloaded, None, 5.0),
        (error_reply(503), Overloaded, None, 5.0),
        (error_reply(500, message="a red apple"), GenerationFailed, None, None),
        (error_reply(502), GenerationFailed, None, None),
        (web.json_response({"data": []}, status=201), GenerationFailed, None, None),
    ],
)
async def test_upstream_errors_become_ours(reply, error, field, retry_after_s):
    """Each status has one error of ours; the upstream's words, which may quote the prompt, never pass."""
    async with answering(reply) as server, running(make(server)) as generator:
        with pytest.raises(error) as raised:
            await one_event(generator, request())

    assert type(raised.value) is error
    assert raised.value.param == field
    assert raised.value.retry_after_s == retry_after_s
    assert "apple" not in str(raised.value)


B64 = base64.b64encode(noise_png(1, 8, 8)).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{",
        b'{"data": null}',
        b'{"data": {}}',
        b'{"data": []}',
        b'{"data": [{}]}',
        b'{"data": ["x"]}',
        b'{"data": [{"b64_json": null}]}',
        b'{"data": [{"b64_json": ""}]}',
        b'{"data": [{"b64_json": "%%%"}]}',
        b'{"data": [{"b64_json": "aGVsbG8="}]}',
        b'{"data": [{"b64_json": 7}]}',
        f'{{"data": [{{"b64_json": "{B64}"}}, {{"b64_json": "{B64}"}}]}}'.encode(),
        b"\x89PNG\r\n",
    ],
)
async def test_garbage_is_a_failure(body):
    """No JSON, the wrong count, broken base64 or bytes that are not a picture: never delivered."""
    async with (
        answering(web.Response(body=body, content_type="application/json")) as server,
        running(make(server)) as generator,
    ):
        with pytest.raises(GenerationFailed):
            await one_event(generator, request())


async def test_too_many_bytes_are_a_failure():
    """A reply beyond the limit is dropped while it comes."""
    reply = web.Response(body=b" " * 100_000)
    async with answering(reply) as server, running(make(server, max_response_bytes=4096)) as generator:
        with pytest.raises(GenerationFailed, match="more than 4096 bytes"):
            await one_event(generator, request())


async def test_a_server_that_is_not_there_is_a_failure():
    """A refused connection is a GenerationFailed, not a hang and not a 500."""
    async with ImagesServer() as server:
        generator = make(server)
    async with running(generator):
        with pytest.raises(GenerationFailed, match="can't be reached"):
            await one_event(generator, request())


async def test_one_failing_call_fails_the_request():
    """When one of several upstream calls fails, the others are given up and no picture leaves."""
    replies = {1: None, 2: error_reply(500), 3: None}
    async with (
        ImagesServer(answer=lambda asked: replies[asked["seed"]]) as server,
        running(make(server, parameters={"seed": "seed"})) as generator,
    ):
        with pytest.raises(GenerationFailed, match="HTTP 500"):
            await one_event(generator, request(1, 2, 3))


async def test_a_hanging_server_is_a_timeout():
    """A server that never answers ends as StageTimeout."""
    async with ImagesServer(never=True) as server, running(make(server)) as generator:
        with pytest.raises(StageTimeout):
            await one_event(generator, request(timeout_s=0.2))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"base_url": "ftp://server/v1"}, "base_url"),
        ({"base_url": "https://user:secret@server/v1"}, "base_url"),
        ({"parameters": {"sharpness": "sharpness"}}, "parameters"),
        ({"default_size": "big"}, "default_size"),
        ({"sizes": ["512x512"]}, "default_size"),
        ({"response_format": "url"}, "url_hosts"),
        ({"max_n": 0}, "max_n"),
        ({"api_key": "k-1"}, "api_key"),
    ],
)
def test_wrong_options_are_named(options, field):
    """A wrong option is refused by name, and no value of it, which may be a secret, is shown."""
    settings = {"base_url": "https://server/v1", "model": "m", **options}

    with pytest.raises(ConfigurationError, match=field) as refused:
        OpenAIGenerator.from_options("up", settings)

    assert "secret" not in str(refused.value)
    assert "k-1" not in str(refused.value)
