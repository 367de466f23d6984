"""The outbox: signed, at least once, later and later, dead letters on record; and where it may send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.gateway import Scripted, scripted_gateway

from gateway.audit.filters import RecordFilter
from gateway.core.errors import ConfigurationError
from gateway.review.outbox import Event, Hook, Outbox, PostFailed, signature
from gateway.review.posting import checked_url, is_public

HOOK = Hook("shop", "https://example.com/hook", b"sixteen bytes at least")
OTHERS = Hook("other", "https://example.com/other", b"sixteen bytes at least", tenant="other")
EVENT = Event("released", "default", "ticket-1", {"ticket": "ticket-1", "tenant": "default"})


class ScriptedPost:
    """Answers what it was told, and remembers what it was sent."""

    def __init__(self, *answers: int | str) -> None:
        self._answers = list(answers)
        self.sent: list[tuple[str, bytes, Mapping[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.sent.append((url, body, headers))
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, str):
            raise PostFailed(answer)
        return answer


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    async with scripted_gateway(tmp_path / "g") as gate:
        yield gate


def outbox_of(scripted: Scripted, post: Any, clock: list[int]) -> Outbox:
    return Outbox(scripted.gateway.desk.store, [HOOK, OTHERS], post, scripted.log, clock_us=lambda: clock[0])


async def put(scripted: Scripted, outbox: Outbox, event: Event = EVENT) -> None:
    await scripted.gateway.desk.store.write(lambda c: outbox.put(c, event))


async def test_an_event_is_signed_and_goes_to_its_tenant_s_hooks_once(scripted: Scripted) -> None:
    """The receiver can check who sent it and when; putting it twice sends it once."""
    post, clock = ScriptedPost(), [7_000_000]
    outbox = outbox_of(scripted, post, clock)
    await put(scripted, outbox)
    await put(scripted, outbox)

    await outbox.send_due()
    await outbox.send_due()

    ((url, body, headers),) = post.sent
    assert url == HOOK.url
    told = orjson.loads(body)
    assert (told["event"], told["created"], told["data"]["ticket"]) == ("released", 7, "ticket-1")
    assert headers["x-imagegate-signature"] == f"t=7,v1={signature(HOOK.secret, 7, body)}"


async def test_what_is_not_taken_is_tried_later_and_later_and_then_given_up_on_record(
    scripted: Scripted,
) -> None:
    """Eleven tries; the body and its id stay the same; the record names the hook and the fault."""
    post, clock = ScriptedPost(500, "timeout", 302, *[500] * 20), [0]
    outbox = outbox_of(scripted, post, clock)
    await put(scripted, outbox)
    waits = []
    for _ in range(30):
        tried = len(post.sent)
        await outbox.send_due()
        if len(post.sent) > tried:
            waits.append(clock[0])
        clock[0] += 600_000_000 * (1 + len(waits))

    assert len(post.sent) == 11
    assert len({body for _, body, _ in post.sent}) == 1
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps == sorted(gaps)
    (given_up,) = [
        r.public for r in scripted.reader.records(RecordFilter(type="config")).records
        if r.public["event"] == "webhook given up"
    ]  # fmt: skip
    assert (given_up["hook"], given_up["subject"], given_up["fault"]) == ("shop", "ticket-1", "status 500")


async def test_a_crash_before_it_was_noted_sends_it_again(scripted: Scripted) -> None:
    """At least once: the id tells the receiver that it is the same."""
    post, clock = ScriptedPost(), [0]
    outbox = outbox_of(scripted, post, clock)
    await put(scripted, outbox)
    await outbox.send_due()
    await scripted.gateway.desk.store.write(
        lambda c: c.execute("UPDATE outbox SET state = 'waiting', next_us = 0").rowcount
    )
    await outbox_of(scripted, post, clock).send_due()

    assert len(post.sent) == 2
    assert post.sent[0][1] == post.sent[1][1]


async def test_a_hold_tells_its_hooks(scripted: Scripted) -> None:
    """The client's own server hears of the hold, by its ticket."""
    post, clerk = ScriptedPost(), scripted.gateway._clerk
    clerk._outbox._hooks, clerk._outbox._post = {HOOK.name: HOOK}, post
    answer = await scripted.draw("an unsure apple")
    ticket = answer.json()["error"]["moderation"]["held"]["ticket"]

    await clerk.step()

    ((_, body, _),) = post.sent
    told = orjson.loads(body)
    assert (told["event"], told["data"]["ticket"]) == ("held", ticket)
    assert b"apple" not in body


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fe80::1%eth0",
     "fd00::1", "::ffff:10.0.0.1", "2002:0a00:0001::", "224.0.0.1"],
)  # fmt: skip
def test_a_private_address_is_no_public_one(address: str) -> None:
    """Also where it hides in an IPv6 address."""
    assert not is_public(address)


def test_a_public_address_is() -> None:
    """Both families."""
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    "url",
    ["http://example.com/a", "ftp://example.com", "https://user:pw@example.com", "https://127.0.0.1/a",
     "https://[::1]/a", "https://localhost/a", "https://a.localhost", "nonsense"],
)  # fmt: skip
def test_an_address_that_may_not_be_is_refused_at_the_start(url: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match=r"review\.webhooks\.shop\.url"):
        checked_url("shop", url, allow_private=False)
