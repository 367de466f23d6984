"""Pictures that an operator knows already: near copies of what a list of perceptual hashes names.

Duty: pixels → one signal per category of the list, 1 for a match, else 0. The list holds hashes, never
pictures; its name, version and digest are the card's revision and so stand in every record.

Blind spots: mirrored, turned, strongly cropped or overdrawn copies; pictures too flat for PDQ (quality below
50) never match. A match says "a near copy", not "harmful": what follows is the policy's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from classifiers.image.pdq import HEX_DIGITS, bits_of, pdq
from classifiers.image.pixels import check_pixels
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError, Pixels
from classifiers.signals import Modality, Signal
from classifiers.taxonomy import is_known

KIND: Final = "known-images"
MIN_QUALITY: Final = 50
"""Below it PDQ's authors advise against comparing."""
_CLOSED: Final = ConfigDict(extra="forbid", frozen=True)
_Hash = Annotated[str, Field(pattern=rf"^[0-9a-fA-F]{{{HEX_DIGITS}}}$")]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class HashList(BaseModel):
    """The file: its name and version, how many of 256 bits may differ, and the hashes by category.

    31 bits are what PDQ's authors recommend; 0 asks for the same hash.
    """

    model_config = _CLOSED

    name: _Word
    version: _Word
    distance: Annotated[int, Field(ge=0, le=90)] = 31
    hashes: Annotated[dict[str, Annotated[tuple[_Hash, ...], Field(min_length=1)]], Field(min_length=1)]

    @field_validator("hashes")
    @classmethod
    def _check_categories(cls, hashes: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        unknown = sorted(category for category in hashes if not is_known(category))
        if unknown:
            raise ValueError(f"unknown categories: {', '.join(unknown)}; one of your own begins with custom/")
        return hashes


class KnownImagesOptions(BaseModel):
    """What an operator may set: `list` is the JSON file with the hashes."""

    model_config = _CLOSED

    list: Path


class KnownImagesClassifier:
    """A list of PDQ hashes as a classifier of the list's categories."""

    def __init__(self, name: str, hashes: HashList, digest: str) -> None:
        self._distance = hashes.distance
        self._packed: dict[str, npt.NDArray[np.uint8]] = {
            category: np.stack([np.packbits(bits_of(digits)) for digits in found])
            for category, found in hashes.hashes.items()
        }
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"{hashes.name}@{hashes.version}-{digest[:12]}",
            modality=Modality.IMAGE,
            categories=frozenset(self._packed),
            languages=("*",),
            licence="the operator's own list",
            calibrated=True,
            description="Near copies of pictures on the operator's list; nothing else.",
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> KnownImagesClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown option, or a list that is missing or malformed.
        """
        parsed = parse_options(KnownImagesOptions, name, KIND, options)
        try:
            content = parsed.list.read_bytes()
            hashes = HashList.model_validate_json(content)
        except OSError as error:
            raise ClassifierConfigError(
                f"classifier {name!r} ({KIND}), option list: the file can't be read ({error.strerror})"
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise ClassifierConfigError(
                f"classifier {name!r} ({KIND}), option list: {place}: {first['msg']}"
            ) from error
        return cls(name, hashes, hashlib.sha256(content).hexdigest())

    @property
    def card(self) -> ClassifierCard:
        """Who this is; the revision names the list."""
        return self._card

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one signal per category of the list for each picture (H × W × 3 uint8), in order."""
        return [self._signals(pixels) for pixels in batch]

    def _signals(self, pixels: Pixels) -> tuple[Signal, ...]:
        check_pixels(pixels)
        hashed = pdq(pixels)
        told = hashed.quality >= MIN_QUALITY
        packed = np.packbits(hashed.bits)
        return tuple(
            Signal(
                category, float(told and self._is_near(packed, known)), self._card.name, self._card.revision
            )
            for category, known in self._packed.items()
        )

    def _is_near(self, packed: npt.NDArray[np.uint8], known: npt.NDArray[np.uint8]) -> bool:
        return bool((np.bitwise_count(known ^ packed).sum(axis=1, dtype=np.int64) <= self._distance).any())
