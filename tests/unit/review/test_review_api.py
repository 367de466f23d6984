"""The desk over HTTP: the same rights and records, as a reviewer's client sees them."""

from __future__ import annotations

from support.gateway import Scripted
from support.reviewing import reviews


async def test_a_reviewer_goes_from_the_queue_to_an_act_and_back(scripted: Scripted) -> None:
    """List, take in hand, read, open, act, undo."""
    await scripted.draw("a violent apple")
    http = scripted.http
    (case,) = (await http.get("/v1/review/cases")).json()["data"]
    path = f"/v1/review/cases/{case['id']}"

    assert (case["ground"], case["action"], case["rules"]) == ("blocked", "block", ["violent"])
    assert (await http.get("/v1/review/queues")).json()["data"][0]["waiting"] == 1
    assert (await http.post(f"{path}/lock")).json()["acquired"] is True
    assert [record["stage"] for record in (await http.get(path)).json()["records"]] == ["prompt", "outcome"]
    texts = (await http.post(f"{path}/unseal")).json()
    assert texts["fields"][case["decision"]]["prompt"] == "a violent apple"
    done = await http.post(f"{path}/acts", json={"act": "overturn", "to": "allow", "note": "Art."})
    assert (done.status_code, done.json()["state"]) == (200, "decided")
    undone = await http.post(f"/v1/review/acts/{done.json()['id']}/undo")
    assert undone.json()["state"] == "open"
    assert (await http.post(f"{path}/free")).status_code == 200
    assert [record["act"] for record in reviews(scripted)] == ["overturn", "undo"]


async def test_what_is_wrong_is_a_clear_error(scripted: Scripted) -> None:
    """The field and the fix, or the state that it is in."""
    await scripted.draw("a violent apple")
    http = scripted.http
    (case,) = (await http.get("/v1/review/cases")).json()["data"]
    path = f"/v1/review/cases/{case['id']}"

    for body, status, param in (
        ({"act": "overturn"}, 400, "to"),
        ({"act": "paint"}, 400, "act"),
        ({"act": "confirm", "extra": 1}, 400, "extra"),
        ({"act": "release"}, 409, None),
    ):
        answer = await http.post(f"{path}/acts", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), body
    assert (await http.get("/v1/review/cases/none")).status_code == 404
    assert (await http.get("/v1/review/cases?cursor=x")).status_code == 400
    assert (await http.post(f"{path}/pictures/0")).status_code == 404
