"""`imagegate moderate --jsonl`: a file of many texts, judged offline, taken up again where it stopped.

Duty: read lines, judge them in groups, write one line each. A group's decisions are durable before its lines
are written, so a line in the output stands for a decision on record. After an interruption lines that are in
the output already are skipped, and a torn last one is written again.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from gateway.cli.local import SURFACE, local_caller, running_moderator

if TYPE_CHECKING:
    from gateway.core.moderation_types import Moderation
    from gateway.core.requests import Caller
    from gateway.pipeline.moderation import Moderator
    from gateway.service.settings import Settings

GROUP: Final = 64
"""Lines that are judged together; an interruption repeats at most so many."""
MAX_LINE_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the input: its number from 1, its id and text, or why it can't be judged."""

    number: int
    id: str | int | None = None
    text: str = ""
    error: str | None = None


@dataclass(slots=True)
class Counts:
    """What a run did: by action, and lines with an error; `skipped` were in the output already."""

    actions: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    skipped: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one line of the output."""
        if "error" in row:
            self.errors += 1
        else:
            self.actions[row["action"]] += 1


async def moderate_lines(settings: Settings, source: Path, target: Path, policy: str | None) -> Counts:
    """Judge the lines of `source` (`-`: standard input) that `target` does not hold, and append to it.

    Raises:
        RequestInvalid: a file can't be read or written, or `target` belongs to another input.
        ConfigurationError, PolicyError: as for one text.
    """
    counts = Counts()
    with _opened(source) as lines, _output(target) as (out, done):
        async with running_moderator(settings) as moderator:
            caller = local_caller(moderator.policies, policy)
            with _progress(source) as advance:
                todo = _todo(lines, done, counts, advance)
                while group := list(islice(todo, GROUP)):
                    rows = await _judged(group, moderator, caller, settings.server.request_timeout_s)
                    out.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
                    out.flush()
                    for row in rows:
                        counts.add(row)
                    advance(len(group))
        os.fsync(out.fileno())
    return counts


def parsed(number: int, raw: bytes) -> Line:
    """One line of the input: a JSON object with `text` and perhaps `id`, or a JSON string."""
    if len(raw) > MAX_LINE_BYTES:
        return Line(number, error=f"the line has more than {MAX_LINE_BYTES} bytes; split the text")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Line(number, error='the line is not JSON; write {"id": "1", "text": "a red apple"}')
    found = {"text": value} if isinstance(value, str) else value
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        return Line(number, error='the line has no text; write {"id": "1", "text": "a red apple"}')
    name = found.get("id")
    if name is not None and not isinstance(name, str | int):
        return Line(number, error="id: must be a text or a whole number")
    if not found["text"].strip():
        return Line(number, name, error="text: is empty")
    return Line(number, name, found["text"])


def _todo(lines: IO[bytes], done: dict[int, Any], counts: Counts, advance: Any) -> Iterator[Line]:
    from gateway.core.errors import RequestInvalid

    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        line = parsed(number, raw)
        if number not in done:
            yield line
            continue
        if done[number] != line.id:
            raise RequestInvalid(
                f"line {number} of the output has id {done[number]!r}, of the input {line.id!r}: "
                "the output belongs to another input; name a new file",
                param="--out",
            )
        counts.skipped += 1
        advance(1)


async def _judged(
    group: list[Line], moderator: Moderator, caller: Caller, timeout_s: float
) -> list[dict[str, Any]]:
    """A row for each line; when the group as a whole fails, each line is judged by itself."""
    from gateway.core.errors import GatewayError

    good = [line for line in group if line.error is None]
    rows = {line.number: _row(line, error=line.error) for line in group if line.error is not None}
    try:
        answers = await _answers(good, moderator, caller, timeout_s) if good else ()
        rows |= {line.number: _row(line, answer) for line, answer in zip(good, answers, strict=True)}
    except GatewayError:
        for line in good:
            try:
                (answer,) = await _answers([line], moderator, caller, timeout_s)
                rows[line.number] = _row(line, answer)
            except GatewayError as error:
                rows[line.number] = _row(line, error=error.message)
    return [rows[line.number] for line in group]


async def _answers(
    lines: list[Line], moderator: Moderator, caller: Caller, timeout_s: float
) -> tuple[Moderation, ...]:
    from gateway.audit.record import new_id
    from gateway.core.moderation_types import ModerationInput

    inputs = [ModerationInput((line.text,)) for line in lines]
    return await moderator.run(
        inputs,
        request_id=new_id(),
        caller=caller,
        timeout_s=timeout_s,
        surface=SURFACE,
        at_once=16,
    )


def _row(line: Line, answer: Moderation | None = None, *, error: str | None = None) -> dict[str, Any]:
    head: dict[str, Any] = {"line": line.number, "id": line.id}
    if answer is None:
        return {**head, "error": error}
    (_, decision), *_ = answer.decisions
    scores: dict[str, float] = {}
    for signal in decision.findings.signals:
        if not signal.outside:
            scores[signal.category] = max(round(signal.score, 4), scores.get(signal.category, 0.0))
    return {
        **head,
        "action": decision.action.word,
        "severities": {name: severity.word for name, severity in decision.severities.items() if severity},
        "rules": [hit.rule for hit in decision.rules],
        "degraded": decision.degraded,
        "scores": scores,
        "decision": decision.id,
    }


@contextmanager
def _opened(source: Path) -> Iterator[IO[bytes]]:
    from gateway.core.errors import RequestInvalid

    if str(source) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = source.open("rb")
    except OSError as error:
        raise RequestInvalid(f"the file can't be read: {error.strerror}", param="--jsonl") from error
    with opened:
        yield opened


@contextmanager
def _output(target: Path) -> Iterator[tuple[IO[bytes], dict[int, Any]]]:
    """The output at its end, and line number → id of what it holds; a torn last line is cut off."""
    from gateway.core.errors import RequestInvalid

    try:
        out = target.open("r+b" if target.exists() else "w+b")
    except OSError as error:
        raise RequestInvalid(f"the output can't be written: {error.strerror}", param="--out") from error
    with out:
        done: dict[int, Any] = {}
        end = 0
        for raw in out:
            if not raw.endswith(b"\n"):
                break
            try:
                row = orjson.loads(raw)
                done[row["line"]] = row["id"]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise RequestInvalid(
                    f"{target.name} holds other lines than this command writes; name a new file",
                    param="--out",
                ) from error
            end += len(raw)
        out.truncate(end)
        out.seek(end)
        yield out, done


@contextmanager
def _progress(source: Path) -> Iterator[Any]:
    """A bar on standard error where it is a terminal; the total is known for a file."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from gateway.cli.printing import console

    screen = console(error=True)
    if not screen.is_terminal:
        yield lambda count: None
        return
    total = None
    if str(source) != "-":
        with source.open("rb") as lines:
            total = sum(bool(line.strip()) for line in lines)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
