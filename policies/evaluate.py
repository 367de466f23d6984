"""Findings → decision, by closures made at load. Pure: no clock, no file, no model.

Duty: the hot path of a decision, microseconds long. How it stays short: every signal is put once into the
band of its category; only signals at or above the lowest edge are carried on as `Peak`s, by category and by
each of its ancestors; a rule is a closure over those. Findings without any peak match no rule, because every
condition asks for at least `low`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from classifiers.signals import Failure, FailureKind, Findings, Signal
from classifiers.taxonomy import UNCOVERED_LANGUAGE
from policies.decision import Action, Decision, Mode, PolicyRef, RuleHit, Severity, Stage

Edges: TypeAlias = tuple[float, float, float]
"""Lower edges of low, medium and high."""

Peak: TypeAlias = tuple[int, float, Signal, Edges]
"""The strongest measurement under a key: severity (1..3), score, signal, and the edges that banded it."""

Peaks: TypeAlias = dict[str, Peak]
Evidence: TypeAlias = tuple[Peak, int]
"""A peak, and the severity (1..3) that the condition asked of it."""

Condition: TypeAlias = Callable[[Peaks], Evidence | None]
"""Returns the strongest evidence when the condition holds, else None."""

Route: TypeAlias = tuple[float, Edges, tuple[str, ...]]
"""Lowest edge, edges, and the keys under which a category's peak is filed, its own first."""

Routes: TypeAlias = tuple[Route, ...]

_SEVERITIES: Final = tuple(Severity)
_FEW_PEAKS: Final = 6
"""Above it, running every rule is quicker than finding those that are touched (benchmarks/policy.py)."""

FAILURE_PREFIX: Final = "failure/"
UNCHECKED_REASON: Final = (
    "A safety check that this request needs could not be made, so nothing was carried out. Try again later."
)
DEFAULT_REASONS: Final[Mapping[Action, str]] = {
    Action.ALLOW: "",
    Action.REDACT: "Part of the picture was made unrecognisable under the content policy.",
    Action.REGENERATE: "The picture was regenerated under the content policy.",
    Action.REWRITE: "The prompt was changed to follow the content policy.",
    Action.HOLD: "A person has to look at such a request first, so it was not carried out.",
    Action.BLOCK: "This request is not possible under the content policy.",
}


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule ready to run; `reason` is the public text, never empty unless the action is allow.

    `keys` are those of all its leaves: without a peak under one of them the rule can't match. `category` is
    what its hits are filed under; None: the category of their evidence. `when` is the condition in words.
    """

    id: str
    action: Action
    mode: Mode
    reason: str
    ref: str
    locked: bool
    condition: Condition
    keys: frozenset[str]
    category: str | None = None
    when: str = ""


@dataclass(frozen=True, slots=True)
class CompiledStage:
    """Everything that a stage's decision needs; made by `compiled_stage`.

    All of `planned` must have looked; one in `tolerated` may fail and only degrades. `routes` serves the
    known categories, `route_of` any other; `floors` is each known category's lowest edge. `rules` stand
    strictest first, then in the file's order; `rules_by_key` holds their positions, by the keys they read.
    """

    planned: tuple[str, ...]
    tolerated: frozenset[str]
    rules: tuple[CompiledRule, ...]
    rules_by_key: Mapping[str, tuple[int, ...]]
    floors: Mapping[str, float]
    routes: Mapping[str, Routes]
    route_of: Callable[[str], Routes]
    by_classifier: frozenset[str]


def compiled_stage(
    *,
    planned: tuple[str, ...],
    tolerated: frozenset[str],
    rules: Iterable[CompiledRule],
    routes: Mapping[str, Routes],
    route_of: Callable[[str], Routes],
    by_classifier: frozenset[str],
) -> CompiledStage:
    """Return the stage with its rules in order and its lookups filled."""
    ordered = tuple(sorted(rules, key=lambda rule: -rule.action))  # stable: the file's order among equals
    keys = {key for rule in ordered for key in rule.keys}
    return CompiledStage(
        planned=planned,
        tolerated=tolerated,
        rules=ordered,
        rules_by_key={key: tuple(i for i, rule in enumerate(ordered) if key in rule.keys) for key in keys},
        floors={category: min(floor for floor, _edges, _keys in filed) for category, filed in routes.items()},
        routes=routes,
        route_of=route_of,
        by_classifier=by_classifier,
    )


def evaluate(
    stage: CompiledStage, at: Stage, findings: Findings, decision_id: str, ref: PolicyRef
) -> Decision:
    """Return the decision. The strictest enforced rule wins; a required classifier's silence blocks."""
    failed: tuple[RuleHit, ...] = ()
    degraded = False
    if findings.failures or findings.inspected_by != stage.planned:
        findings = with_missing(stage, findings)
        degraded = bool(findings.failures)
        failed = tuple(_failure_hits(stage, findings))

    peaks, severities = _peaks(stage, findings.signals)
    degraded = degraded or UNCOVERED_LANGUAGE in severities
    if findings.carried:
        _file_carried(stage, findings.carried, peaks)
    if not peaks and not failed:  # the common case: nothing reached the lowest edge, nothing failed
        allow = Action.ALLOW
        return Decision(
            decision_id, at, allow, allow, (), (), degraded, False, ref, findings, severities, ""
        )  # fmt: skip

    enforced = list(failed)
    shadow: list[RuleHit] = []
    for rule in _touched(stage, peaks):
        evidence = rule.condition(peaks)
        if evidence is not None:
            hit = _hit(rule, evidence)
            (enforced if rule.mode is Mode.ENFORCE else shadow).append(hit)
            if rule.locked:
                _file_locked(rule, hit, peaks, severities)

    # both lists stand strictest first
    action = enforced[0].action if enforced else Action.ALLOW
    verdict = max(action, shadow[0].action) if shadow else action
    reason = enforced[0].public_reason if enforced and action is not Action.ALLOW else ""
    return Decision(
        decision_id, at, verdict, action, tuple(enforced), tuple(shadow), degraded, bool(failed), ref,
        findings, severities, reason,
    )  # fmt: skip


def _file_locked(rule: CompiledRule, hit: RuleHit, peaks: Peaks, severities: dict[str, Severity]) -> None:
    """File what a lock saw: its edges may lie below the policy's.

    Each of its families counts, not the weakest alone: which one that is changes when a score rises.
    """
    seen = {key.partition("@")[0]: _SEVERITIES[peaks[key][0]] for key in rule.keys}
    for category, severity in (*seen.items(), (hit.category, hit.severity)):
        if severity > severities.get(category, Severity.NONE):
            severities[category] = severity


def _touched(stage: CompiledStage, peaks: Peaks) -> Iterable[CompiledRule]:
    """Return, in order, the rules that read any of the peaks; the rest can't match."""
    if len(peaks) > _FEW_PEAKS:
        return stage.rules
    by_key, rules = stage.rules_by_key, stage.rules
    return [rules[index] for index in sorted({index for key in peaks for index in by_key.get(key, ())})]


def with_missing(stage: CompiledStage, findings: Findings) -> Findings:
    """Return the findings with a MISSING failure per planned classifier that neither looked nor failed."""
    told = {*findings.inspected_by, *(failure.classifier for failure in findings.failures)}
    silent = [name for name in stage.planned if name not in told]
    if not silent:
        return findings
    missing = tuple(Failure(name, FailureKind.MISSING, "gave no measurement") for name in silent)
    return replace(findings, failures=findings.failures + missing)


def _failure_hits(stage: CompiledStage, findings: Findings) -> list[RuleHit]:
    """One blocking hit per classifier that failed, unless the policy lets that one fail open.

    A failure of something outside the plan (a decoder, the judge itself) blocks too: nobody excused it.
    """
    names = dict.fromkeys(failure.classifier for failure in findings.failures)
    return [
        RuleHit(
            FAILURE_PREFIX + name, Action.BLOCK, Mode.ENFORCE, "", Severity.NONE, 0.0, 0.0, name,
            UNCHECKED_REASON,
        )
        for name in names
        if name not in stage.tolerated
    ]  # fmt: skip


def _peaks(stage: CompiledStage, signals: tuple[Signal, ...]) -> tuple[Peaks, dict[str, Severity]]:
    """File each signal that reaches its lowest edge; several views or classifiers: the strongest stays.

    What a classifier says of text outside its languages is filed nowhere.
    """
    peaks: Peaks = {}
    severities: dict[str, Severity] = {}
    floors = stage.floors
    for signal in signals:
        score, category = signal.score, signal.category
        if score < floors.get(category, 0.0) or signal.outside:
            continue
        for floor, edges, keys in stage.routes.get(category) or stage.route_of(category):
            if score < floor:
                continue
            level = 3 if score >= edges[2] else 2 if score >= edges[1] else 1
            peak = (level, score, signal, edges)
            if keys[0] == category and level > severities.get(category, 0):
                severities[category] = _SEVERITIES[level]
            for key in keys:
                held = peaks.get(key)
                if held is None or level > held[0] or (level == held[0] and score > held[1]):
                    peaks[key] = peak
            if signal.classifier in stage.by_classifier:
                _file_by_classifier(peaks, keys, peak)
    return peaks, severities


def _file_carried(stage: CompiledStage, carried: tuple[Signal, ...], peaks: Peaks) -> None:
    """File what an earlier stage found under the locks' keys alone: a policy's rules don't see it."""
    for signal in carried:
        for _floor, edges, keys in (stage.routes.get(signal.category) or stage.route_of(signal.category))[1:]:
            level = sum(signal.score >= edge for edge in edges)
            if level:
                _keep_strongest(peaks, keys, (level, signal.score, signal, edges))


def _keep_strongest(peaks: Peaks, keys: tuple[str, ...], peak: Peak) -> None:
    for key in keys:
        held = peaks.get(key)
        if held is None or peak[:2] > held[:2]:
            peaks[key] = peak


def _file_by_classifier(peaks: Peaks, keys: tuple[str, ...], peak: Peak) -> None:
    _keep_strongest(peaks, tuple(classifier_key(key, peak[2].classifier) for key in keys), peak)


def classifier_key(category: str, classifier: str) -> str:
    """Return the key of one classifier's peak; `@` stands in no category's slug."""
    return f"{category}@{classifier}"


def _hit(rule: CompiledRule, evidence: Evidence) -> RuleHit:
    (level, score, signal, edges), asked = evidence
    return RuleHit(
        rule.id, rule.action, rule.mode, rule.category or signal.category, _SEVERITIES[level], score,
        edges[asked - 1],
        signal.classifier, rule.reason, rule.ref,
    )  # fmt: skip
