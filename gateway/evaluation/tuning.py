"""Measure prompts with several classifiers together, and propose bands for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from classifiers.batching import MicroBatcher
from classifiers.protocol import Classifier
from gateway.evaluation.bands import Tuning, tune
from gateway.evaluation.measure import Bench, Candidate
from gateway.evaluation.prompts import LabelledPrompt
from gateway.evaluation.speed import load
from gateway.evaluation.text import OnStep
from policies.policy import Policy


async def tuned(
    classifiers: Mapping[str, Classifier],
    policy: Policy,
    prompts: Sequence[LabelledPrompt],
    false_positive_rate: float,
    on_step: OnStep = lambda _what, _done: None,
) -> Tuning:
    """Return bands for the classifiers taken together. `policy` only lends the judge its form.

    Raises:
        ConfigurationError: a classifier can't be loaded or gave no measurement, or no bands can be proposed.
    """
    batchers = {name: MicroBatcher(classifier) for name, classifier in classifiers.items()}
    try:
        for name, batcher in batchers.items():
            on_step(f"loading {name}", 0)
            await load(name, batcher)
        bench = Bench(batchers, policy)
        found = await bench.findings(prompts, lambda: on_step("prompts", 1))
    finally:
        await asyncio.gather(*(asyncio.to_thread(batcher.close) for batcher in batchers.values()))
    covered = frozenset(slug for classifier in classifiers.values() for slug in classifier.card.categories)
    read = bench.reading(Candidate("together", tuple(classifiers), covered))
    return tune(prompts, [read(findings) for findings in found], covered, false_positive_rate)
