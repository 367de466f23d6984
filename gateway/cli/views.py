"""Decisions as plain values, for `--json` and for tables.

Duty: which fields of a decision a person sees. It prints nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers.signals import Signal
    from policies.decision import Decision, RuleHit


def decision_view(decision: Decision) -> dict[str, object]:
    """Return a decision with its rules, severities, signals and failures; scores in [0, 1]."""
    return {
        "id": decision.id,
        "stage": decision.stage.value,
        "verdict": decision.verdict.word,
        "action": decision.action.word,
        "reason": decision.public_reason,
        "categories": list(decision.categories),
        "severities": {name: severity.word for name, severity in decision.severities.items()},
        "rules": [_rule_view(hit) for hit in decision.rules],
        "shadow": [_rule_view(hit) for hit in decision.shadow],
        "degraded": decision.degraded,
        "failed_closed": decision.failed_closed,
        "policy": {"name": decision.policy.name, "revision": decision.policy.revision},
        "signals": [
            {
                "category": signal.category,
                "score": round(signal.score, 6),
                "classifier": signal.classifier,
                "view": signal.view,
                "spans": [[span.start, span.end] for span in signal.spans],
                "outside": signal.outside,
            }
            for signal in decision.findings.signals
        ],
        "failures": [
            {"classifier": failure.classifier, "kind": failure.kind.value}
            for failure in decision.findings.failures
        ],
        "inspected_by": list(decision.findings.inspected_by),
    }


def strongest(decision: Decision) -> Sequence[tuple[Signal, str]]:
    """Return per category the highest signal with the category's severity, highest score first.

    One of text outside a classifier's languages stands for a category only where nothing else was measured.
    """
    best: dict[str, Signal] = {}
    for signal in decision.findings.signals:
        known = best.get(signal.category)
        if known is None or (not signal.outside, signal.score) > (not known.outside, known.score):
            best[signal.category] = signal
    ordered = sorted(best.values(), key=lambda signal: (-signal.score, signal.category))
    return [(signal, _severity(decision, signal.category)) for signal in ordered]


def _severity(decision: Decision, category: str) -> str:
    severity = decision.severities.get(category)
    return "none" if severity is None else severity.word


def _rule_view(hit: RuleHit) -> Mapping[str, object]:
    return {
        "rule": hit.rule,
        "action": hit.action.word,
        "mode": hit.mode.value,
        "category": hit.category,
        "severity": hit.severity.word,
        "score": round(hit.score, 6),
        "classifier": hit.classifier,
        "reason": hit.public_reason,
    }
