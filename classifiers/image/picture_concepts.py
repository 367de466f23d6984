"""Concepts in drawn pictures: weapons, blood, death, drugs, smoking, alcohol, gambling, rude gestures, fire.

Duty: pixels → one signal per category that the embedded network knows. It knows no threshold and no policy.

Weights: `models/picture-concepts` of this project (Apache-2.0; trained on MIT and Apache-2.0 artwork and on
the embedded generator's own pictures; card, script and figures there), pinned below. Calibrated.

Blind spots: it knows things, not scenes (a knife, no fight), and only as emoji-style drawings: a photograph
may score anything. Small things in a crowded picture; written words; whatever is no concept of the list,
above all sexual content and hate symbols.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from classifiers.embedded import embedded_folder
from classifiers.image.pixels import check_pixels
from classifiers.onnx_session import open_session
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError, Pixels
from classifiers.signals import Modality, Signal
from classifiers.weights import SUMS, listed_files

KIND: Final = "picture-concepts"
FOLDER: Final = embedded_folder("picture-concepts")
"""Beside the checkout; another place is the option `model`."""
SHA256SUMS: Final = "6578c1d6c101734087447bfadd3330a3a5f20ee37f4a6cf9e1cb0ad4418dce4d"
"""sha256 of the shipped `SHA256SUMS`, which lists the files' own."""
LABELS: Final[dict[str, str]] = {
    "weapon": "violence",
    "blood": "violence/graphic",
    "death": "violence",
    "drugs": "illicit/drugs",
    "smoking": "regulated/tobacco",
    "alcohol": "regulated/alcohol",
    "gambling": "regulated/gambling",
    "rude-gesture": "harassment",
    "fire": "hazard",
}
"""Concept, in the order of the graph's columns → category; where two share one, the higher score counts."""

_SIDE: Final = 128


class PictureConceptsOptions(BaseModel):
    """What an operator may set: `threads` of ONNX Runtime, and another place of the `model`'s folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: Annotated[int, Field(ge=1)] = 1
    model: Path = FOLDER


class PictureConceptsClassifier:
    """The embedded judge of drawn pictures."""

    def __init__(self, name: str = KIND, options: PictureConceptsOptions | None = None) -> None:
        self._options = options or PictureConceptsOptions()
        self._session: Any = None
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"sha256:{SHA256SUMS}",
            modality=Modality.IMAGE,
            categories=frozenset(LABELS.values()),
            languages=("*",),
            licence="Apache-2.0",
            calibrated=True,
            description="Weapons, blood, death, drugs, smoking, alcohol, gambling, rude gestures and fire in "
            "emoji-style drawings; blind to sexual content, symbols and written words.",
            weights_sha256=SHA256SUMS,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> PictureConceptsClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown or ill-typed option.
        """
        return cls(name, parse_options(PictureConceptsOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check the weights' sha256, make the session, run it once.

        Raises:
            ClassifierConfigError: the weights are missing or not the pinned ones.
        """
        self._infer(np.zeros((1, _SIDE, _SIDE, 3), dtype=np.uint8))

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one signal per category and picture (H × W × 3 uint8), in order, each with what was seen."""
        if not batch:
            return []
        tensor = np.stack([_prepared(pixels) for pixels in batch])
        return [self._signals(row) for row in self._infer(tensor)]

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def _infer(self, tensor: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if self._session is None:
            self._session = self._open()
        (scores,) = self._session.run(None, {"pixels": tensor})
        if scores.shape != (len(tensor), len(LABELS)):
            raise ValueError(f"picture-concepts answered {scores.shape} for {len(tensor)} pictures")
        return np.asarray(scores, dtype=np.float32)

    def _open(self) -> Any:
        folder = self._options.model
        if not (folder / SUMS).is_file():
            raise ClassifierConfigError(
                f"classifier {self._card.name!r}: the weights are missing; check out models/picture-concepts "
                "whole (training/picture_concepts rebuilds it), or name its folder with the option model"
            )
        file = listed_files(folder, SHA256SUMS)["model.onnx"]
        return open_session(file, threads=self._options.threads)

    def _signals(self, row: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        seen: dict[str, tuple[float, str]] = {}
        for (concept, category), score in zip(LABELS.items(), row, strict=True):
            value = float(score)
            # A NaN takes the place and keeps it, and Signal refuses it: a broken output is no low score.
            if category not in seen or value > seen[category][0] or math.isnan(value):
                seen[category] = (value, concept)
        return tuple(
            Signal(category, score, self._card.name, self._card.revision, concept=concept)
            for category, (score, concept) in seen.items()
        )


def _prepared(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """The picture at the network's size, averaged down; its proportions are given up."""
    check_pixels(pixels)
    return np.asarray(
        Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.uint8
    )
