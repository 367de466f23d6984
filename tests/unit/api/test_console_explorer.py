"""The explorer and the numbers: filters, versions, saved views, and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.browsing import REVIEWED, Reviewed, lively, with_keys
from support.gateway import Painting, Scripted, scripted_gateway
from support.reviewing import ANN, EVERY

from gateway.api.console.charts import HEIGHT, chart_of
from gateway.api.console.explorer import COLUMNS, _cell
from gateway.review.numbers import Bucket, wilson
from gateway.review.types import Act, ActRequest


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", policy=REVIEWED, painting=painting) as gate:
        await lively(gate, painting)
        yield gate


@pytest.fixture
async def reviewed(scripted: Scripted, tmp_path: Path) -> AsyncIterator[Reviewed]:
    made = with_keys(scripted, tmp_path)
    async with made.http:
        await made.sign_in()
        yield made


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 8), ("action=block", 3), ("rule=rude", 2), ("category=violence", 3), ("stage=image", 3),
        ("state=none", 1), ("model=painting&action=allow", 1), ("tenant=default", 8), ("rule=no-such", 0),
        ("degraded=yes", 0), ("last=1h", 8), ("until=2026-01-01T00:00", 0), ("since=2020-01-01T00:00Z", 8),
    ],
)  # fmt: skip
async def test_a_filter_finds_what_it_says(reviewed: Reviewed, query: str, count: int) -> None:
    """HTML, JSON and CSV show the same requests."""
    page = await reviewed.http.get(f"/review/requests?{query}")
    data = (await reviewed.http.get(f"/review/requests.json?{query}")).json()["requests"]
    table = list(csv.DictReader(io.StringIO((await reviewed.http.get(f"/review/requests.csv?{query}")).text)))
    assert page.status_code == 200
    assert len(data) == len(table) == count
    assert [row["id"] for row in data] == [row["id"] for row in table]
    assert tuple(table[0] if table else COLUMNS) == COLUMNS


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("action=explode", "action"), ("stage=x", "stage"), ("revision=zz", "revision"),
        ("degraded=maybe", "degraded"),
        ("since=yesterday", "since"), ("last=soon", "last"), ("since=2026-02-01&until=2026-01-01", "since"),
        ("limit=0", "limit"), ("limit=99999999", "limit"), ("cursor=x", "cursor"), ("colour=red", "colour"),
    ],
)  # fmt: skip
async def test_a_word_that_no_request_has_is_refused(reviewed: Reviewed, query: str, field: str) -> None:
    """By name of the field, on the page and in the data."""
    page = await reviewed.http.get(f"/review/requests?{query}")
    data = await reviewed.http.get(f"/review/requests.json?{query}")
    assert page.status_code == data.status_code == 400
    assert field in page.text
    assert field in data.json()["error"]["message"]


async def test_pages_of_data_follow_each_other(reviewed: Reviewed) -> None:
    """JSON by `next`, CSV by its Link header; each request once."""
    seen, there = [], "/review/requests.json?limit=3"
    while there:
        data = (await reviewed.http.get(there)).json()
        seen += [row["id"] for row in data["requests"]]
        there = data["next"]
    assert len(seen) == len(set(seen)) == 8
    first = await reviewed.http.get("/review/requests.csv?limit=3")
    assert first.headers["link"].endswith('rel="next"')


async def test_programs_use_a_bearer_key(reviewed: Reviewed) -> None:
    """Of role review or admin, as with the API; a generating key may not, and without any it says how."""
    reviewed.http.cookies.clear()
    for role, status in (("review", 200), ("admin", 200), ("generate", 403)):
        headers = {"authorization": f"Bearer {reviewed.secrets[role]}"}
        for path in ("requests.json", "requests.csv", "numbers.json"):
            assert (await reviewed.http.get(f"/review/{path}", headers=headers)).status_code == status
    assert (await reviewed.http.get("/review/requests.json")).status_code == 401


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|calc"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    """An apostrophe stands in front of what a spreadsheet would run."""
    assert _cell(text) == f"'{text}"
    assert _cell((text, "b")) == f"'{text} b"


def test_other_cells_stay_as_they_are() -> None:
    """Numbers are numbers, lists are words, nothing is nothing."""
    assert [_cell(value) for value in (12, True, None, ("a", "b"), "a=b")] == [12, "yes", "", "a b", "a=b"]


async def test_a_client_s_own_request_id_is_no_formula(reviewed: Reviewed, scripted: Scripted) -> None:
    """Clients choose request ids; one that begins with a dash comes with an apostrophe."""
    await scripted.http.post(
        "/v1/images/generations", json={"prompt": "a violent apple"}, headers={"x-request-id": "-2+3"[:2]}
    )
    table = (await reviewed.http.get("/review/requests.csv")).text
    assert ",'-2," in table


async def test_a_view_is_saved_and_forgotten(reviewed: Reviewed) -> None:
    """Under its reviewer's name alone; only filters can be saved."""
    answer = await reviewed.post("/review/views", name="Blocks <b>", query="action=block")
    assert answer.headers["location"] == "/review/requests?action=block"
    page = (await reviewed.http.get("/review/requests")).text
    assert "Blocks &lt;b&gt;" in page
    assert (await reviewed.post("/review/views", name="x", query="//evil=1")).status_code == 400
    view = page.partition("/review/views/")[2].partition("/delete")[0]
    await reviewed.sign_in("admin")
    assert "Blocks" not in (await reviewed.http.get("/review/requests")).text
    await reviewed.post(f"/review/views/{view}/delete")
    await reviewed.sign_in()
    assert "Blocks" in (await reviewed.http.get("/review/requests")).text
    await reviewed.post(f"/review/views/{view}/delete")
    assert "Blocks" not in (await reviewed.http.get("/review/requests")).text


async def test_numbers_count_what_people_said(reviewed: Reviewed, scripted: Scripted) -> None:
    """Upheld, too strict, too mild by rule; precision with its interval."""
    desk = scripted.gateway.desk
    cases = (await desk.queue(ANN, EVERY)).cases
    violent = [case.id for case in cases if "violent" in case.rules]
    (rude, _other) = [case.id for case in cases if "rude" in case.rules]
    await desk.act(ANN, violent[0], ActRequest(Act.CONFIRM))
    await desk.act(ANN, violent[1], ActRequest(Act.OVERTURN, to="allow", reason="art"))
    await desk.act(ANN, rude, ActRequest(Act.OVERTURN, to="block", reason="other"))
    data = (await reviewed.http.get("/review/numbers.json?last=1h")).json()
    rules = {rule["rule"]: rule for rule in data["rules"]}
    told = {name: tuple(rules[name][k] for k in ("matched", "reviewed", "upheld", "too_strict", "too_mild"))
            for name in ("violent", "rude", "unsure")}  # fmt: skip
    assert told == {"violent": (2, 2, 1, 1, 0), "rude": (2, 1, 0, 0, 1), "unsure": (1, 0, 0, 0, 0)}
    assert rules["violent"]["precision"] == 0.5
    assert data["actions"] == {"allow": 1, "block": 3, "hold": 1, "redact": 1, "rewrite": 2}
    assert sum(sum(bucket["actions"].values()) for bucket in data["buckets"]) == 8
    page = await reviewed.http.get("/review/numbers")
    assert page.text.count('class="range"') == 2


def test_wilson_s_interval() -> None:
    """The textbook's values: 8 of 10, none, all."""
    assert tuple(round(edge, 3) for edge in wilson(8, 10)) == (0.490, 0.943)
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0


def test_columns_stand_on_each_other() -> None:
    """The tallest column fills the chart, allowed at the bottom."""
    chart = chart_of([Bucket(0, {"allow": 1, "block": 3}), Bucket(1, {})])
    allow, block = chart.columns[0].blocks
    assert (allow.action, block.action) == ("allow", "block")
    assert block.y == 0.0
    assert allow.y + allow.height == HEIGHT
    assert chart.columns[1].blocks == ()
