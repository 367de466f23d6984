"""Forms of edits and variations: what becomes a request, and what is refused by name."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from support.service import ScriptedService

EDITS, VARIATIONS = "/v1/images/edits", "/v1/images/variations"


def _saved(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def picture(width: int = 64, height: int = 64) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return _saved(Image.fromarray(noise))


def mask(width: int = 64, height: int = 64) -> bytes:
    """Transparent in its left half."""
    glass = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    glass.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return _saved(glass)


async def post(client: httpx.AsyncClient, path: str, files: Any, **fields: str) -> httpx.Response:
    return await client.post(
        path, data={"prompt": "a hat", **fields} if path == EDITS else fields, files=files
    )


async def test_an_edit_becomes_a_request(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Text fields get their types, the picture its size, and the mask is true where it was transparent."""
    answer = await post(
        client, EDITS, {"image": picture(128, 128), "mask": mask(128, 128)},
        n="2", size="64x64", seed="5", strength="0.4", output_format="webp", rewrite="off",
    )  # fmt: skip
    assert answer.status_code == 200
    (request,) = service.requests
    assert (request.prompt, request.n, request.seed, request.rewrite) == ("a hat", 2, 5, False)
    assert (request.width, request.height, request.output_format.value) == (64, 64, "webp")
    assert request.source is not None
    assert request.source.pixels.shape == (64, 64, 3)
    assert request.source.strength == 0.4
    assert request.source.mask is not None
    assert request.source.mask[:, :32].all()
    assert not request.source.mask[:, 32:].any()


async def test_a_variation_has_no_prompt(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """A variation carries its picture and an empty prompt."""
    answer = await post(client, VARIATIONS, {"image": picture()}, n="2")
    assert answer.status_code == 200
    (request,) = service.requests
    assert (request.prompt, request.n) == ("", 2)
    assert request.source is not None


async def test_the_arrays_form_of_a_name_is_taken(client: httpx.AsyncClient) -> None:
    """`image[]` is what clients call the picture when they hold a list."""
    assert (await post(client, EDITS, [("image[]", picture())])).status_code == 200


@pytest.mark.parametrize(
    ("path", "files", "fields", "param"),
    [
        (EDITS, {}, {"image": "not a file"}, "image"),
        (EDITS, {"mask": mask()}, {}, "image"),
        (EDITS, {"image": b"<html>"}, {}, "image"),
        (EDITS, {"image": b""}, {}, "image"),
        (EDITS, {"image": picture()[:-40]}, {}, "image"),
        (EDITS, {"image": picture(), "mask": picture()}, {}, "mask"),
        (EDITS, {"image": picture(), "mask": mask(32, 32)}, {}, "mask"),
        (EDITS, [("image[]", picture()), ("image[]", picture())], {}, "image"),
        (EDITS, {"image": picture()}, {"n": "many"}, "n"),
        (EDITS, {"image": picture()}, {"n": "11"}, "n"),
        (EDITS, {"image": picture()}, {"strength": "0"}, "strength"),
        (EDITS, {"image": picture()}, {"strength": "nan"}, "strength"),
        (EDITS, {"image": picture()}, {"input_fidelity": "high"}, "input_fidelity"),
        (EDITS, {"image": picture()}, {"background": "transparent"}, "background"),
        (EDITS, {"image": picture()}, {"model": "plain"}, "image"),
        (VARIATIONS, {"image": picture()}, {"prompt": "words"}, "prompt"),
        (VARIATIONS, {"image": picture()}, {"size": "65x65"}, "size"),
    ],
)
async def test_what_can_not_be_done_is_refused_by_name(
    client: httpx.AsyncClient,
    service: ScriptedService,
    path: str,
    files: Any,
    fields: dict[str, str],
    param: str,
) -> None:
    """Each wrong file, field, combination or backend is a 400 that names the field, and nothing is drawn."""
    form = files or {"other": (None, "x")}
    error = (await post(client, path, form, **fields)).json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert service.requests == []


async def test_a_backend_without_pictures_says_so(client: httpx.AsyncClient) -> None:
    """The reason names the model and what it can't do."""
    answer = await post(client, EDITS, {"image": picture()}, model="plain")
    assert "model plain draws from text alone" in answer.json()["error"]["message"]


async def test_a_form_from_another_sites_page_is_refused(client: httpx.AsyncClient) -> None:
    """A browser's Origin that is not this server's is 403; the server's own is taken."""
    for origin, status in (
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[::1", 403),
        ("http://127.0.0.1:8080", 200),
    ):
        answer = await client.post(
            VARIATIONS, files={"image": picture()}, headers={"origin": origin, "host": "127.0.0.1:8080"}
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"", "multipart/form-data"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"--x\r\n" * 20_000, "multipart/form-data; boundary=x"),
        (b"prompt=a", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_is_refused(client: httpx.AsyncClient, content: bytes, kind: str) -> None:
    """Another type, a missing boundary and a broken form are 400, never 500."""
    answer = await client.post(EDITS, content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_too_large_a_form_is_413(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """The whole form has the limit of bodies with pictures."""
    answer = await post(client, VARIATIONS, {"image": bytes(33_000_000)})
    assert answer.status_code == 413
