"""What a record says of a decision, a model and a rewrite: integers and words, nothing personal.

Duty: core types → the public part of a record. Scores and distances become integer millionths, so that the
canonical bytes hold no float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.signals import Signal
from gateway.core.ports import Json, ModelIdentity, RewriteMode
from gateway.pipeline.drift import Drift
from policies.decision import Decision, RuleHit

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class RewriteAttempt:
    """One attempt at rewriting: by which model, from what to what, how far off, and what was wrong.

    `prompt` is what the attempt worked on; `rewritten` and `drift` are None where it came to none. `changed`
    counts the stretches of the request's prompt that are gone or replaced. `error` is the class of what
    failed and `fault` the word for it; both None means that the rewrite went on to be judged.
    """

    model: ModelIdentity
    mode: RewriteMode
    number: int
    latency_us: int
    prompt: str
    rewritten: str | None
    categories: tuple[str, ...]
    changed: int
    drift: Drift | None
    max_drift: float
    drift_model: str
    error: str | None
    fault: str | None


def decision_fields(decision: Decision) -> dict[str, Json]:
    """Return the public fields of a decision: integers and words only, nothing personal.

    `carried` stands there only when evidence of another part of the request counted for the locked rules,
    `outside` only when a classifier scored text outside its languages, which counted for nothing.
    """
    signals = decision.findings.signals
    outside = [signal for signal in signals if signal.outside]
    fields: dict[str, Json] = {
        "action": decision.action.word,
        "degraded": decision.degraded,
        "failed_closed": decision.failed_closed,
        "failures": [
            {"classifier": f.classifier, "detail": f.detail, "kind": f.kind.value}
            for f in decision.findings.failures
        ],
        "inspected_by": list(decision.findings.inspected_by),
        "policy": {"name": decision.policy.name, "revision": decision.policy.revision},
        "reason": decision.public_reason,
        "rules": [_rule_fields(hit) for hit in decision.rules],
        "scores": _score_fields([signal for signal in signals if not signal.outside]),
        "shadow": [_rule_fields(hit) for hit in decision.shadow],
        "verdict": decision.verdict.word,
    }
    if decision.findings.carried:
        fields["carried"] = _score_fields(decision.findings.carried)
    if outside:
        fields["outside"] = _score_fields(outside)
    return fields


def model_fields(model: ModelIdentity) -> dict[str, Json]:
    """Return a model as it goes on record."""
    fields: dict[str, Json] = {
        "name": model.name,
        "revision": model.revision,
        "role": model.role,
        "sha256": model.sha256,
    }
    if model.adapter_sha256 is not None:
        fields["adapter_sha256"] = model.adapter_sha256
    return fields


def rewrite_fields(attempt: RewriteAttempt) -> dict[str, Json]:
    """Return the public fields of an attempt: what was changed and why, never the words."""
    action = "rewrite" if attempt.error is None else "block"
    if attempt.mode is RewriteMode.ENHANCE and attempt.error is not None:
        action = "allow"  # what failed is the enhancement; the prompt stays as it was allowed
    public: dict[str, Json] = {
        "action": action,
        "attempt": attempt.number,
        "diff": {"categories": list(attempt.categories), "spans": attempt.changed},
        "latency_us": attempt.latency_us,
        "mode": attempt.mode.value,
        "models": [model_fields(attempt.model)],
    }
    if attempt.drift is not None:
        public["drift"] = {
            "distance": round(attempt.drift.distance * MILLION),
            "faults": [fault.value for fault in attempt.drift.faults],
            "limit": round(attempt.max_drift * MILLION),
            "model": attempt.drift_model,
        }
    if attempt.error is not None:
        public["error"] = {"class": attempt.error, "fault": attempt.fault}
    return public


def _rule_fields(hit: RuleHit) -> dict[str, Json]:
    return {
        "action": hit.action.word,
        "category": hit.category,
        "classifier": hit.classifier,
        "id": hit.rule,
        "mode": hit.mode.value,
        "score": round(hit.score * MILLION),
        "severity": hit.severity.word,
        "threshold": round(hit.threshold * MILLION),
    }


def _score_fields(signals: Sequence[Signal]) -> list[Json]:
    """Return every raw score: without them a new policy can't be replayed on history."""
    return [[s.classifier, s.revision, s.view, s.category, round(s.score * MILLION)] for s in signals]
