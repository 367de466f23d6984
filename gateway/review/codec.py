"""A held request, and the answer that its release gives, as bytes and back; pictures travel beside them.

Duty: everything that an answer in a generation's shape needs, and no more. Of a decision it keeps what
answers tell of it: scores stay in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from classifiers.signals import Findings, Span
from gateway.core.outcomes import (
    Coverage,
    Delivered,
    DeliveredImage,
    Partial,
    RewriteTrace,
    WithheldImage,
)
from gateway.core.ports import ModelIdentity, RewriteMode
from gateway.core.requests import Caller, ImageRequest, OutputFormat, SourcePicture
from policies.decision import Action, Decision, Mode, PolicyRef, RuleHit, Severity, Stage

_PLAIN = (
    "id", "prompt", "model", "n", "width", "height", "seed", "negative_prompt", "steps", "guidance_scale",
    "quality", "background", "style", "rewrite", "output_compression", "deadline_s", "surface",
)  # fmt: skip
Document = Mapping[str, Any]


def request_bytes(request: ImageRequest) -> bytes:
    """Return a request but for its pictures' pixels. Seeds above 2^53 are kept exact."""
    caller, source = request.caller, request.source
    return orjson.dumps(
        {
            **{name: getattr(request, name) for name in _PLAIN},
            "output_format": request.output_format.value,
            "caller": [caller.tenant, caller.actor, caller.role, caller.policy],
            "strength": None if source is None else source.strength,
        }
    )


def request_from(content: bytes, source: SourcePicture | None) -> ImageRequest:
    """Return the request; `source` is the picture that it brought, if it brought one."""
    told = orjson.loads(content)
    if source is not None:
        source = replace(source, strength=told["strength"])
    return ImageRequest(
        **{name: told[name] for name in _PLAIN},
        caller=Caller(*told["caller"]),
        output_format=OutputFormat(told["output_format"]),
        source=source,
    )


def answer_bytes(answer: Delivered | Partial) -> bytes:
    """Return an answer but for its pictures' bytes."""
    withheld = answer.withheld if isinstance(answer, Partial) else ()
    return orjson.dumps(
        {
            "images": [_image(image) for image in answer.images],
            "withheld": [_withheld(one) for one in withheld],
            "prompt": _decision(answer.prompt_decision),
            "source": None if answer.input_decision is None else _decision(answer.input_decision),
            "rewrite": None if answer.rewrite is None else _rewrite(answer.rewrite),
            "coverage": [
                answer.coverage.images_total,
                answer.coverage.images_inspected,
                answer.coverage.classifiers,
                answer.coverage.uncovered,
            ],
        }
    )


def answer_from(content: bytes, pictures: Mapping[int, bytes]) -> Delivered | Partial:
    """Return the answer with its pictures' bytes by index. Raises KeyError when one is missing."""
    told = orjson.loads(content)
    images = tuple(_image_from(each, pictures[each["index"]]) for each in told["images"])
    total, inspected, classifiers, uncovered = told["coverage"]
    coverage = Coverage(total, inspected, tuple(classifiers), tuple(uncovered))
    prompt = _decision_from(told["prompt"])
    source = None if told["source"] is None else _decision_from(told["source"])
    rewrite = None if told["rewrite"] is None else _rewrite_from(told["rewrite"])
    withheld = tuple(_withheld_from(each) for each in told["withheld"])
    if withheld:
        return Partial(images, withheld, prompt, rewrite, coverage, source)
    return Delivered(images, prompt, rewrite, coverage, source)


def _image(image: DeliveredImage) -> dict[str, object]:
    return {
        "index": image.index,
        "format": image.format.value,
        "width": image.width,
        "height": image.height,
        "seed": image.seed,
        "decision": None if image.decision is None else _decision(image.decision),
        "regenerations": image.regenerations,
        "likeness": image.likeness,
    }


def _image_from(told: Document, content: bytes) -> DeliveredImage:
    return DeliveredImage(
        told["index"],
        content,
        OutputFormat(told["format"]),
        told["width"],
        told["height"],
        told["seed"],
        None if told["decision"] is None else _decision_from(told["decision"]),
        told["regenerations"],
        told["likeness"],
    )


def _withheld(one: WithheldImage) -> dict[str, object]:
    return {
        "index": one.index,
        "decision": _decision(one.decision),
        "regenerations": one.regenerations,
        "reason": one.reason,
        "blocked": one.blocked,
    }


def _withheld_from(told: Document) -> WithheldImage:
    return WithheldImage(
        told["index"],
        _decision_from(told["decision"]),
        told["regenerations"],
        told["reason"],
        told["blocked"],
    )


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "id": decision.id,
        "stage": decision.stage.value,
        "verdict": decision.verdict.word,
        "action": decision.action.word,
        "rules": [[hit.rule, hit.action.word, hit.category] for hit in decision.rules],
        "degraded": decision.degraded,
        "policy": [decision.policy.name, decision.policy.revision],
        "inspected_by": decision.findings.inspected_by,
        "severities": {category: severity.word for category, severity in decision.severities.items()},
        "reason": decision.public_reason,
    }


def _decision_from(told: Document) -> Decision:
    return Decision(
        id=told["id"],
        stage=Stage(told["stage"]),
        verdict=_action(told["verdict"]),
        action=_action(told["action"]),
        rules=tuple(
            RuleHit(rule, _action(action), Mode.ENFORCE, category, Severity.NONE, 0.0, 0.0, "", "")
            for rule, action, category in told["rules"]
        ),
        shadow=(),
        degraded=told["degraded"],
        failed_closed=False,
        policy=PolicyRef(*told["policy"]),
        findings=Findings((), (), tuple(told["inspected_by"])),
        severities={category: Severity[word.upper()] for category, word in told["severities"].items()},
        public_reason=told["reason"],
    )


def _rewrite(trace: RewriteTrace) -> dict[str, object]:
    model = trace.model
    return {
        "prompt": trace.prompt,
        "attempts": trace.attempts,
        "called_for": _decision(trace.called_for),
        "model": [model.role, model.name, model.revision, model.sha256, model.adapter_sha256],
        "changed": [[span.start, span.end] for span in trace.changed],
        "drift": trace.drift,
        "mode": trace.mode.value,
    }


def _rewrite_from(told: Document) -> RewriteTrace:
    return RewriteTrace(
        told["prompt"],
        told["attempts"],
        _decision_from(told["called_for"]),
        ModelIdentity(*told["model"]),
        tuple(Span(start, end) for start, end in told["changed"]),
        told["drift"],
        RewriteMode(told["mode"]),
    )


def _action(word: str) -> Action:
    return Action[word.upper()]
