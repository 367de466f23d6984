"""Models that do what the words of a prompt say, so that a test chooses an outcome by its prompt.

Duty: a classifier of texts, one of pictures, a rewriter, a generator and an embedder that load nothing and
answer at once. They keep the contracts of the real ones. They know no policy and no HTTP.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from classifiers.protocol import ClassifierCard, Pixels
from classifiers.signals import Modality, Signal, Span
from gateway.core.errors import GenerationFailed
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    GeneratorCard,
    ModelIdentity,
    Picture,
    Progress,
    RewriteRequest,
)


class Word(StrEnum):
    """A word of a prompt, and what it brings about. A prompt without any of them is drawn."""

    BLOCK = "scripted-block"
    HOLD = "scripted-hold"
    REWRITE = "scripted-rewrite"
    UNAVAILABLE = "scripted-unavailable"
    PICTURE_BLOCK = "scripted-picture-block"
    PICTURE_HOLD = "scripted-picture-hold"
    FIRST_PICTURE_BLOCK = "scripted-first-picture-block"
    NO_PICTURE = "scripted-no-picture"


TEXT: Final[Mapping[Word, str]] = {
    Word.BLOCK: "violence",
    Word.HOLD: "harassment",
    Word.REWRITE: "profanity",
}
PICTURE: Final[Mapping[int, str]] = {1: "sexual", 2: "hate"}
"""The red value of a picture's first pixel → the category that the picture classifier sees."""
_PLAIN: Final = 128
_HIGH, _LOW = 0.95, 0.05


class Texts:
    """Measures a text by the words in it."""

    card = ClassifierCard(
        "texts", "scripted", "1", Modality.TEXT, frozenset(TEXT.values()), ("*",), "Apache-2.0", True
    )

    def classify(self, batch: Sequence[str]) -> Sequence[Sequence[Signal]]:
        """One signal per category and text. Raises RuntimeError where a text says `UNAVAILABLE`."""
        if any(Word.UNAVAILABLE in text for text in batch):
            raise RuntimeError("the script says that this classifier fails")
        return [[_text_signal(text, word, category) for word, category in TEXT.items()] for text in batch]


class Pictures:
    """Measures a picture by its first pixel."""

    card = ClassifierCard(
        "pictures", "scripted", "1", Modality.IMAGE, frozenset(PICTURE.values()), (), "Apache-2.0", True
    )

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """One signal per category and picture."""
        return [
            [
                Signal(category, _HIGH if int(pixels[0, 0, 0]) == value else _LOW, "pictures", "1")
                for value, category in PICTURE.items()
            ]
            for pixels in batch
        ]


class Rewriting:
    """Takes the word `REWRITE` out."""

    identity = ModelIdentity("rewriter", "scripted", "1")

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return the prompt without the word."""
        return " ".join(request.prompt.replace(Word.REWRITE, " ").split()) or "a picture"


class Drawing:
    """Draws grey pictures; their first pixel tells `Pictures` what to see."""

    def __init__(self) -> None:
        self.card = GeneratorCard(
            name="drawing",
            identity=ModelIdentity("generator", "scripted", "1"),
            default_size=(64, 64),
            parameters=frozenset({"seed", "negative_prompt", "steps", "guidance_scale", "preview"}),
        )

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield one step, then the pictures. Raises GenerationFailed where the prompt says `NO_PICTURE`."""
        if Word.NO_PICTURE in request.prompt:
            raise GenerationFailed("the script says that nothing is drawn")
        pictures = tuple(_drawn(request))
        previews = tuple(picture.pixels for picture in pictures if picture.pixels is not None)
        yield Progress(1, 2, previews if request.preview_count else ())
        yield Generated(pictures)


class Meaning:
    """Embeds a text by its words, so that a text with other words points elsewhere."""

    revision = "scripted-1"

    def load(self) -> None:
        """Nothing to load."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return texts × 64."""
        vectors = np.full((len(texts), 64), 1e-6, np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        return vectors


def _text_signal(text: str, word: Word, category: str) -> Signal:
    at = text.find(word)
    if at < 0:
        return Signal(category, _LOW, "texts", "1")
    return Signal(category, _HIGH, "texts", "1", spans=(Span(at, at + len(word)),))


def _drawn(request: GenerationRequest) -> Iterator[Picture]:
    for index in range(len(request.seeds)):
        pixels = np.full((request.height, request.width, 3), _PLAIN, np.uint8)
        first_only = Word.FIRST_PICTURE_BLOCK in request.prompt and index == 0
        if Word.PICTURE_BLOCK in request.prompt or first_only:
            pixels[0, 0, 0] = 1
        elif Word.PICTURE_HOLD in request.prompt:
            pixels[0, 0, 0] = 2
        yield Picture(pixels=pixels)
