"""What a classifier costs: CPU time to load, per prompt one at a time, and per prompt in batches of 64.

Duty: run the classifier itself, without batcher and views, in this process. CPU time counts every thread, so
a busy machine changes it little; wall time would be noise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from classifiers.batching import MicroBatcher
from classifiers.protocol import Classifier
from gateway.evaluation.figures import Speed
from gateway.service.gateway import start_classifiers

BATCH: Final = 64
_ROUNDS: Final = 3


async def load(name: str, batcher: MicroBatcher) -> float:
    """Load one classifier and return the CPU seconds it took, the import of its library included.

    Raises:
        ConfigurationError: it can't be loaded.
    """
    before = time.process_time()
    await start_classifiers({name: batcher})
    return time.process_time() - before


def speed(classifier: Classifier, texts: Sequence[str], load_cpu_s: float) -> Speed:
    """Return what the classifier costs on 64 evenly spaced texts: the cheapest of three rounds."""
    chosen = evenly(texts, BATCH)
    one = min(_cpu_ms(classifier, [[text] for text in chosen]) for _ in range(_ROUNDS))
    batched = min(_cpu_ms(classifier, [chosen]) for _ in range(_ROUNDS))
    return Speed(load_cpu_s, one / len(chosen), batched / len(chosen), len(chosen))


def evenly(texts: Sequence[str], count: int) -> list[str]:
    """Return at most `count` of the texts, evenly spaced, the same ones on every run."""
    if len(texts) <= count:
        return list(texts)
    return [texts[at * len(texts) // count] for at in range(count)]


def _cpu_ms(classifier: Classifier, batches: Sequence[Sequence[str]]) -> float:
    before = time.process_time()
    for batch in batches:
        classifier.classify(batch)
    return 1000 * (time.process_time() - before)
