"""How far a rewrite lies from its prompt: the embeddings' distance, and what the words say.

Duty: one measurement, bounded in code and trusted to no model. The embedding model is behind a port; the
rules over words are `gateway.pipeline.drift_words` and `gateway.pipeline.fidelity`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from classifiers.signals import Span
from gateway.core.ports import Embedder, RewriteMode
from gateway.pipeline.drift_words import word_faults
from gateway.pipeline.fidelity import infidelity


class DriftFault(StrEnum):
    """Why a rewrite is another picture than the one that was asked for."""

    DISTANCE = "distance"
    LOST_SUBJECT = "lost-subject"
    LOST_WORD = "lost-word"
    ADDED_PERSON = "added-person"
    FLIPPED_NEGATION = "flipped-negation"
    OTHER_LANGUAGE = "other-language"
    CHANGED_NAME = "changed-name"
    CHANGED_NUMBER = "changed-number"
    CHANGED_QUOTE = "changed-quote"
    ADDED_NOUN = "added-noun"
    HARDLY_LEFT = "hardly-left"


@dataclass(frozen=True, slots=True)
class Drift:
    """`distance` is 1 − cosine, 0 for the same meaning, in [0, 2]; `faults` is empty when it may be used."""

    distance: float
    faults: tuple[DriftFault, ...] = ()


class DriftGauge:
    """Measures rewrites; holds the embedding model."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def revision(self) -> str:
        """Which embedding model measures, for the record."""
        return self._embedder.revision

    async def start(self) -> None:
        """Load the embedding model, in a thread."""
        await asyncio.to_thread(self._embedder.load)

    async def measure(
        self, prompt: str, rewritten: str, spans: Sequence[Span], *, mode: RewriteMode, max_drift: float
    ) -> Drift:
        """Compare a rewrite with the prompt of the request; `spans` of the prompt were at fault.

        An enhancement must keep every content word; a prompt made safe may lose what was at fault.

        Raises:
            ValueError: the embeddings are no pair of finite vectors.
        """
        vectors = np.asarray(await asyncio.to_thread(self._embedder.encode, [prompt, rewritten]), np.float64)
        if vectors.ndim != 2 or len(vectors) != 2 or not np.isfinite(vectors).all():
            raise ValueError("the embedding model gave no pair of finite vectors")
        lengths = np.linalg.norm(vectors, axis=1)
        if not lengths.all():
            raise ValueError("the embedding model gave a vector without a length")
        distance = float(np.clip(1.0 - vectors[0] @ vectors[1] / lengths.prod(), 0.0, 2.0))
        words = word_faults(prompt, rewritten, spans, keep_all=mode is RewriteMode.ENHANCE)
        kept = infidelity(prompt, rewritten, spans if mode is RewriteMode.SAFETY else ())
        found = {
            DriftFault.OTHER_LANGUAGE: words.other_language,
            DriftFault.LOST_SUBJECT: words.lost_subject,
            DriftFault.LOST_WORD: words.lost_word,
            DriftFault.ADDED_PERSON: words.added_person,
            DriftFault.FLIPPED_NEGATION: words.flipped_negation,
            DriftFault.CHANGED_NAME: kept.changed_name,
            DriftFault.CHANGED_NUMBER: kept.changed_number,
            DriftFault.CHANGED_QUOTE: kept.changed_quote,
            DriftFault.ADDED_NOUN: kept.added_noun,
            DriftFault.HARDLY_LEFT: kept.hardly_left,
            DriftFault.DISTANCE: distance > max_drift,
        }
        return Drift(distance, tuple(fault for fault, holds in found.items() if holds))
