"""`POST /v1/moderations`: judge texts and pictures by the active policy, in OpenAI's shape.

Duty: parse, one call, render. `flagged` follows the policy: any decision that does more than allow. A
category is true when an enforced rule matched within it or its severity reached `medium`. Its score is
the highest signal within it, its own sub-categories included; one that a lock makes of several (sexual
content together with a cue for a minor) scores as the weaker of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from classifiers.signals import Modality
from classifiers.taxonomy import OPENAI_CATEGORIES
from gateway.api import responses
from gateway.api.auth import GENERATE
from gateway.api.body import read_json
from gateway.api.edge import WhileConnected, edge_of, request_id_of
from gateway.api.image_response import checkpoint_headers, severities
from gateway.api.moderation_request import ModerationRequest, to_inputs
from gateway.api.problems import JSON
from gateway.api.routing import PlainRoute
from gateway.core.errors import ClassifierUnavailable
from gateway.core.moderation_types import Moderation
from policies.decision import Action, Decision, Severity
from policies.locks import LOCKS, implied_scores

_PICTURE_CHARS: Final = 1_500
"""What judging a picture costs, in characters of text."""

router: Final = APIRouter(tags=["moderations"], route_class=PlainRoute)


@router.post(
    "/v1/moderations",
    summary="Judge texts and pictures",
    response_class=Response,
    responses=responses.MODERATION,
    openapi_extra=responses.body_of(ModerationRequest),
)
async def create_moderation(request: Request) -> Response:
    """One result per text, in order; one for a multimodal input. Every judgement is on record."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, GENERATE)
    edge.admission.check(caller.tenant)
    limit_bytes = edge.service.settings.server.max_image_body_bytes
    body = await read_json(request, limit_bytes=limit_bytes, model=ModerationRequest)
    inputs = to_inputs(body)
    request_id = request_id_of(request)
    timeout_s = edge.service.settings.server.request_timeout_s
    chars = sum(len(text) for one in inputs for text in one.texts)
    chars += _PICTURE_CHARS * sum(len(one.images) for one in inputs)
    place = edge.admission.slot(timeout_s, tenant=caller.tenant, bulk=len(inputs) > 1, chars=chars)
    async with WhileConnected(request), place as left_s:
        answers = await edge.service.moderate(inputs, request_id=request_id, caller=caller, timeout_s=left_s)
    if len(answers) != len(inputs):
        raise ClassifierUnavailable("Not every input was judged; send the request again.", retry_after_s=2)
    policy = answers[0].decisions[0][1].policy
    content = {
        "id": f"modr-{request_id}",
        "model": f"imagegate/{policy.name}@{policy.revision}",
        "results": [moderation_result(answer) for answer in answers],
    }
    headers = {
        "x-imagegate-decision": _strictest(answers[0]).id,
        "x-imagegate-policy": f"{policy.name}@{policy.revision}",
        **checkpoint_headers(edge.service.checkpoint()),
    }
    return Response(orjson.dumps(content), headers=headers, media_type=JSON)


def moderation_result(answer: Moderation) -> dict[str, Any]:
    """One entry of `results`. All three maps have the same thirteen keys.

    Raises:
        ClassifierUnavailable: a decision only says that a required classifier gave no measurement.
    """
    decisions = [decision for _, decision in answer.decisions]
    if any(decision.failed_closed for decision in decisions):
        raise ClassifierUnavailable(
            "A required classifier is unavailable; nothing was judged. Try again later.", retry_after_s=2
        )
    scores = _highest(
        (category, score)
        for d in decisions
        for category, score in (
            *((s.category, s.score) for s in d.findings.signals if not s.outside),
            *implied_scores(d.findings).items(),
        )
    )
    severest = _highest((c, float(s)) for d in decisions for c, s in d.severities.items())
    matched = {slug for d in decisions for hit in d.rules for slug in _with_ancestors(hit.category)}
    return {
        "flagged": any(decision.action is not Action.ALLOW for decision in decisions),
        "categories": {
            slug: slug in matched or severest.get(slug, 0.0) >= Severity.MEDIUM for slug in OPENAI_CATEGORIES
        },
        "category_scores": {slug: scores.get(slug, 0.0) for slug in OPENAI_CATEGORIES},
        "category_applied_input_types": _applied(answer.coverage),
        "moderation": _own(answer),
    }


def _own(answer: Moderation) -> dict[str, object]:
    strictest = _strictest(answer)
    merged: dict[str, Severity] = {}
    for _, decision in answer.decisions:
        for category, severity in decision.severities.items():
            merged[category] = max(severity, merged.get(category, Severity.NONE))
    return {
        "decision": strictest.id,
        "action": strictest.action.word,
        "reason": strictest.public_reason,
        "policy": {"name": strictest.policy.name, "revision": strictest.policy.revision},
        "severities": {category: severity.word for category, severity in merged.items()},
        "degraded": any(decision.degraded for _, decision in answer.decisions),
        "decisions": [
            {
                "id": decision.id,
                "modality": modality.value,
                "action": decision.action.word,
                "severities": severities(decision),
                "outside": _outside(decision),
                "inspected_by": list(decision.findings.inspected_by),
            }
            for modality, decision in answer.decisions
        ],
    }


def _outside(decision: Decision) -> dict[str, float]:
    """Highest score per category of text outside a classifier's languages; nothing counts it."""
    outside: dict[str, float] = {}
    for signal in decision.findings.signals:
        if signal.outside:
            outside[signal.category] = max(signal.score, outside.get(signal.category, 0.0))
    return outside


def _strictest(answer: Moderation) -> Decision:
    return max((decision for _, decision in answer.decisions), key=lambda decision: decision.action)


def _highest(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Highest value per category, each counted for its ancestors too."""
    highest: dict[str, float] = {}
    for category, value in pairs:
        for slug in _with_ancestors(category):
            if value > highest.get(slug, -1.0):
                highest[slug] = value
    return highest


def _with_ancestors(category: str) -> tuple[str, ...]:
    """`a/b` → (`a/b`, `a`): what is measured below a category is measured within it."""
    parts = category.split("/")
    return tuple("/".join(parts[:end]) for end in range(len(parts), 0, -1))


def _applied(coverage: Mapping[Modality, frozenset[str]]) -> dict[str, list[str]]:
    """Per category, the modalities in which a classifier that gave a measurement covers it.

    What a lock makes of several categories is covered, once all are, where the first of them is.
    """
    within = {
        modality: {slug for category in covered for slug in _with_ancestors(category)}
        for modality, covered in coverage.items()
    }
    everywhere = set().union(*within.values())
    for lock in LOCKS:
        if lock.category is not None and everywhere.issuperset(lock.families):
            for slugs in within.values():
                if lock.families[0] in slugs:
                    slugs.add(lock.category)
    return {
        slug: [modality.value for modality in Modality if slug in within.get(modality, ())]
        for slug in OPENAI_CATEGORIES
    }
