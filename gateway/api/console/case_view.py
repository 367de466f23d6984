"""A case as its page shows it: sentences, texts side by side, bars, a timeline. Pure.

Duty: every sentence is made from a rule and numbers on record; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.api.console.rendering import latency, score
from gateway.api.console.words import Compared, Piece, compare, visible
from gateway.audit.record_checks import OUTCOME
from gateway.review.types import CaseDetail, OpenedTexts
from policies.decision import Stage
from policies.policy import Policy

_MILLION: Final = 1_000_000
_SHOWN_SCORES: Final = 6
_STAGES: Final = {
    "prompt": "Prompt judged",
    "rewrite": "Prompt rewritten",
    "prompt-recheck": "Rewrite judged",
    "generate": "Pictures drawn",
    "input-image": "Input picture judged",
    "image": "Picture judged",
    OUTCOME: "Answer",
}
Public = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """One score on its bands: `low`, `medium`, `high` are where they begin, all in [0, 100]."""

    classifier: str
    view: str
    category: str
    score: int
    severity: str
    bands: tuple[float, float, float] | None

    @property
    def width(self) -> float:
        """How long the bar is, in [0, 100]."""
        return self.score * 100 / _MILLION


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one judgement: the highest, and the rest."""

    title: str
    shown: tuple[Bar, ...]
    rest: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the timeline; `after_us` counts from the request's first record."""

    title: str
    action: str
    after_us: int
    facts: tuple[str, ...]
    record: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The sealed texts; `compared` where there is a rewrite. `others` are further sealed fields by name."""

    prompt: tuple[Piece, ...] | None
    compared: Compared | None
    drafts: tuple[tuple[Piece, ...], ...]
    others: tuple[tuple[str, tuple[Piece, ...]], ...]
    notes: Mapping[str, tuple[Piece, ...]]
    actor: str | None
    erased: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything on the page but what the desk's answer already says."""

    why: tuple[str, ...]
    steps: tuple[Step, ...]
    scores: tuple[Scores, ...]
    shadow: tuple[str, ...]
    unseen: tuple[str, ...]
    gaps: tuple[str, ...]
    drawn: tuple[tuple[str, str], ...]
    other_revision: str | None


def view_of(detail: CaseDetail, policy: Policy | None) -> CaseView:
    """Return the view; `policy` is the one in force of the decision's name, for its bands."""
    records: Sequence[Public] = detail.records
    judged = [record for record in records if "verdict" in record]
    closing: Public = next((r for r in reversed(records) if r.get("stage") == OUTCOME), {})
    return CaseView(
        why=tuple(dict.fromkeys(_why(judged))) or (_without_rule(detail),),
        steps=tuple(_steps(detail.records)),
        scores=tuple(_scores(record, policy) for record in judged if record.get("scores")),
        shadow=tuple(dict.fromkeys(_sentence(hit) for record in judged for hit in record["shadow"])),
        unseen=tuple((closing.get("images") or {}).get("uncovered") or ()),
        gaps=tuple(dict.fromkeys(_gaps(judged))),
        drawn=tuple(_drawn(detail.records)),
        other_revision=policy.ref.revision if policy and policy.ref.revision != detail.row.revision else None,
    )


def opened_of(detail: CaseDetail, texts: OpenedTexts, *, lead: bool) -> Opened:
    """Return the texts as they are shown; who asked only to a lead."""
    in_order = [(r, texts.fields[str(r["id"])]) for r in detail.records if str(r["id"]) in texts.fields]
    asked = [(record, fields) for record, fields in in_order if record.get("type") == "decision"]
    prompt = next((fields["prompt"] for _record, fields in asked if "prompt" in fields), None)
    rewrites = [fields["rewritten_prompt"] for _record, fields in asked if fields.get("rewritten_prompt")]
    known = {"prompt", "rewritten_prompt", "actor"}
    others = {name: text for _record, fields in asked for name, text in fields.items() if name not in known}
    compared = compare(prompt, rewrites[-1]) if prompt is not None and rewrites else None
    return Opened(
        prompt=None if prompt is None else visible(prompt),
        compared=compared,
        drafts=tuple(visible(text) for text in rewrites[:-1]),
        others=tuple((name.replace("_", " "), visible(text)) for name, text in others.items()),
        notes={str(r["id"]): visible(f["note"]) for r, f in in_order if "note" in f},
        actor=next((f["actor"] for _r, f in asked if "actor" in f), None) if lead else None,
        erased=bool(texts.erased) and prompt is None,
    )


def _why(judged: Sequence[Public]) -> Iterator[str]:
    strict = sorted(judged, key=lambda record: record["action"] == "allow")
    for record in strict:
        yield from (_sentence(hit) for hit in record["rules"])
        if record["failed_closed"] and not record["rules"]:
            yield f"{_title(record)}: a part that must look did not, so it was closed."


def _sentence(hit: Public) -> str:
    said = f"Rule {hit['id']} ({hit['action']})"
    if hit.get("classifier") and hit.get("score") is not None:
        level = f" ({hit['severity']})" if hit.get("severity") else ""
        measured = f"{hit['classifier']} measured {hit['category']} {score(hit['score'])}{level}"
        begins = f"; the rule begins at {score(hit['threshold'])}" if hit.get("threshold") else ""
        return f"{said}: {measured}{begins}."
    return f"{said}{': ' + hit['category'] if hit.get('category') else ''}."


def _without_rule(detail: CaseDetail) -> str:
    return {
        "sampled": "No rule matched: this allowed request belongs to the policy's sample.",
        "disagreement": "No rule matched: two classifiers scored one category far apart.",
        "shadow": "Only a rule on trial matched; it changed nothing.",
        "degraded": "Decided with a part missing, or in a language that no classifier covers.",
    }.get(detail.row.ground, "No rule stands in the records of this request.")


def _title(record: Public) -> str:
    stage = str(record.get("stage", record.get("type", "")))
    title = _STAGES.get(stage, stage)
    place = record.get("image")
    if isinstance(place, Mapping):
        number = f" {int(place.get('index', 0)) + 1}"
        title = (
            f"Preview{number} judged" if place.get("preview") else title.replace("icture", f"icture{number}")
        )
    return title


def _steps(records: Sequence[Public]) -> Iterator[Step]:
    requests = [record for record in records if record.get("type") == "decision"]
    if not requests:
        return
    began = min(record["time_us"] - record.get("latency_us", 0) for record in requests)
    for record in requests:
        action = str(record.get("outcome") or record.get("action") or "")
        if record.get("stage") in ("rewrite", "generate") and "error" not in record:
            action = ""
        yield Step(
            _title(record), action, record["time_us"] - began, tuple(_facts(record)), str(record["id"])
        )


def _facts(record: Public) -> Iterator[str]:
    if record.get("reason"):
        yield str(record["reason"])
    if record.get("rules"):
        yield "Rules: " + ", ".join(dict.fromkeys(str(hit["id"]) for hit in record["rules"]))
    if "mode" in record:
        yield f"Mode {record['mode']}, attempt {int(record.get('attempt') or 0) + 1}"
    if "error" in record:
        yield f"Failed: {record['error']}"
    drift = record.get("drift")
    if isinstance(drift, Mapping) and drift.get("distance") is not None:
        yield f"Meaning moved by {score(drift['distance'])} of at most {score(drift['limit'])}"
    if record.get("inspected_by"):
        yield "Looked: " + ", ".join(record["inspected_by"])
    if record.get("models"):
        yield ", ".join(f"{model['role']} {model['name']}" for model in record["models"])
    if "latency_us" in record:
        yield f"Took {latency(record['latency_us'])}"


def _scores(record: Public, policy: Policy | None) -> Scores:
    bars = [
        Bar(classifier, view, category, value, *_band(policy, str(record["stage"]), category, value))
        for classifier, _revision, view, category, value in record["scores"]
    ]
    bars.sort(key=lambda bar: (-_RANK[bar.severity], -bar.score))
    return Scores(_title(record), tuple(bars[:_SHOWN_SCORES]), tuple(bars[_SHOWN_SCORES:]))


_RANK: Final = {"": 0, "none": 0, "low": 1, "medium": 2, "high": 3}


def _band(
    policy: Policy | None, stage: str, category: str, value: int
) -> tuple[str, tuple[float, float, float] | None]:
    edges = policy.bands(Stage(stage), category) if policy is not None and stage in set(Stage) else None
    if edges is None:
        return "", None
    severity = ("none", "low", "medium", "high")[sum(value / _MILLION >= edge for edge in edges)]
    return severity, (edges[0] * 100, edges[1] * 100, edges[2] * 100)


def _gaps(judged: Sequence[Public]) -> Iterator[str]:
    for record in judged:
        for failure in record["failures"]:
            what = failure.values() if isinstance(failure, Mapping) else [failure]
            yield f"{_title(record)}: {' '.join(str(part) for part in what)}"
        if record["degraded"] and not record["failures"]:
            yield f"{_title(record)}: in a language that none of its classifiers covers, or a part missing"


def _drawn(records: Sequence[Public]) -> Iterator[tuple[str, str]]:
    for record in records:
        if record.get("stage") != "generate":
            continue
        models = record.get("models") or ()
        yield "model", ", ".join(f"{model['name']} {model['revision']}" for model in models)
        yield "seeds", ", ".join(str(seed) for seed in record.get("seeds") or ())
        given = record.get("parameters") or {}
        yield (
            "parameters",
            ", ".join(f"{name} {value}" for name, value in given.items() if value not in (None, "")),
        )
