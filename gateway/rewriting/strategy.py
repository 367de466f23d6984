"""What the language model is asked: the few-shot frames, and the task that one request becomes.

Duty: words. It knows no model, no tokens and no policy; what it asks for is judged again afterwards. A frame
is trusted text of ours or of the operator's; a prompt only ever enters it as the content of one user turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.core.errors import RewriteFailed
from gateway.core.ports import RewriteMode, RewriteRequest
from gateway.rewriting.cutting import cut, has_subject
from gateway.rewriting.tuned import TUNED_SYSTEM, named, tuned_user


class Strategy(StrEnum):
    """How a prompt is made safe.

    `TUNED` asks in the words of the training (`gateway.rewriting.tuned`), `INSTRUCT` with examples, and `CUT`
    takes the words at fault away first.
    """

    TUNED = "tuned"
    INSTRUCT = "instruct"
    CUT = "cut"


class FrameName(StrEnum):
    """The conversations a task can stand in."""

    TUNED = "tuned"
    REMOVE = "remove"
    DETAILS = "details"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the prompt: a system text and turns of (user, assistant)."""

    system: str
    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChatTask:
    """One answer wanted of the model.

    `user` is the content of the last user turn. `start` is put in the model's mouth: the answer begins with
    it. In the details frame the model only adds at most `max_new_tokens` of visual details to it. `without`
    are words that can't be said in the answer, nor can others with the same beginning.
    """

    frame: FrameName
    user: str
    start: str
    max_new_tokens: int
    without: tuple[str, ...] = ()


REMOVE: Final = Frame(
    system=(
        "You clean up prompts for an image generator. Keep the subject and the place, leave out what is "
        "named, and answer with the new prompt alone, on one line."
    ),
    turns=(
        ("Leave out violence: two knights hitting each other in a courtyard",
         "two knights standing side by side in a sunny courtyard"),
        ("Leave out profanity: a goddamn old truck in the desert",
         "an old truck in the desert, golden evening light"),
        ("Leave out sexual: a seductive singer on a stage",
         "a singer in an elegant coat on a stage, warm spotlights"),
        ("Leave out harassment: an annoying fool riding a bicycle",
         "a cheerful person riding a bicycle through a park"),
    ),
)  # fmt: skip

DETAILS: Final = Frame(
    system="You add a few harmless visual details to picture ideas, on one line.",
    turns=(
        ("a dog in a park", "a dog in a park, golden afternoon light, fresh green grass."),
        ("a bicycle against a wall", "a bicycle against a wall, warm brick texture, long soft shadows."),
        ("an old man reading", "an old man reading, cozy armchair, gentle lamp light."),
        ("two people at a party", "two people at a party, colorful paper lanterns, bright evening sky."),
        ("a train", "a train, polished red metal, clear morning air."),
    ),
)  # fmt: skip

FRAMES: Final[Mapping[FrameName, Frame]] = {FrameName.REMOVE: REMOVE, FrameName.DETAILS: DETAILS}
TUNED_FRAMES: Final[Mapping[FrameName, Frame]] = {FrameName.TUNED: Frame(TUNED_SYSTEM, ())}

_MILD: Final = "Leave out {what}: {prompt}"
_STRONG: Final = "Leave out every trace of {what} and keep only what is harmless and peaceful: {prompt}"
_MORE_TOKENS: Final = 32
_CHARS_A_TOKEN: Final = 3
_SAID: Final = re.compile(r"[^\W_]+")
_NOTHING_LEFT: Final = "nothing is left of the prompt without the words at fault"


@dataclass(frozen=True, slots=True)
class Planner:
    """Turns a request into a task for the model, or into the answer itself.

    `max_new_tokens` bounds an answer of the remove frame, `detail_tokens` the added details (0 = none).
    """

    strategy: Strategy
    max_new_tokens: int
    detail_tokens: int

    def plan(self, request: RewriteRequest) -> ChatTask | str:
        """Return the task, or the finished answer where no model is needed.

        With spans, `CUT` cuts them, then asks for details around what is left on the first attempt and for
        nothing on a later one; the others ask the model first and cut on a later attempt. Without spans all
        ask the model, in stronger words on a later attempt (`TUNED` knows one wording). In the mode `ENHANCE`
        a prompt of which nothing has to go is asked for details.

        Raises:
            RewriteFailed: hardly anything is left after cutting.
        """
        if request.spans and (self.strategy is Strategy.CUT or request.attempt > 0):
            return self._cut(request)
        prompt = " ".join(request.prompt.split())
        enhance = request.mode is RewriteMode.ENHANCE
        if self.strategy is Strategy.TUNED:
            words = [request.prompt[span.start : span.end] for span in request.spans]
            user = tuned_user(prompt, categories=request.categories, words=words, enhance=enhance)
            # what comes back is about as long as what went in: a model that runs on is stopped
            longest = min(self.max_new_tokens, _MORE_TOKENS + len(prompt) // _CHARS_A_TOKEN)
            return ChatTask(FrameName.TUNED, user, "", longest)
        if enhance and not request.categories:
            return self._detailed(prompt)
        wording = _MILD if request.attempt == 0 else _STRONG
        user = wording.format(what=named(request.categories), prompt=prompt)
        return ChatTask(FrameName.REMOVE, user, "", self.max_new_tokens)

    def again(self, request: RewriteRequest, task: ChatTask, answer: str) -> ChatTask | None:
        """Return the task for once more where the answer repeats words at fault, which it then can't.

        None where no span's text stands in the answer, or where the answer had a beginning of ours.
        """
        if task.start or task.without:
            return None
        texts = dict.fromkeys(request.prompt[span.start : span.end] for span in request.spans)
        left = [text for text in texts if _stands(text, answer)]
        words = dict.fromkeys(word.casefold() for text in left for word in _SAID.findall(text))
        refused = tuple(word for word in words if has_subject(word))
        return replace(task, without=refused) if refused else None

    def _cut(self, request: RewriteRequest) -> ChatTask | str:
        left = cut(request.prompt, request.spans)
        if not has_subject(left):
            raise RewriteFailed(_NOTHING_LEFT)
        return left if request.attempt > 0 else self._detailed(left)

    def _detailed(self, prompt: str) -> ChatTask | str:
        if self.detail_tokens == 0:
            return prompt
        subject = prompt.rstrip(" .,;:!?")
        return ChatTask(FrameName.DETAILS, subject, subject + ",", self.detail_tokens)


def _stands(text: str, answer: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", answer, re.IGNORECASE) is not None


_END: Final = re.compile(r"[.!?;:(]|\n")


def with_details(start: str, details: str) -> str:
    """Return `start` with the complete part of `details`, or `start` without its comma where there is none.

    Details end at the first sentence; without an end the last, probably unfinished, clause is dropped.
    """
    end = _END.search(details)
    kept = details[: end.start()] if end else details.rpartition(",")[0]
    clauses = [" ".join(clause.split()).removeprefix("and ") for clause in kept.split(",")]
    # "no one around": what is absent is no detail, and a generator draws it all the same
    wanted = (clause for clause in clauses if len(clause) > 2 and not clause.startswith("no "))
    kept = ", ".join(dict.fromkeys(wanted))
    return f"{start} {kept}" if kept else start.rstrip(" ,")


def is_finished(details: str) -> bool:
    """True once a sentence of details has ended."""
    return _END.search(details) is not None
