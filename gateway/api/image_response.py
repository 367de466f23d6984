"""Outcomes of the image route as bytes on the wire.

Duty: build the JSON without ever holding a picture's base64 in a dict: the small parts go through orjson, the
pictures go in between. It decides nothing: action, reason and withheld are the outcome's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson
from starlette.responses import Response

from gateway.api.pictures import PicturesResponse, Piece
from gateway.api.problems import error_response
from gateway.core.errors import RequestInvalid
from gateway.core.outcomes import (
    Blocked,
    Coverage,
    Delivered,
    DeliveredImage,
    Held,
    Hold,
    Partial,
    RewriteTrace,
    WithheldImage,
)
from gateway.core.ports import RewriteMode
from gateway.core.requests import ImageRequest
from policies.decision import Action, Decision, Stage

Checkpoint = tuple[int, str]
HELD_PATH: Final = "/v1/images/held/"
_CHARS_PER_TOKEN: Final = 4
_PATCH: Final = 16
_USER_ERROR: Final = "image_generation_user_error"
_PUBLIC_DEFAULT: Final = "The request goes against this service's policy."


def delivered_pieces(
    request: ImageRequest,
    outcome: Delivered | Partial,
    *,
    urls: Sequence[str] | None = None,
    more: Mapping[str, object] | None = None,
) -> list[Piece]:
    """The body of a 200; `urls` replaces the base64, one per picture in the outcome's order.

    `more` stands at the top, beside what a generation's answer has.
    """
    images = outcome.images
    head = {
        "created": int(time.time()),
        "background": "opaque",
        "output_format": request.output_format.value,
        "quality": None if request.quality == "auto" else request.quality,
        "size": f"{images[0].width}x{images[0].height}" if images else None,
        "usage": usage(request, images),
        "moderation": moderation_summary(request, outcome),
        **(more or {}),
    }
    pieces: list[Piece] = [orjson.dumps(head)[:-1] + b',"data":[']
    for place, image in enumerate(images):
        start = b"{" if place == 0 else b",{"
        rest = orjson.dumps(_image_rest(image, outcome.rewrite))[1:]
        if urls is None:
            pieces += (start + b'"b64_json":"', image, b'",' + rest)
        else:
            pieces.append(start + b'"url":' + orjson.dumps(urls[place]) + b"," + rest)
    pieces.append(b"]}")
    return pieces


def delivered_response(
    request: ImageRequest,
    outcome: Delivered | Partial,
    checkpoint: Checkpoint,
    *,
    urls: Sequence[str] | None = None,
) -> Response:
    """The 200 with its headers."""
    headers = decision_headers(outcome.prompt_decision, checkpoint)
    return PicturesResponse(delivered_pieces(request, outcome, urls=urls), headers)


def refused_response(outcome: Blocked | Held, checkpoint: Checkpoint) -> Response:
    """The 400 that a client must not repeat."""
    headers = {**decision_headers(outcome.decision, checkpoint), "x-should-retry": "false"}
    return error_response(RequestInvalid.status, refusal(outcome), headers=headers)


def refusal(outcome: Blocked | Held) -> dict[str, object]:
    """The error object of a refusal; also the payload that ends a stream."""
    decision = outcome.decision
    reason = outcome.reason or decision.public_reason or _PUBLIC_DEFAULT
    held = isinstance(outcome, Held)
    message = f"Held for review: {reason}" if held else f"Blocked by moderation: {reason}"
    withheld = () if isinstance(outcome, Held) else outcome.withheld
    return {
        "message": message,
        "type": _USER_ERROR,
        "param": None,
        "code": "moderation_held" if isinstance(outcome, Held) else outcome.code,
        "moderation_details": {
            "moderation_stage": "output" if outcome.stage is Stage.IMAGE else "input",
            "categories": list(decision.categories),
        },
        "moderation": {
            "decision": decision.id,
            "stage": outcome.stage.value,
            "action": (Action.HOLD if held else Action.BLOCK).word,
            "reason": reason,
            "policy": {"name": decision.policy.name, "revision": decision.policy.revision},
            "severities": severities(decision),
            "degraded": decision.degraded,
            "images": _images(outcome.coverage),
            "withheld": [_withheld(image) for image in withheld],
            **_held(outcome.hold),
        },
    }


def moderation_summary(request: ImageRequest, outcome: Delivered | Partial) -> dict[str, object]:
    """What was decided over the whole request; the pictures' own decisions lie beside each picture."""
    prompt = outcome.prompt_decision
    withheld = outcome.withheld if isinstance(outcome, Partial) else ()
    return {
        "request_id": request.id,
        "outcome": "partial" if isinstance(outcome, Partial) else "delivered",
        "decision": prompt.id,
        "decisions": _decision_ids(outcome, withheld),
        "action": _action(outcome).word,
        "policy": {"name": prompt.policy.name, "revision": prompt.policy.revision},
        "severities": severities(prompt),
        "degraded": prompt.degraded or any(i.decision.degraded for i in outcome.images if i.decision),
        "images": _images(outcome.coverage),
        "rewrite": _rewrite(outcome.rewrite),
        "withheld": [_withheld(image) for image in withheld],
        **_held(outcome.hold if isinstance(outcome, Partial) else None),
    }


def image_moderation(image: DeliveredImage) -> dict[str, object]:
    """What was decided over one picture; `inspected` is false when no classifier saw it."""
    decision = image.decision
    return {
        "index": image.index,
        "seed": image.seed,
        "inspected": decision is not None and bool(decision.findings.inspected_by),
        "decision": decision.id if decision else None,
        "action": decision.action.word if decision else None,
        "severities": severities(decision) if decision else {},
        "regenerations": image.regenerations,
    }


def decision_headers(decision: Decision, checkpoint: Checkpoint) -> dict[str, str]:
    """The headers that tie a response to its decision, its policy and the log."""
    return {
        "x-imagegate-decision": decision.id,
        "x-imagegate-policy": f"{decision.policy.name}@{decision.policy.revision}",
        **checkpoint_headers(checkpoint),
    }


def checkpoint_headers(checkpoint: Checkpoint) -> dict[str, str]:
    """The log's durable size and root."""
    return {"x-imagegate-log-size": str(checkpoint[0]), "x-imagegate-log-root": checkpoint[1]}


def severities(decision: Decision) -> dict[str, str]:
    """Category → severity word, for every category that reached `low`."""
    return {category: severity.word for category, severity in decision.severities.items()}


def usage(
    request: ImageRequest, images: Iterable[DeliveredImage], *, with_prompt: bool = True
) -> dict[str, object]:
    """Estimates, for clients that need the field: a token per 4 characters, one per 16 × 16 pixels."""
    text = math.ceil(len(request.prompt) / _CHARS_PER_TOKEN) if with_prompt else 0
    drawn = sum(math.ceil(i.width / _PATCH) * math.ceil(i.height / _PATCH) for i in images)
    return {
        "input_tokens": text,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": text},
        "output_tokens": drawn,
        "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
        "total_tokens": text + drawn,
    }


def _image_rest(image: DeliveredImage, rewrite: RewriteTrace | None) -> dict[str, object]:
    return {
        "revised_prompt": rewrite.prompt if rewrite else None,
        "moderation": image_moderation(image),
    }


def _decision_ids(outcome: Delivered | Partial, withheld: Iterable[WithheldImage]) -> list[str]:
    """In the order of the stages: the picture that came, the prompt, its rewrite, then the pictures."""
    first = [outcome.input_decision.id] if outcome.input_decision else []
    first += [outcome.rewrite.called_for.id] if outcome.rewrite else []
    judged = [image.decision.id for image in outcome.images if image.decision]
    return [*first, outcome.prompt_decision.id, *judged, *(image.decision.id for image in withheld)]


def _images(coverage: Coverage) -> dict[str, object]:
    return {
        "total": coverage.images_total,
        "inspected": coverage.images_inspected,
        "classifiers": list(coverage.classifiers),
        "uncovered": list(coverage.uncovered),
    }


def _action(outcome: Delivered | Partial) -> Action:
    """A prompt made safe was rewritten; an enhanced one was allowed as it stood."""
    made_safe = outcome.rewrite is not None and outcome.rewrite.mode is RewriteMode.SAFETY
    return Action.REWRITE if made_safe else outcome.prompt_decision.action


def _rewrite(trace: RewriteTrace | None) -> Mapping[str, object] | None:
    if trace is None:
        return None
    return {
        "mode": trace.mode.value,
        "attempts": trace.attempts,
        "rules": list(trace.rules),
        "categories": list(trace.categories),
        "changed": [{"start": span.start, "end": span.end} for span in trace.changed],
        "drift": round(trace.drift, 6),
        "model": {
            "name": trace.model.name,
            "revision": trace.model.revision,
            "sha256": trace.model.sha256,
        },
    }


def _held(hold: Hold | None) -> dict[str, object]:
    """Where to ask for what is held, and until when it waits."""
    if hold is None:
        return {}
    address = f"{HELD_PATH}{hold.ticket}"
    return {"held": {"ticket": hold.ticket, "url": address, "deadline": hold.deadline_us // 1_000_000}}


def _withheld(image: WithheldImage) -> dict[str, object]:
    decision = image.decision
    return {
        "index": image.index,
        "decision": decision.id,
        "action": image.action.word,
        "categories": list(decision.categories),
        "reason": image.public_reason or _PUBLIC_DEFAULT,
        "regenerations": image.regenerations,
    }
