"""nsfwjs's InceptionV3 on ONNX Runtime: five kinds of pictures, one number for sexual content.

Duty: pixels → one `sexual` signal. It knows no threshold and no policy.

Weights: npm `nsfwjs` 4.4.0 (MIT, model MIT), converted by `training/nsfw_inception`, card in
`models/nsfw-inception`, pinned below. Preprocessing is nsfwjs's own: RGB in [0, 1], 299 × 299, bilinear with
aligned corners. The score is Porn + Hentai + 0.5 × Sexy: drawings (the class Drawing) count as harmless.

Blind spots: it knows sexual content only; minors are not distinguished; a large picture is sampled
without smoothing, as the original does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from classifiers.embedded import embedded_folder
from classifiers.image.pixels import check_pixels
from classifiers.onnx_session import open_session
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError, Pixels
from classifiers.signals import Modality, Signal
from classifiers.weights import check_sha256

KIND: Final = "nsfw-inception"
FILE: Final = embedded_folder("nsfw-inception") / "model.onnx"
SHA256: Final = "9ce66b6b8069340f20ea5ec6ccd0e051db83c356d854b0a3d5ff2d95a5e0a7c5"
CLASSES: Final = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
LABELS: Final[dict[str, tuple[str, float]]] = {
    "Hentai": ("sexual", 1.0),
    "Porn": ("sexual", 1.0),
    "Sexy": ("sexual", 0.5),
}
"""Class → category and the share of its probability that counts; the other classes are harmless."""

SIDE: Final = 299


class NsfwInceptionOptions(BaseModel):
    """What an operator may set: `threads` of ONNX Runtime, and another place of the `model`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: Annotated[int, Field(ge=1)] = 1
    model: Path = FILE


class NsfwInceptionClassifier:
    """InceptionV3 of nsfwjs as a classifier of category `sexual`."""

    def __init__(self, name: str = KIND, options: NsfwInceptionOptions | None = None) -> None:
        self._options = options or NsfwInceptionOptions()
        self._session: Any = None
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"nsfwjs-4.4.0-{SHA256[:12]}",
            modality=Modality.IMAGE,
            categories=frozenset(category for category, _share in LABELS.values()),
            languages=("*",),
            licence="MIT",
            calibrated=False,
            description="Sexual content in photographs and drawings; blind to every other harm.",
            weights_sha256=SHA256,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> NsfwInceptionClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown or ill-typed option.
        """
        return cls(name, parse_options(NsfwInceptionOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check the weights' sha256, make the session, run it once.

        Raises:
            ClassifierConfigError: the weights are missing or not the pinned ones.
        """
        self._infer(np.zeros((1, SIDE, SIDE, 3), dtype=np.float32))

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one `sexual` signal per picture (H × W × 3 uint8), in order."""
        for pixels in batch:
            check_pixels(pixels)
        # One by one: on one thread a batch is no quicker, and its arrays would be many times larger.
        return [self._signals(self._infer(fitted(pixels)[None])[0]) for pixels in batch]

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def _infer(self, tensor: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self._session is None:
            self._session = self._open()
        (scores,) = self._session.run(None, {"pictures": tensor})
        if scores.shape != (len(tensor), len(CLASSES)):
            raise ValueError(f"nsfw-inception answered {scores.shape} for {len(tensor)} pictures")
        return np.asarray(scores, dtype=np.float32)

    def _open(self) -> Any:
        file = self._options.model
        if not file.is_file():
            raise ClassifierConfigError(
                f"classifier {self._card.name!r}: the weights are missing; check out models/nsfw-inception "
                "whole (training/nsfw_inception rebuilds them), or name the file with the option model"
            )
        check_sha256(file, SHA256)
        return open_session(file, threads=self._options.threads)

    def _signals(self, row: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        scores: dict[str, float] = {}
        for name, probability in zip(CLASSES, row, strict=True):
            if name in LABELS:
                category, share = LABELS[name]
                scores[category] = scores.get(category, 0.0) + share * float(probability)
        # The cap takes away rounding beyond 1; in this order NaN stays NaN, and Signal refuses it.
        return tuple(
            Signal(category, min(score, 1.0), self._card.name, self._card.revision)
            for category, score in scores.items()
        )


def fitted(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return 299 × 299 × 3 float32 in [0, 1]: bilinear, corners aligned, not smoothed."""
    height, width = pixels.shape[:2]
    if (height, width) == (SIDE, SIDE):
        return pixels.astype(np.float32) / np.float32(255)
    above, below, down = _between(height)
    left, right, across = _between(width)
    down, across = down[:, None, None], across[None, :, None]
    upper = _mixed(pixels[above][:, left], pixels[above][:, right], across)
    lower = _mixed(pixels[below][:, left], pixels[below][:, right], across)
    return np.asarray((upper + (lower - upper) * down) / np.float32(255), dtype=np.float32)


def _mixed(first: Pixels, second: Pixels, share: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    start = first.astype(np.float32)
    mixed: npt.NDArray[np.float32] = start + (second.astype(np.float32) - start) * share
    return mixed


def _between(size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """For each of 299 places: the neighbours before and behind, and how far from the first."""
    places = np.arange(SIDE, dtype=np.float32) * np.float32((size - 1) / (SIDE - 1))
    first = np.minimum(np.floor(places).astype(np.intp), size - 1)
    return first, np.minimum(first + 1, size - 1), places - first.astype(np.float32)
