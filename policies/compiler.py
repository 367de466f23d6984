"""Document × classifier cards → compiled policy, or every problem at once.

Duty: run the checks in order, then lower words to closures. It reads no file and has no clock: the day comes
from the caller.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from classifiers.protocol import ClassifierCard
from classifiers.taxonomy import CATEGORIES
from policies.checks import CHECKS
from policies.checks.context import MODALITY_OF, CheckContext, Problem
from policies.checks.uncovered_category import covers
from policies.checks.unreasoned_fail_open import is_expired
from policies.conditions import compile_condition, compile_lock, described, leaf_key, routes_of
from policies.coverage import stage_coverage
from policies.decision import Action, Mode, PolicyRef, Stage
from policies.document import PolicyDocument, ReviewDocument, RewriteDocument, RuleDocument, StageDocument
from policies.errors import Diagnostic, PolicyError
from policies.evaluate import DEFAULT_REASONS, CompiledRule, CompiledStage, Edges, compiled_stage
from policies.loader import Loaded
from policies.locks import LOCK_EDGES, LOCKED_FAMILIES, LOCKS, Lock, lock_key
from policies.policy import ClassifierUse, Policy, RewritePlan, StagePlan
from policies.review import KeepRule, ReviewPlan, Route
from policies.revision import revision_of

GATEWAY_ACTIONS: Final[Mapping[Stage, frozenset[Action]]] = MappingProxyType(
    {
        Stage.PROMPT: frozenset({Action.ALLOW, Action.REWRITE, Action.HOLD, Action.BLOCK}),
        Stage.IMAGE: frozenset({Action.ALLOW, Action.REDACT, Action.REGENERATE, Action.HOLD, Action.BLOCK}),
    }
)
"""What the gateway carries out today."""


def compile_policy(
    loaded: Loaded[PolicyDocument],
    cards: Mapping[str, ClassifierCard],
    *,
    supported: Mapping[Stage, frozenset[Action]] = GATEWAY_ACTIONS,
    today: dt.date | None = None,
) -> Policy:
    """Return the policy that decides as the document says, with the locked rules appended.

    `cards` are the configured classifiers by name. `supported` is what the gateway can act on. With `today`,
    a fail-open whose last day is over fails closed, with a warning.

    Raises:
        PolicyError: with every problem that the checks found.
    """
    document = loaded.document
    context = CheckContext(document, cards, supported, today)
    problems = [problem for check in CHECKS for problem in check(context)]
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        diagnostics = (_diagnostic(loaded, problem) for problem in errors)
        raise PolicyError(sorted(diagnostics, key=lambda each: (each.line, each.column)))

    bands = {slug: (edges.low, edges.medium, edges.high) for slug, edges in document.bands.items()}
    judged = {stage: written for stage, _path, written in context.stages() if written.skip is None}
    plans = {stage: _plan(context, written) for stage, _path, written in context.stages()}
    return Policy(
        ref=PolicyRef(document.name, revision_of(document, plans, bands)),
        description=document.description,
        owner=document.owner,
        rewrite=_rewrite(document.rewrite),
        max_regenerations=document.max_regenerations,
        warnings=tuple(_diagnostic(loaded, problem).render() for problem in problems),
        uncovered_locked=_uncovered_locked(context),
        plans=MappingProxyType(plans),
        coverage=MappingProxyType(
            {
                stage: stage_coverage(MODALITY_OF[stage], context.cards_at(stage))
                for stage, _path, _written in context.stages()
            }
        ),
        stages=MappingProxyType(
            {stage: _stage(context, stage, judged[stage], plans[stage], bands) for stage in judged}
        ),
        review=_review(document),
    )


def _diagnostic(loaded: Loaded[PolicyDocument], problem: Problem) -> Diagnostic:
    return loaded.tree.diagnostic(problem.path, problem.message, problem.hint, at_key=problem.at_key)


def _rewrite(written: RewriteDocument) -> RewritePlan:
    return RewritePlan(
        written.mode,
        written.max_attempts,
        written.timeout_ms,
        written.max_drift,
        Action[written.on_failure.upper()],
    )


def _review(document: PolicyDocument) -> ReviewPlan:
    written = document.review or ReviewDocument()
    return ReviewPlan(
        keeps=tuple(
            KeepRule(keep.rule, Action[keep.action.upper()] if keep.action else None, keep.share, keep.days)
            for keep in document.keep_for_review
        ),
        routes=tuple(Route(r.rule, r.category, r.queue, r.priority) for r in written.queues),
        hold_hours=written.hold.hours,
        second_share=written.second_reviewer.share,
        second_categories=written.second_reviewer.categories,
        reason_for=written.reason_for,
    )


def _plan(context: CheckContext, written: StageDocument) -> StagePlan:
    uses = []
    for use in written.classifiers:
        fails_open = use.on_failure == "allow" and not is_expired(context, use)
        until = use.until if fails_open else None
        uses.append(ClassifierUse(use.name, use.timeout_ms, "allow" if fails_open else "block", until))
    return StagePlan(tuple(uses), written.skip.reason if written.skip else None)


def _stage(
    context: CheckContext, stage: Stage, written: StageDocument, plan: StagePlan, bands: Mapping[str, Edges]
) -> CompiledStage:
    rules = [_locked_rule(lock) for lock in LOCKS]
    rules += [_rule(rule) for rule in written.rules if rule.mode != "off"]
    known = set(CATEGORIES).union(*(card.categories for card in context.cards_at(stage)))
    leaves = (leaf for rule in written.rules for _path, leaf in rule.when.leaves(()))
    return compiled_stage(
        planned=tuple(use.name for use in plan.classifiers),
        tolerated=frozenset(use.name for use in plan.classifiers if use.on_failure == "allow"),
        rules=rules,
        routes={category: routes_of(category, bands) for category in known},
        route_of=lambda category: routes_of(category, bands),
        by_classifier=frozenset(leaf.classifier for leaf in leaves if leaf.classifier is not None),
    )


def _rule(rule: RuleDocument) -> CompiledRule:
    action = Action[rule.action.upper()]
    return CompiledRule(
        id=rule.id,
        action=action,
        mode=Mode(rule.mode),
        reason=rule.reason or DEFAULT_REASONS[action],
        ref=rule.ref or "",
        locked=False,
        condition=compile_condition(rule.when),
        keys=frozenset(leaf_key(leaf) for _path, leaf in rule.when.leaves(())),
        when=described(rule.when),
    )


def _locked_rule(lock: Lock) -> CompiledRule:
    return CompiledRule(
        id=lock.id,
        action=Action.BLOCK,
        mode=Mode.ENFORCE,
        reason=lock.reason,
        ref="",
        locked=True,
        condition=compile_lock(lock),
        keys=frozenset(lock_key(family) for family in lock.families),
        category=lock.category,
        when=f"{' and '.join(lock.families)} at {LOCK_EDGES[0]} or above",
    )


def _uncovered_locked(context: CheckContext) -> tuple[str, ...]:
    """Name what nobody measures: the lock is there, and blind. A skipped stage is blind to all of it.

    What a lock makes of several families is measured where all of them are.
    """
    lacking = []
    for stage, _path, _written in context.stages():
        cards = context.cards_at(stage)
        made = {lock.category for lock in LOCKS if all(covers(cards, family) for family in lock.families)}
        lacking += [
            f"{stage.value}: {family}"
            for family in LOCKED_FAMILIES
            if family not in made and not covers(cards, family)
        ]
    return tuple(lacking)
