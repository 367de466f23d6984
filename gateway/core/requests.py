"""What a client asks for, after validation and before any model runs. Frozen; knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from classifiers.protocol import Mask, Pixels


class OutputFormat(StrEnum):
    """How the picture is encoded for the client."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `actor` (key id) is personal and goes only into the sealed part of a record."""

    tenant: str = "default"
    actor: str = "anonymous"
    role: str = "generate"
    policy: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourcePicture:
    """A picture that a request brings to be changed: `pixels` H × W × 3 uint8, as large as what is drawn.

    `mask`, H × W bool, is true where it may be repainted; None: everywhere. `strength` in (0, 1] says how
    far the result may leave the picture: 1 forgets it. None: as the backend does.
    """

    pixels: Pixels
    mask: Mask | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One validated request for `n` pictures of `width` × `height` pixels.

    `seed` is the first picture's; the i-th uses `seed + i`. `rewrite` false turns the rewrite stage off: a
    verdict of rewrite then blocks. `partial_images` 0..3 asks for that many judged previews per picture.
    `deadline_s` bounds the whole request, in seconds from its start. `source` is the picture to be changed,
    where one was sent; its prompt may then be empty.
    """

    id: str
    caller: Caller
    prompt: str
    model: str
    n: int
    width: int
    height: int
    seed: int
    negative_prompt: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    quality: str = "auto"
    background: str = "auto"
    style: str | None = None
    rewrite: bool = True
    partial_images: int = 0
    output_format: OutputFormat = OutputFormat.PNG
    output_compression: int = 100
    deadline_s: float = 120.0
    surface: str = "http"
    source: SourcePicture | None = field(default=None, repr=False)

    @property
    def drawn_bytes(self) -> int:
        """What its pictures take in memory as pixels; encoded they take less."""
        return self.n * self.width * self.height * 3
