"""The embedded default: is this prompt sexual, hateful, violent, about self-harm, or illicit?

Duty: the trained model's place, its pins, its heads as categories. multilingual-e5-small fine-tuned for this
project (`training/prompt_safety`) with two sets of heads: the taxonomy's categories, and Detoxify's seven,
which `heads` gives for evaluation. Scores are calibrated per head on texts that training never saw.

Licence: Apache-2.0; the data sets and their licences stand in the model's card, `models/prompt-safety`.
Blind spots: languages other than `LANGUAGES`; a harmless text whose picture offends; meaning that needs the
world or the history of a conversation; new slang; names of real people. It is one small model: it errs, and
a policy decides.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from classifiers.characters import TextExpands
from classifiers.embedded import embedded_folder
from classifiers.mapped import Mapped
from classifiers.normalize import legible
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal, Span
from classifiers.text.occlusion import excess, offending_spans, over_edges
from classifiers.text.openvino_engine import OpenVinoEngine, require_openvino
from classifiers.text.term_matching import merged
from classifiers.text.windows import (
    MAX_CHARACTERS,
    Engine,
    OnnxEngine,
    TextTooLong,
    Window,
    WindowTokenizer,
    run,
)
from classifiers.weights import SUMS, listed_files

KIND: Final = "prompt-safety"
FOLDER: Final = embedded_folder("prompt-safety")
"""Beside the checkout; another place is the option `model`."""

SHA256SUMS: Final = "4e576be2adfe94bb8eb8569b101250afb5d30ea023f1008a7956eddf0bf7b338"
"""sha256 of the shipped `SHA256SUMS`, which lists the files' own."""

LABELS: Final[Mapping[str, str]] = {
    "sexual": "sexual",
    "hate": "hate",
    "hate/threatening": "hate/threatening",
    "harassment": "harassment",
    "harassment/threatening": "harassment/threatening",
    "self-harm": "self-harm",
    "violence": "violence",
    "violence/graphic": "violence/graphic",
    "violence/real-world": "violence/real-world",
    "illicit": "illicit",
    "illicit/violent": "illicit/violent",
    "toxicity": "toxicity",
}
"""Head → category. Detoxify's other heads would say the same thing twice; `heads` gives them all."""

LANGUAGES: Final = (
    "en", "ar", "cs", "de", "el", "es", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "pl", "pt",
    "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
"""Languages with texts of both sides in its training; scores for any other mean little."""

WINDOW_TOKENS: Final = 254
"""With the two ends 256: the longest text that training reads whole."""

Scores = npt.NDArray[np.float32]


Runtime = Literal["onnxruntime", "openvino"]
ENGINES: Final[Mapping[Runtime, Callable[[Path], Engine]]] = {
    "onnxruntime": OnnxEngine,
    "openvino": OpenVinoEngine,
}
_REVISED: Final[Mapping[Runtime, str]] = {"onnxruntime": "", "openvino": "-openvino"}
"""What a runtime adds to the revision: another one moves scores a little."""


class PromptSafetyOptions(BaseModel):
    """`model` is a folder made by `training.prompt_safety.export`; without it, the embedded one.

    `sha256` is that of the folder's `SHA256SUMS`, and required with `model`. `spans: false` saves the search
    for the words to cut when a rewrite is due. `runtime: openvino` is for processors with AMX and needs
    the extra of that name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    spans: bool = True
    runtime: Runtime = "onnxruntime"


@dataclass(frozen=True, slots=True)
class _Loaded:
    tokenizer: WindowTokenizer
    engine: Engine
    heads: tuple[str, ...]
    slope: Scores
    offset: Scores
    lengths: Scores
    shifts: Scores

    def calibrated(self, logits: Scores, windows: Sequence[Window]) -> Scores:
        """Scores in [0, 1] of windows' logits; a longer one has more that may look harmful by chance."""
        shift = np.interp([len(window.ids) - 2 for window in windows], self.lengths, self.shifts)
        shifted = logits * self.slope + self.offset + shift[:, None]
        return (1 / (1 + np.exp(-shifted))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Read:
    """A text as the model reads it; `mapped` leads back to it as written, None where that is the same."""

    text: str
    mapped: Mapped | None = None

    def as_written(self, span: Span) -> Span:
        if self.mapped is None:
            return span
        return Span(self.mapped.starts[span.start], self.mapped.ends[span.end - 1])


class PromptSafetyClassifier:
    """Emits one signal per category and text; the highest-scoring window of a long text counts."""

    def __init__(self, name: str, folder: Path, sums_sha256: str, *, spans: bool, runtime: Runtime) -> None:
        self._name = name
        self._folder = folder
        self._sums_sha256 = sums_sha256
        self._spans = spans
        self._engine = ENGINES[runtime]
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"sums-{sums_sha256[:16]}{_REVISED[runtime]}",
            modality=Modality.TEXT,
            categories=frozenset(LABELS.values()),
            languages=LANGUAGES,
            licence="Apache-2.0",
            calibrated=True,
            description="A multilingual encoder trained for this project on public sets and written texts.",
            weights_sha256=sums_sha256,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> PromptSafetyClassifier:
        """Build from settings; loads nothing yet.

        Raises:
            ClassifierConfigError: a wrong option, a folder without model or without its `sha256`, a runtime
                that is not installed.
        """
        parsed = parse_options(PromptSafetyOptions, name, KIND, options)
        if parsed.model is not None and parsed.sha256 is None:
            raise ClassifierConfigError(
                f"classifier {name!r}, option sha256: give the sha256 of the SHA256SUMS in {parsed.model}"
            )
        folder = parsed.model or FOLDER
        if not (folder / SUMS).is_file():
            raise ClassifierConfigError(
                f"classifier {name!r}: no model in {folder}; check out models/prompt-safety whole "
                "(training/prompt_safety rebuilds it), or name its folder with the option model"
            )
        if parsed.runtime == "openvino":
            require_openvino()
        sums = (parsed.sha256 or SHA256SUMS).lower()
        return cls(name, folder, sums, spans=parsed.spans, runtime=parsed.runtime)

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check and load the model, and run once.

        Raises:
            ClassifierConfigError: a file is missing or not the pinned one.
        """
        self.classify(["a red apple"])

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return every category's signal for each text.

        Raises:
            TextTooLong: a text of more than `windows.MAX_CHARACTERS`.
        """
        return [self._signals(scores.max(axis=0)) for _, _, scores in self._scored(batch)]

    def classify_in_steps(
        self, batch: Sequence[str], between: Callable[[], None]
    ) -> list[tuple[Signal, ...]]:
        """As `classify`, with a call of `between` after every 256 tokens or so. Raises as `classify`."""
        return [self._signals(scores.max(axis=0)) for _, _, scores in self._scored(batch, between)]

    def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        """Return what to leave out; costs a look at each window, and `occlusion.MAX_ROWS` rows.

        Raises:
            TextTooLong: as `classify`.
        """
        mine = [at for at, head in enumerate(self._model.heads) if LABELS.get(head) in edges]
        if not self._spans or not mine:
            return ()
        lines = [edges[LABELS[self._model.heads[at]]] for at in mine]
        ((read, windows, scores),) = self._scored([text])

        def over(texts: Sequence[str]) -> list[float]:
            rows = [
                self._model.tokenizer.windows(rest)[0] for rest in texts
            ]  # shorter than the window they are of
            return excess(self._scores(rows)[:, mine], lines)

        found = offending_spans(
            read.text,
            ((w.start, w.end, o) for w, o in zip(windows, over_edges(scores[:, mine], lines), strict=True)),
            over,
        )
        return merged([read.as_written(span) for span in found])

    def heads(self, batch: Sequence[str]) -> list[dict[str, float]]:
        """Every head's calibrated score in [0, 1] for each text: the taxonomy's and Detoxify's seven.

        For evaluation; Detoxify's are named as its library names them. Raises as `classify`.
        """
        names = self._model.heads
        return [
            dict(zip(names, map(float, scores.max(axis=0)), strict=True))
            for _, _, scores in self._scored(batch)
        ]

    def _scored(
        self, batch: Sequence[str], between: Callable[[], None] | None = None
    ) -> list[tuple[_Read, list[Window], Scores]]:
        """Each text as it is read, with its windows and their scores, windows × heads."""
        if not batch:
            return []
        texts = [_read(text) for text in batch]
        windows = [self._model.tokenizer.windows(read.text) for read in texts]
        scores = self._scores([window for each in windows for window in each], between)
        answers, at = [], 0
        for read, each in zip(texts, windows, strict=True):
            answers.append((read, each, scores[at : at + len(each)]))
            at += len(each)
        return answers

    def _scores(self, windows: Sequence[Window], between: Callable[[], None] | None = None) -> Scores:
        model = self._model
        logits = run(model.engine, windows, len(model.heads), between)
        return within_parents(model.calibrated(logits, windows), model.heads)

    def _signals(self, scores: Scores) -> tuple[Signal, ...]:
        return tuple(
            Signal(LABELS[head], float(score), self._card.name, self._card.revision)
            for head, score in zip(self._model.heads, scores, strict=True)
            if head in LABELS
        )

    @functools.cached_property
    def _model(self) -> _Loaded:
        files = _checked(self._name, self._folder, self._sums_sha256)
        calibration: dict[str, Any] = json.loads(files["calibration.json"].read_text("utf-8"))
        heads = tuple(calibration["heads"])
        missing = sorted(set(LABELS) - set(heads))
        if missing:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: the model has no head {', '.join(missing)}; train it again"
            )
        return _Loaded(
            WindowTokenizer(files["tokenizer.json"], WINDOW_TOKENS),
            self._engine(files["model.onnx"]),
            heads,
            np.array(calibration["slope"], np.float32),
            np.array(calibration["offset"], np.float32),
            np.array(calibration["length"]["tokens"], np.float32),
            np.array(calibration["length"]["shift"], np.float32),
        )


def within_parents(scores: Scores, heads: Sequence[str]) -> Scores:
    """No category more certain than the one it lies in: a threat in a picture is no harassment of a reader.

    `scores` is rows × heads and changed in place; returned for the reader's ease.
    """
    for at, head in enumerate(heads):
        parent = head.rpartition("/")[0]
        if parent in heads:
            scores[:, at] = np.minimum(scores[:, at], scores[:, heads.index(parent)])
    return scores


def _read(text: str) -> _Read:
    """What is written so that the model can't read it looks harmful to it, whatever it spells.

    So it reads what such a text stands for: look-alike letters, leetspeak throughout, an encoded text.

    Raises:
        TextTooLong: spelled out, the text would be over `windows.MAX_CHARACTERS`.
    """
    try:
        plain = legible(text)
    except TextExpands as error:
        raise TextTooLong(f"over {MAX_CHARACTERS} characters once its ligatures are spelled out") from error
    return _Read(text) if plain is None else _Read(plain.text, plain)


def _checked(name: str, folder: Path, sums_sha256: str) -> dict[str, Path]:
    """The model's files, each checked against the pinned list of sums.

    Raises:
        ClassifierConfigError: anything missing or other than pinned.
    """
    try:
        listed = listed_files(folder, sums_sha256)
    except ClassifierConfigError as error:
        raise ClassifierConfigError(f"classifier {name!r}: {error}") from error
    for file in ("model.onnx", "tokenizer.json", "calibration.json"):
        if file not in listed:
            raise ClassifierConfigError(f"classifier {name!r}: {SUMS} lists no {file}; train it again")
    return listed
