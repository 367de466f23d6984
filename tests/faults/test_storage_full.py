"""A picture that can't be stored was never delivered: neither by the record nor by the answer."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from support.gateway import scripted_gateway
from support.service import FakeSettings, ScriptedService, client_of

from gateway.api.app import create_app
from gateway.api.image_files import ImageFiles
from gateway.api.surface import Emit
from gateway.core.errors import AuditUnavailable, StorageUnavailable
from gateway.core.outcomes import Keep, Outcome
from gateway.core.requests import ImageRequest, OutputFormat

PATH = "/v1/images/generations"
BY_URL = {"prompt": "a red apple", "response_format": "url"}


def _full(*_: object) -> float:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_the_record_says_error_and_the_answer_503(tmp_path: Path) -> None:
    """Pictures are stored before the outcome goes on record, so neither says more than happened."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        (tmp_path / "g" / "images").write_text("a file where the folder should be")
        answer = await scripted.http.post(PATH, json=BY_URL, headers={"x-request-id": "r1"})
        closing = scripted.trail("r1")[-1]
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
    assert "retry-after" in answer.headers
    assert (closing["outcome"], closing["out"]) == ("error", [])
    assert closing["error"] == {"class": "StorageUnavailable", "code": "storage_unavailable"}


async def test_what_was_stored_is_on_record_as_delivered(tmp_path: Path) -> None:
    """With room on the disk the order changes nothing."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        answer = await scripted.http.post(PATH, json=BY_URL, headers={"x-request-id": "r1"})
        url = answer.json()["data"][0]["url"]
        fetched = await scripted.http.get(url)
        closing = scripted.trail("r1")[-1]
    assert (fetched.status_code, closing["outcome"]) == (200, "delivered")
    assert closing["out"][0]["bytes"] == len(fetched.content)


async def test_a_part_of_a_picture_is_not_left_behind(tmp_path: Path) -> None:
    """A disk that is full in the middle of a write keeps no piece of it."""
    files = ImageFiles(tmp_path, ttl_s=60, clock=_full)
    with pytest.raises(StorageUnavailable):
        await files.put(b"a picture", OutputFormat.PNG)
    assert list(tmp_path.iterdir()) == []


class Unrecorded(ScriptedService):
    """The log refuses the outcome, after the pictures were stored."""

    async def generate(
        self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None
    ) -> Outcome:
        await super().generate(request, emit, keep)
        self.life += [file.suffix for file in self.settings.images_folder.iterdir()]
        raise AuditUnavailable("the log takes no record; nothing was released")


async def test_stored_pictures_of_a_request_that_failed_are_deleted(tmp_path: Path) -> None:
    """Nobody will be told their names."""
    service = Unrecorded(FakeSettings(images_folder=tmp_path / "images"))
    async with client_of(create_app(service)) as client:
        answer = await client.post(PATH, json={**BY_URL, "n": 2})
    assert answer.status_code == 503
    assert service.life == [".png", ".png"]
    assert list((tmp_path / "images").iterdir()) == []
