"""A whole gateway of scripted parts: real pipeline, policies, log and HTTP; scripted models."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from classifiers.batching import MicroBatcher
from classifiers.normalize import load_tables
from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal, Span
from gateway.api.app import create_app
from gateway.audit.log import SqliteAuditLog
from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.audit.settings import AuditSettings
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    GeneratorCard,
    ModelIdentity,
    Picture,
    Progress,
    RewriteRequest,
)
from gateway.pipeline.drift import DriftGauge
from gateway.pipeline.judge import Judge
from gateway.pipeline.moderation import Moderator
from gateway.pipeline.rewrite_stage import RewriteStage
from gateway.pipeline.run import Pipeline
from gateway.rewriting.cut import from_options as cutter_from_options
from gateway.service.gateway import Gateway, Parts
from gateway.service.records import Records
from gateway.service.reviewing import build_reviewing
from gateway.service.settings import Settings, load_settings
from gateway.telemetry.metrics import GatewayMetrics
from policies.book import PolicyBook

POLICY = """\
name: scripted
description: One text and one image classifier, for tests of the pipeline.
owner: tests
bands:
  default: {low: 0.3, medium: 0.6, high: 0.9}
rewrite: {mode: safety, max_attempts: 2, timeout_ms: 20000}
stages:
  prompt:
    classifiers:
      - {name: words, timeout_ms: 20000, on_failure: block}
    rules:
      - {id: rude, when: {category: profanity, at_least: low}, action: rewrite, reason: Rude words.}
      - {id: unsure, when: {category: harassment, at_least: medium}, action: hold, reason: Needs a look.}
      - {id: violent, when: {category: violence, at_least: high}, action: block, reason: Violence.}
  image:
    classifiers:
      - {name: looks, timeout_ms: 20000, on_failure: block}
    rules:
      - {id: shown, when: {category: sexual, at_least: high}, action: block, reason: Sexual picture.}
      - {id: veiled, when: {category: violence, at_least: high}, action: redact, reason: Violent picture.}
      - {id: doubtful, when: {category: hate, at_least: high}, action: hold, reason: Needs a look.}
"""
WORDS = {"rude": "profanity", "unsure": "harassment", "violent": "violence"}
HURRIED_MS = 300
"""A limit that a part which hangs soon runs into; an innocent one may need longer on a busy machine."""
PIXEL = {1: "sexual", 2: "violence", 3: "hate"}
"""The red value of a picture's first pixel → the category that `Looks` sees in it."""


def hurried(part: str, policy: str = POLICY) -> str:
    """The policy with a short limit for `words`, `looks` or `rewriter`; only tests of time-outs need it."""
    place = r"(rewrite: .*)" if part == "rewriter" else rf"(name: {part}, )"
    limited, places = re.subn(rf"{place}timeout_ms: 20000", rf"\g<1>timeout_ms: {HURRIED_MS}", policy)
    assert places == 1
    return limited


Batch = Sequence[Any]
Answers = Sequence[Sequence[Signal]]


class Words:
    """Measures a text by the words in it; `fault` replaces what it answers."""

    def __init__(self, fault: Callable[[Batch, Answers], Any] | None = None) -> None:
        self.card = ClassifierCard(
            "words", "scripted", "1", Modality.TEXT, frozenset(WORDS.values()), ("*",), "Apache-2.0", True
        )
        self._fault = fault

    def classify(self, batch: Sequence[str]) -> Answers:
        answers = [
            [
                Signal(category, 0.95 if word in text else 0.05, "words", "1")
                for word, category in WORDS.items()
            ]
            for text in batch
        ]
        return answers if self._fault is None else self._fault(batch, answers)


class PointingWords(Words):
    """Says as well, when asked, where its words stand."""

    def locate(self, text: str, edges: Mapping[str, float]) -> list[Span]:
        found = (re.finditer(word, text) for word, category in WORDS.items() if category in edges)
        return sorted((Span(*hit.span()) for hits in found for hit in hits), key=lambda span: span.start)


class Looks:
    """Measures a picture by its first pixel; `fault` replaces what it answers."""

    def __init__(self, fault: Callable[[Batch, Answers], Any] | None = None) -> None:
        self.card = ClassifierCard(
            "looks", "scripted", "1", Modality.IMAGE, frozenset(PIXEL.values()), (), "Apache-2.0", True
        )
        self._fault = fault

    def classify(self, batch: Sequence[Any]) -> Answers:
        answers = [
            [
                Signal(category, 0.95 if int(pixels[0, 0, 0]) == value else 0.05, "looks", "1")
                for value, category in PIXEL.items()
            ]
            for pixels in batch
        ]
        return answers if self._fault is None else self._fault(batch, answers)


class Rewriting:
    """Takes the rude word out; `fault` replaces what it answers."""

    def __init__(self, fault: Callable[[RewriteRequest], Any] | None = None) -> None:
        self.identity = ModelIdentity("rewriter", "scripted", "1")
        self.requests: list[RewriteRequest] = []
        self._fault = fault

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def rewrite(self, request: RewriteRequest) -> str:
        self.requests.append(request)
        if self._fault is None:
            return request.prompt.replace("rude ", "")
        answer = self._fault(request)
        return await answer if asyncio.iscoroutine(answer) else answer


class Meaning:
    """Embeds a text by the words in it, so that a text with other words points elsewhere."""

    revision = "scripted-1"

    def load(self) -> None: ...

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        vectors = np.full((len(texts), 64), 1e-6, np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        return vectors


@dataclass
class Painting:
    """Draws grey pictures whose first pixel is `marks[i]`; `fault` replaces its events."""

    marks: Sequence[int] = (0,)
    fault: Callable[[GenerationRequest], AsyncIterator[GenerationEvent]] | None = None
    step_s: float = 0.0
    steps: int = 3
    requests: list[GenerationRequest] = field(default_factory=list)
    steps_done: int = 0
    closed: int = 0
    card: GeneratorCard = field(
        default_factory=lambda: GeneratorCard(
            "painting",
            ModelIdentity("generator", "painting", "1"),
            (64, 64),
            parameters=frozenset({"seed", "negative_prompt", "steps", "guidance_scale", "preview"}),
        )
    )

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        try:
            if self.fault is not None:
                async for event in self.fault(request):
                    yield event
                return
            pictures = self.pictures(request)
            for step in range(self.steps):
                await asyncio.sleep(self.step_s)
                self.steps_done += 1
                previews = tuple(pictures) if request.preview_count and step < self.steps - 1 else ()
                yield Progress(step + 1, self.steps, previews)
            yield Generated(tuple(Picture(pixels) for pixels in pictures))
        finally:
            self.closed += 1

    def pictures(self, request: GenerationRequest) -> list[Any]:
        drawn = []
        for index in range(len(request.seeds)):
            pixels = np.full((request.height, request.width, 3), 128, np.uint8)
            pixels[0, 0, 0] = self.marks[index % len(self.marks)]
            drawn.append(pixels)
        return drawn


@dataclass
class Scripted:
    """A started gateway, a client of its HTTP surface, and its parts."""

    gateway: Gateway
    http: httpx.AsyncClient
    log: Any
    reader: AuditReader
    settings: Settings

    async def draw(self, prompt: str, **fields: Any) -> httpx.Response:
        return await self.http.post("/v1/images/generations", json={"prompt": prompt, **fields})

    def trail(self, request_id: str) -> list[Mapping[str, Any]]:
        return [record.public for record in self.reader.trail(request_id)]


@asynccontextmanager
async def scripted_gateway(
    folder: Path,
    *,
    words: Any = None,
    looks: Any = None,
    rewriter: Any = None,
    painting: Any = None,
    log: Callable[[SqliteAuditLog], Any] = lambda real: real,
    policies: Callable[[PoliciesInForce], Any] = lambda real: real,
    policy: str = POLICY,
    request_timeout_s: float = 30.0,
    connect: Any = None,
    more: Sequence[Any] = (),
) -> AsyncIterator[Scripted]:
    """Start a gateway whose parts can each be replaced by a faulty one; `more` are further classifiers."""
    load_tables()  # as a real start does: else the first request of a process pays for it
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "policies" / "scripted.yaml").write_text(policy)
    settings = load_settings(
        overrides={
            "data": folder,
            "policies.default": "scripted",
            "default_generator": "painting",
            "generators.painting": {"type": "scripted"},
            "server.request_timeout_s": request_timeout_s,
            "server.drain_s": 0.5,
        }
    )
    classifiers = {"words": words or Words(), "looks": looks or Looks()}
    classifiers |= {classifier.card.name: classifier for classifier in more}
    cards = {name: classifier.card for name, classifier in classifiers.items()}
    batchers = {name: MicroBatcher(classifier) for name, classifier in classifiers.items()}
    book = PoliciesInForce(PolicyBook(cards, [folder / "policies"]), "scripted")
    audit = AuditSettings(folder / "audit")
    real_log = SqliteAuditLog.open(audit, **({"connect": connect} if connect else {}))
    used_log = log(real_log)
    judge = Judge(batchers)
    metrics = GatewayMetrics()
    chosen = policies(book)
    rewriting = RewriteStage(
        judge, rewriter or Rewriting(), cutter=cutter_from_options("cut", {}), gauge=DriftGauge(Meaning())
    )
    await rewriting.start()
    sealer = Sealer.from_file(audit.sealing_key, may_create=False)
    reviewing = build_reviewing(settings.review, audit, sealer=sealer, log=used_log, policies=book)
    pipeline = Pipeline(
        judge=judge,
        rewriting=rewriting,
        generators={"painting": painting or Painting()},
        policies=chosen,
        log=used_log,
        observer=metrics,
        holder=reviewing.holder,
    )
    moderator = Moderator(judge=judge, policies=chosen, cards=cards, log=used_log, observer=metrics)
    reader = AuditReader(audit.database, sealer)
    gateway = Gateway(
        Parts(
            settings=settings,
            pipeline=pipeline,
            moderator=moderator,
            policies=book,
            cards=cards,
            classifiers=batchers,
            rewriter=rewriter or Rewriting(),
            rewriting=rewriting,
            generators={"painting": painting or Painting()},
            log=used_log,
            reader=Records(AuditReader(audit.database), used_log),
            metrics=metrics,
            reviewing=reviewing,
        )
    )
    app = create_app(gateway, metrics=metrics)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as http:
            yield Scripted(gateway, http, used_log, reader, settings)
    finally:
        for batcher in batchers.values():
            batcher.close(timeout_s=0.2)
        reader.close()
        await asyncio.to_thread(reviewing.desk.close)
        await asyncio.to_thread(real_log.close)


def all_values(tree: object) -> Iterator[object]:
    """Every scalar in a JSON tree."""
    if isinstance(tree, Mapping):
        for value in tree.values():
            yield from all_values(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from all_values(value)
    else:
        yield tree
