"""Rewriter over any transformers causal language model with a chat template, by hub id or folder.

Duty: options, identity and the path of one request: plan, model, form. The licence is the chosen model's.
Blind spots: it follows instructions as well as its model does, and a small one often leaves the violation in;
nothing is believed here, the policy judges every answer. Decoding is greedy, so equal requests get equal
answers (within the rounding of a batch) and no seed is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from gateway.core.adapter_options import parse_options
from gateway.core.errors import GatewayError, RewriteFailed
from gateway.core.ports import ModelIdentity, RewriteRequest
from gateway.rewriting.chat_engine import ChatEngine, Engine, EngineSettings
from gateway.rewriting.chat_tokens import EncodedTask
from gateway.rewriting.form import one_line, refuse_echo
from gateway.rewriting.llama_engine import LlamaEngine
from gateway.rewriting.options import ChatOptions, TransformersChatOptions
from gateway.rewriting.source import RewriterWeights, from_hub_or_folder
from gateway.rewriting.strategy import ChatTask, FrameName, Planner, with_details
from gateway.rewriting.worker import Answer, BatchWorker, Ticket

_DECODING: Final = 2
"""Goes into the revision: 2 since an answer that repeats words at fault is asked for once more."""

FetchWeights: TypeAlias = Callable[[], RewriterWeights]


class TransformersChatRewriter:
    """Plans a request, lets the model answer in a batch with others, and checks the answer's form."""

    def __init__(
        self,
        name: str,
        options: ChatOptions,
        fetch: FetchWeights,
        *,
        revision: str,
        engine: type[ChatEngine] | type[LlamaEngine] = ChatEngine,
    ) -> None:
        self._name = name
        self._options = options
        self._fetch = fetch
        self._frames = options.frames()
        self._identity = ModelIdentity("rewriter", name, f"{revision}+{self._wording()}")
        self._planner = Planner(options.strategy, options.max_new_tokens, options.detail_tokens)
        self._engine: Engine = engine(
            EngineSettings(options.dtype, options.device, options.threads, options.penalty, options.max_chars)
        )
        self._worker = BatchWorker[ChatTask](
            name,
            self._run,
            prepare=self._load,
            max_batch=options.max_batch,
            queue_limit=options.queue_limit,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> TransformersChatRewriter:
        """Build from settings; loads nothing.

        Raises:
            ConfigurationError: an option is unknown or out of range; the message names it.
        """
        parsed = parse_options(TransformersChatOptions, f"rewriter {name!r}", options)
        return cls(
            name,
            parsed,
            lambda: from_hub_or_folder(
                parsed.model, parsed.revision, offline=parsed.offline, sha256=parsed.sha256
            ),
            revision=parsed.revision or "local",
        )

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is; the weights' sha256 is known once started. The revision's suffix names the
        wording and settings, which change answers as much as weights do."""
        return self._identity

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages that it is asked in; None is any."""
        named = self._options.languages
        return None if named is None else frozenset(named)

    async def start(self) -> None:
        """Load in the worker thread and wait for it.

        Raises:
            ConfigurationError: the model can't be found or loaded.
        """
        await self._worker.start()

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return one printable line of at most `max_chars` characters.

        An answer that repeats words at fault is asked for once more, where those can't be said.

        Raises:
            RewriteFailed: prompt too long, nothing left of it, model failed, or an answer of the wrong form.
            Overloaded: the queue is full.
        """
        if len(request.prompt) > self._options.max_prompt_chars:
            raise RewriteFailed(f"prompts over {self._options.max_prompt_chars} characters are not rewritten")
        task = self._planner.plan(request)
        line = self._line(task) if isinstance(task, str) else await self._asked(request, task)
        systems = " ".join(frame.system for frame in self._frames.values())
        return refuse_echo(line, instruction=systems, prompt=request.prompt)

    async def _asked(self, request: RewriteRequest, task: ChatTask) -> str:
        line = self._line(await self._worker.submit(task))
        again = self._planner.again(request, task, line)
        return line if again is None else self._line(await self._worker.submit(again))

    def _line(self, answer: str) -> str:
        return one_line(answer, max_chars=self._options.max_chars)

    async def close(self) -> None:
        """Finish what waits and end the worker; idempotent."""
        await self._worker.close()

    def plant(self, note: str) -> None:
        """Add a note to every frame's system text, before `start`: a canary, to measure leaks by."""
        self._frames = {
            name: replace(frame, system=f"{frame.system} {note}") for name, frame in self._frames.items()
        }

    def _load(self) -> None:
        weights = self._fetch()
        self._engine.load(weights, self._frames)
        self._identity = ModelIdentity(
            "rewriter", self._name, f"{weights.revision}+{self._wording()}", weights.sha256
        )

    def _run(self, batch: Sequence[Ticket[ChatTask]]) -> list[Answer]:
        """Answer a batch; tasks of one frame share a forward pass, and one that is refused harms no other."""
        answers: dict[int, Answer] = {}
        ready: dict[FrameName, list[tuple[int, EncodedTask]]] = {}
        for row, ticket in enumerate(batch):
            try:
                ready.setdefault(ticket.task.frame, []).append((row, self._engine.encode(ticket.task)))
            except GatewayError as error:
                answers[row] = error
        for group in ready.values():
            rows = [row for row, _ in group]
            tickets = [batch[row] for row in rows]
            added = self._engine.complete([encoded for _, encoded in group], _watching(tickets))
            for row, text in zip(rows, added, strict=True):
                answers[row] = self._finished(batch[row].task, text)
        return [answers[row] for row in range(len(batch))]

    def _finished(self, task: ChatTask, added: str) -> str:
        if task.frame is not FrameName.DETAILS:
            return added
        detailed = with_details(task.start, added)
        return detailed if len(detailed) <= self._options.max_chars else task.user

    def _wording(self) -> str:
        """Eight hex digits over everything in the options that changes an answer."""
        options = self._options
        knobs = (options.dtype, options.strategy, options.max_new_tokens, options.detail_tokens)
        more = (options.penalty, options.max_chars, _DECODING)
        text = repr((sorted(self._frames.items()), knobs, more))
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _watching(tickets: Sequence[Ticket[ChatTask]]) -> Callable[[int], bool]:
    return lambda row: tickets[row].abandoned
