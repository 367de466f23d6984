"""Evaluate text classifiers and a policy on labelled prompts: the whole run on one screen.

Duty: load, measure plain and evaded, and hand the measurements to `figures`. It names no concrete class and
prints nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from classifiers.batching import MicroBatcher
from classifiers.protocol import Classifier, ClassifierCard
from classifiers.signals import Findings
from gateway.evaluation.evasions import ENCODINGS, EVASIONS
from gateway.evaluation.figures import EvasionFigures, Figures, evasion_figures, figures
from gateway.evaluation.measure import Bench, Candidate, Measured
from gateway.evaluation.prompts import LabelledPrompt, categories_of
from gateway.evaluation.speed import load, speed
from policies.decision import PolicyRef, Stage
from policies.policy import Policy

MAX_EVADED: Final = 500
"""Violating prompts that are also measured evaded, evenly spaced; each is measured ten times more."""

OnStep = Callable[[str, int], None]
"""Called with what is going on and how many texts of it are done since the last call."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run: what was measured, by what, under which policy, and each candidate's figures."""

    policy: PolicyRef
    cards: Mapping[str, ClassifierCard]
    prompts: Mapping[str, int]
    categories: tuple[str, ...]
    evaded: int
    candidates: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked: classifiers by name, the policy, which of them to compare, and how much of it.

    `classifiers` holds the compared ones and those that the policy plans. `thorough` adds evasions and speed.
    """

    classifiers: Mapping[str, Classifier]
    compared: tuple[str, ...]
    policy: Policy
    thorough: bool = True


async def evaluate_text(
    run: Run, prompts: Sequence[LabelledPrompt], on_step: OnStep = lambda _what, _done: None
) -> Evaluation:
    """Return the figures of every compared classifier and of the policy as a whole.

    Raises:
        ConfigurationError: a classifier can't be loaded or gave no measurement, or a text can't be read.
    """
    candidates = candidates_of(run)
    batchers = {name: MicroBatcher(classifier) for name, classifier in run.classifiers.items()}
    try:
        loads = {}
        for name, batcher in batchers.items():
            on_step(f"loading {name}", 0)
            loads[name] = await load(name, batcher)
        bench = Bench(batchers, run.policy)
        plain = await bench.findings(prompts, lambda: on_step("prompts", 1))
        evaded = _evaded(prompts) if run.thorough else []
        worked = await _work_evasions(bench, [prompts[at] for at in evaded], on_step)
        costs = {}
        for name in run.compared if run.thorough else ():
            on_step(f"timing {name}", 0)
            texts = [prompt.text for prompt in prompts]
            costs[name] = await asyncio.to_thread(speed, run.classifiers[name], texts, loads[name])
    finally:
        await asyncio.gather(*(asyncio.to_thread(batcher.close) for batcher in batchers.values()))

    categories = categories_of(prompts)
    told = []
    for candidate in candidates:
        read = bench.reading(candidate)
        measured = [read(findings) for findings in plain]
        told.append(
            figures(
                candidate,
                prompts,
                measured,
                categories,
                evasions=_evasion_figures(read, [measured[at] for at in evaded], worked),
                speed=costs.get(candidate.name),
            )
        )
    counts = {
        name: sum(p.dataset == name for p in prompts) for name in dict.fromkeys(p.dataset for p in prompts)
    }
    cards = {name: classifier.card for name, classifier in run.classifiers.items()}
    return Evaluation(run.policy.ref, cards, counts, tuple(categories), len(evaded), tuple(told))


def candidates_of(run: Run, stage: Stage = Stage.PROMPT) -> list[Candidate]:
    """Return each compared classifier alone, then the policy with all the classifiers that it plans."""
    cards = {name: classifier.card for name, classifier in run.classifiers.items()}
    alone = [Candidate(name, (name,), cards[name].categories) for name in run.compared]
    planned = tuple(use.name for use in run.policy.plan(stage).classifiers)
    covered = frozenset(slug for name in planned for slug in cards[name].categories)
    return [*alone, Candidate(f"policy {run.policy.ref.name}", planned, covered)]


def _evaded(prompts: Sequence[LabelledPrompt]) -> list[int]:
    """Places of the violating prompts that are also measured evaded."""
    violating = [at for at, prompt in enumerate(prompts) if prompt.violates]
    return violating[:: max(1, -(-len(violating) // MAX_EVADED))]


async def _work_evasions(
    bench: Bench, violating: Sequence[LabelledPrompt], on_step: OnStep
) -> dict[str, list[Findings]]:
    """Findings of the violating prompts in each evasion."""
    worked = {}
    for name, evade in {**EVASIONS, **ENCODINGS}.items() if violating else ():
        texts = [replace(prompt, text=evade(prompt.text)) for prompt in violating]
        worked[name] = await bench.findings(texts, lambda: on_step("evasions", 1))
    return worked


def _evasion_figures(
    read: Callable[[Findings], Measured],
    plain: Sequence[Measured],
    worked: Mapping[str, Sequence[Findings]],
) -> dict[str, EvasionFigures]:
    return {
        name: evasion_figures(plain, [read(each) for each in found], is_encoding=name in ENCODINGS)
        for name, found in worked.items()
    }
