"""Names of the things in drawings: a small network trained on real emoji artwork alone.

Duty: pixels → a probability for each of its names. It is a measuring instrument for `imagegate eval images`,
not a safety classifier: it has no category and takes no part in serving.

Weights and figures: `models/drawing-labels`, made by `training/drawing_labels`. Input B × 3 × 64 × 64 in
[-1, 1], output logits over the names of `labels.json`.

Blind spots: photographs; things that are no emoji; two names for one look (a cat and a cat's face).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifiers.embedded import embedded_folder
from classifiers.image.pixels import check_pixels
from classifiers.onnx_session import open_session
from classifiers.protocol import ClassifierConfigError, Pixels
from classifiers.weights import SUMS, file_sha256, listed_files

FOLDER: Final = embedded_folder("drawing-labels")
SIDE: Final = 64
_MODEL: Final = "model.onnx"
_NAMES: Final = "labels.json"
_INPUT: Final = "pictures"
_BATCH: Final = 32


class DrawingLabels:
    """The network of one folder; `names` stand in the order of the probabilities."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Check the folder's files against its SHA256SUMS and open the network.

        Raises:
            ClassifierConfigError: a file is missing or not the listed one, or the names do not fit.
        """
        sums = folder / SUMS
        if not sums.is_file():
            raise ClassifierConfigError(
                f"the judge {folder.name} has no {SUMS}; check out models/drawing-labels whole "
                "(training/drawing_labels rebuilds it), or name its folder"
            )
        digest = file_sha256(sums)
        files = listed_files(folder, digest)
        if missing := {_MODEL, _NAMES} - set(files):
            raise ClassifierConfigError(f"the judge {folder.name} lists no {', '.join(sorted(missing))}")
        self.names: tuple[str, ...] = tuple(_names(files[_NAMES]))
        self.revision = f"sums-{digest[:16]}"
        self._session = open_session(files[_MODEL])
        answered = self.probabilities([np.zeros((SIDE, SIDE, 3), np.uint8)]).shape
        if answered != (1, len(self.names)):
            raise ClassifierConfigError(f"the judge's network answers {answered} for {len(self.names)} names")

    def probabilities(self, pictures: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Return N × names, each row a softmax, for pictures H × W × 3 uint8 of any size.

        They are scaled to 64 × 64, whatever their shape: cut out a square first.
        """
        if not pictures:
            return np.zeros((0, len(self.names)), np.float32)
        small = np.stack([_fitted(pixels) for pixels in pictures])
        parts = [
            self._session.run(None, {_INPUT: small[at : at + _BATCH]})[0]
            for at in range(0, len(small), _BATCH)
        ]
        logits = np.concatenate(parts).astype(np.float32)
        raised = np.exp(logits - logits.max(1, keepdims=True))
        shares: npt.NDArray[np.float32] = raised / raised.sum(1, keepdims=True)
        return shares


def _fitted(pixels: Pixels) -> npt.NDArray[np.float32]:
    check_pixels(pixels)
    # As in training: a small picture is the mean over what it covers.
    smooth = Image.Resampling.BOX if min(pixels.shape[:2]) >= SIDE else Image.Resampling.BICUBIC
    small = Image.fromarray(pixels).resize((SIDE, SIDE), smooth)
    return np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1


def _names(file: Path) -> list[str]:
    try:
        told = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ClassifierConfigError(f"the judge's {file.name} is not JSON") from error
    names = told.get("labels") if isinstance(told, dict) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ClassifierConfigError(f"the judge's {file.name} holds no list of names")
    return names
