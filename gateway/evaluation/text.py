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
from gateway.evaluation.figures import Evaded, Figures, evasion_figures, figures
from gateway.evaluation.measure import Bench, Candidate
from gateway.evaluation.prompts import LabelledPrompt, categories_of
from gateway.evaluation.speed import load, speed
from policies.decision import PolicyRef, Stage
from policies.policy import Policy

MAX_EVADED: Final = 500
"""Prompts of either side that are also measured evaded, evenly spaced; each is measured ten times more."""

OnStep = Callable[[str, int], None]
"""Called with what is going on and how many texts of it are done since the last call."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run: what was measured, by what, under which policy, and each candidate's figures.

    `evaded` and `evaded_harmless` count the violating and the harmless prompts that were measured evaded too.
    """

    policy: PolicyRef
    cards: Mapping[str, ClassifierCard]
    prompts: Mapping[str, int]
    categories: tuple[str, ...]
    evaded: int
    candidates: tuple[Figures, ...]
    evaded_harmless: int = 0


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
        evaded = [*_evaded(prompts, True), *_evaded(prompts, False)] if run.thorough else []
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
                evasions={
                    name: evasion_figures(
                        [
                            Evaded(bool(prompts[at].violates), measured[at], read(each))
                            for at, each in zip(evaded, found, strict=True)
                        ],
                        is_encoding=name in ENCODINGS,
                    )
                    for name, found in worked.items()
                },
                speed=costs.get(candidate.name),
            )
        )
    counts = {
        name: sum(p.dataset == name for p in prompts) for name in dict.fromkeys(p.dataset for p in prompts)
    }
    cards = {name: classifier.card for name, classifier in run.classifiers.items()}
    violating = sum(bool(prompts[at].violates) for at in evaded)
    return Evaluation(
        run.policy.ref,
        cards,
        counts,
        tuple(categories),
        evaded=violating,
        candidates=tuple(told),
        evaded_harmless=len(evaded) - violating,
    )


def candidates_of(run: Run, stage: Stage = Stage.PROMPT) -> list[Candidate]:
    """Return each compared classifier alone, then the policy with all the classifiers that it plans."""
    cards = {name: classifier.card for name, classifier in run.classifiers.items()}
    alone = [Candidate(name, (name,), cards[name].categories) for name in run.compared]
    planned = tuple(use.name for use in run.policy.plan(stage).classifiers)
    covered = frozenset(slug for name in planned for slug in cards[name].categories)
    return [*alone, Candidate(f"policy {run.policy.ref.name}", planned, covered)]


def _evaded(prompts: Sequence[LabelledPrompt], violates: bool) -> list[int]:
    """Places of the prompts of one side that are also measured evaded."""
    places = [at for at, prompt in enumerate(prompts) if prompt.violates is violates]
    return places[:: max(1, -(-len(places) // MAX_EVADED))]


async def _work_evasions(
    bench: Bench, prompts: Sequence[LabelledPrompt], on_step: OnStep
) -> dict[str, list[Findings]]:
    """Findings of the prompts in each evasion."""
    worked = {}
    for name, evade in {**EVASIONS, **ENCODINGS}.items() if prompts else ():
        texts = [replace(prompt, text=evade(prompt.text)) for prompt in prompts]
        worked[name] = await bench.findings(texts, lambda: on_step("evasions", 1))
    return worked
