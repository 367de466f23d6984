"""The running gateway: what the HTTP surface and the command line call. Starts, answers, stops.

Duty: hold the parts that `gateway.service.wiring` put together, start and close them in order, and say
whether they are ready. It decides nothing and names no concrete class.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from classifiers.batching import ClassifierFailed
from classifiers.normalize import load_tables
from classifiers.protocol import ClassifierCard
from gateway.api.surface import AuditPage, Emit, ModelEntry, Unsealed
from gateway.audit.checkpoint import Head
from gateway.audit.filters import RecordFilter
from gateway.audit.record import new_id
from gateway.core.boundary import leashed
from gateway.core.errors import ConfigurationError, RequestInvalid
from gateway.core.moderation_types import Moderation, ModerationInput
from gateway.core.outcomes import Keep, Outcome
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import (
    AuditLog,
    GeneratorCard,
    ImageGenerator,
    Json,
    ModelIdentity,
    RecordDraft,
    Rewriter,
)
from gateway.core.requests import Caller, ImageRequest
from gateway.pipeline.moderation import Moderator
from gateway.pipeline.record_fields import model_fields
from gateway.pipeline.rewrite_stage import RewriteStage
from gateway.pipeline.run import Pipeline
from gateway.pipeline.withholding import Released
from gateway.review.clerk import Clerk
from gateway.review.desk import ReviewDesk
from gateway.review.holding import HeldState, held_state
from gateway.service.reviewing import Reviewing
from gateway.service.settings import Settings
from gateway.telemetry.metrics import GatewayMetrics
from policies.book import ReloadReport
from policies.decision import PolicyRef, Stage

OK = "ok"
_CLOSE_WITHIN_S: Final = 40.0
"""Longer than our own workers wait for their threads."""
_PROBLEM_CHARACTERS: Final = 2000
"""How much of a refused policy's diagnostics goes on record."""


class RunningClassifier(Protocol):
    """A classifier behind its batcher, as the service starts and stops it."""

    @property
    def alive(self) -> bool:
        """False once its worker has died."""
        ...

    async def start(self) -> None:
        """Load and warm up."""
        ...

    def close(self) -> None:
        """Stop the worker; may block for seconds."""
        ...


class ReadableLog(AuditLog, Protocol):
    """The log with its cheap head and its readers."""

    def size_and_root(self) -> Head:
        """Durable size and Merkle root."""
        ...


class RecordReader(Protocol):
    """Reads records for people; writes nothing but who looked into sealed text."""

    async def page(self, filters: RecordFilter, cursor: str | None, limit: int) -> AuditPage:
        """One page, newest first."""
        ...

    async def one(self, record_id: str) -> Mapping[str, Json] | None:
        """One record's public part, or None."""
        ...

    async def proof(self, record_id: str) -> str:
        """One record's proof."""
        ...

    async def unseal(self, record_id: str, caller: Caller) -> Unsealed:
        """One record's sealed fields, the look on record first."""
        ...

    def close(self) -> None:
        """Close what it reads from."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that lives as long as the gateway."""

    settings: Settings
    pipeline: Pipeline
    moderator: Moderator
    policies: PoliciesInForce
    cards: Mapping[str, ClassifierCard]
    classifiers: Mapping[str, RunningClassifier]
    rewriter: Rewriter | None
    rewriting: RewriteStage
    generators: Mapping[str, ImageGenerator]
    log: ReadableLog
    reader: RecordReader
    metrics: GatewayMetrics
    reviewing: Reviewing


async def start_classifiers(classifiers: Mapping[str, RunningClassifier]) -> None:
    """Load every classifier, one after the other, and the tables of the views.

    Not side by side: the model libraries import their parts lazily, and two threads that import at once see
    half-made modules.

    Raises:
        ConfigurationError: one can't be loaded.
    """
    load_tables()
    for name, classifier in classifiers.items():
        try:
            await classifier.start()
        except ClassifierFailed as error:
            cause = error.__cause__ or error
            raise ConfigurationError(f"classifier {name!r} can't be loaded: {cause}") from error


async def _stopped(close: Callable[[], Awaitable[None]]) -> None:
    """Close a plug-in; one that hangs is left behind, so that the log is closed in any case."""
    async with asyncio.timeout(_CLOSE_WITHIN_S):
        await leashed(close())


class Gateway:
    """The gateway's one face. Use `start` before and `close` after; both are idempotent."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clerk: Clerk = parts.reviewing.clerk(self._redraw)
        self._clerking: asyncio.Task[None] | None = None
        self._started = False
        self._closed = False

    @property
    def settings(self) -> Settings:
        """The settings it was built from."""
        return self._parts.settings

    @property
    def metrics(self) -> GatewayMetrics:
        """What is counted; the HTTP surface counts into the same registry."""
        return self._parts.metrics

    @property
    def desk(self) -> ReviewDesk:
        """What reviewers see and do."""
        return self._parts.reviewing.desk

    @property
    def policies(self) -> PoliciesInForce:
        """The compiled policies."""
        return self._parts.policies

    async def start(self) -> None:
        """Load every model, one after the other, and put on record what is running.

        Raises:
            ConfigurationError: a part can't be loaded; then there is no server.
        """
        if self._started:
            return
        parts = self._parts
        await start_classifiers(parts.classifiers)
        for generator in parts.generators.values():
            await generator.start()
        if parts.rewriter is not None:
            await parts.rewriter.start()
        await parts.rewriting.start()
        self._record_configuration()
        parts.policies.when_closed(self._record_closed)
        self._clerking = asyncio.create_task(self._clerk.run())
        self._started = True

    async def close(self) -> None:
        """Stop every part; the log last, so that late records are written."""
        if self._closed:
            return
        self._closed = True
        parts = self._parts
        await self._clerk_stopped()
        await asyncio.gather(
            *(_stopped(generator.close) for generator in parts.generators.values()),
            *(asyncio.to_thread(classifier.close) for classifier in parts.classifiers.values()),
            *([_stopped(parts.rewriter.close)] if parts.rewriter else []),
            return_exceptions=True,
        )
        parts.reader.close()
        await asyncio.to_thread(parts.reviewing.desk.close)
        await asyncio.to_thread(parts.log.close)

    async def generate(
        self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None
    ) -> Outcome:
        """Run the whole path; see `Pipeline.run`."""
        return await self._parts.pipeline.run(request, emit, keep)

    async def held(self, ticket: str, caller: Caller) -> HeldState:
        """Return where a held request of the caller's tenant stands; see `gateway.review.holding`."""
        return await held_state(self._parts.reviewing.holder, ticket, caller.tenant)

    async def _redraw(self, request: ImageRequest, ticket: str, first_record: str, stage: Stage) -> Outcome:
        return await self._parts.pipeline.release(request, Released(ticket, first_record, stage))

    async def _clerk_stopped(self) -> None:
        """Stop the background work of reviewing; what it had begun goes on at the next start."""
        if self._clerking is not None:
            self._clerking.cancel()
            await asyncio.gather(self._clerking, return_exceptions=True)
        await self._parts.reviewing.post.close()

    async def moderate(
        self,
        inputs: Sequence[ModerationInput],
        *,
        request_id: str,
        caller: Caller,
        timeout_s: float,
    ) -> tuple[Moderation, ...]:
        """Judge without drawing; see `Moderator.run`."""
        return await self._parts.moderator.run(
            inputs, request_id=request_id, caller=caller, timeout_s=timeout_s
        )

    def generator_card(self, model: str) -> GeneratorCard:
        """Return the card of the backend that a request names; the empty name is the default's.

        Raises:
            RequestInvalid: there is no such backend.
        """
        return self._parts.generators[self.generator_name(model)].card

    def generator_name(self, model: str) -> str:
        """Return the configured name behind a request's `model`. Raises RequestInvalid."""
        name = model or self.settings.default_generator
        if name not in self._parts.generators:
            known = ", ".join(sorted(self._parts.generators))
            raise RequestInvalid(f"There is no such model; the models are: {known}.", param="model")
        return name

    def models(self) -> tuple[ModelEntry, ...]:
        """Return every backend that a request can name, the default first, then classifiers and rewriter."""
        first = self.settings.default_generator
        names = sorted(self._parts.generators, key=lambda name: (name != first, name))
        entries = [ModelEntry(name, "imagegate", "generator") for name in names]
        if self._parts.rewriter is not None:
            entries.append(ModelEntry(self._parts.rewriter.identity.name, "imagegate", "rewriter"))
        entries += [ModelEntry(name, "imagegate", "classifier") for name in self._parts.cards]
        return tuple(entries)

    def readiness(self) -> Mapping[str, str]:
        """Return component → "ok", or why it is not ready."""
        parts = self._parts
        states = {"models": OK if self._started and not self._closed else "not started or stopping"}
        states["audit"] = OK if parts.log.ready else "the log takes no records"
        states["review"] = parts.reviewing.desk.store.readiness
        for name, classifier in parts.classifiers.items():
            states[f"classifier {name}"] = OK if classifier.alive else "its worker has died"
        return states

    def checkpoint(self) -> tuple[int, str]:
        """Return the log's durable size and root (hex)."""
        head = self._parts.log.size_and_root()
        return head.size, head.root.hex()

    async def audit_records(self, filters: RecordFilter, cursor: str | None, limit: int) -> AuditPage:
        """Return one page of records, newest first."""
        return await self._parts.reader.page(filters, cursor, limit)

    async def audit_record(self, record_id: str) -> Mapping[str, Json] | None:
        """Return one record's public part with its index and leaf, or None."""
        return await self._parts.reader.one(record_id)

    async def audit_proof(self, record_id: str) -> str:
        """Return one record's proof; see `gateway.audit.proof`."""
        return await self._parts.reader.proof(record_id)

    async def audit_unseal(self, record_id: str, caller: Caller) -> Unsealed:
        """Return one record's sealed fields; who looked is on record first."""
        return await self._parts.reader.unseal(record_id, caller)

    async def reload_policies(self) -> ReloadReport:
        """Read the policy files again; whether they were taken or refused goes on record.

        New policies serve once their record is on disk. Requests under way keep the one that they began with.

        Raises:
            AuditUnavailable: the log takes no record; the old policies serve on.
        """
        loop = asyncio.get_running_loop()

        def tell(refs: tuple[PolicyRef, ...]) -> None:
            written = self._write_policies("policies reloaded", refs)
            asyncio.run_coroutine_threadsafe(written, loop).result()

        report = await asyncio.to_thread(self._parts.policies.reload, tell)
        if report.error is not None:
            problem = str(report.error)[:_PROBLEM_CHARACTERS]
            await self._write_policies("policies refused", self._parts.policies.refs(), problem=problem)
        return report

    async def _write_policies(self, event: str, refs: Sequence[PolicyRef], **more: Json) -> None:
        public: dict[str, Json] = {"event": event, "policies": _policy_fields(refs), **more}
        await asyncio.wrap_future(self._parts.log.append(RecordDraft("config", new_id(), public)))

    def _record_configuration(self) -> None:
        """Put the policies and models in force on record, so that every decision can name known ones."""
        parts = self._parts
        models = [generator.card.identity for generator in parts.generators.values()]
        models += [parts.rewriter.identity] if parts.rewriter else []
        models += parts.rewriting.models
        models += [
            ModelIdentity("classifier", card.name, card.revision, card.weights_sha256)
            for card in parts.cards.values()
        ]
        public: dict[str, Json] = {
            "event": "started",
            "models": [model_fields(model) for model in models],
            "policies": _policy_fields(parts.policies.refs()),
            "started_unix_s": int(time.time()),
        }
        parts.log.append(RecordDraft("config", new_id(), public))

    def _record_closed(self, refs: Sequence[PolicyRef]) -> None:
        """Put on record that a permission to fail open expired, with the policies as they are from now on."""
        public: dict[str, Json] = {
            "event": "fail-open ended",
            "policies": _policy_fields(refs),
        }
        self._parts.log.append(RecordDraft("config", new_id(), public))


def _policy_fields(refs: Iterable[PolicyRef]) -> list[Json]:
    return [{"name": ref.name, "revision": ref.revision} for ref in refs]
