"""What an operator may set for a diffusers model, checked before anything loads.

Duty: the options and what is wrong with them. It imports no model library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$")]
"""WIDTHxHEIGHT in pixels."""

_PLACING: Final = ("enable_model_cpu_offload", "enable_sequential_cpu_offload", "device_map")
"""Each says where the parts of a model lie: at most one can."""
_COMMIT: Final = re.compile(r"^[0-9a-f]{40}$")


def parse_size(size: str) -> tuple[int, int]:
    """`"640x480"` → (640, 480); the pattern of `Size` was checked before."""
    width, height = size.split("x")
    return int(width), int(height)


class LoraOptions(BaseModel):
    """A LoRA laid over the model: a local `.safetensors` file and its strength (1 = as trained)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path
    weight: float = 1.0

    @field_validator("file")
    @classmethod
    def _check_file(cls, file: Path) -> Path:
        if file.suffix != ".safetensors" or not file.is_file():
            raise ValueError("must be an existing .safetensors file")
        return file


class DiffusersOptions(BaseModel):
    """A model, how it is loaded, and what a request may ask of it.

    Where a field has diffusers' name (`variant`, `scheduler`, `guidance_scale`, `enable_…`) it means what
    diffusers means. `sha256` pins files of the model (relative name to hex digest). `scheduler` is a class
    name, e.g. `DPMSolverMultistepScheduler`. `call_options` go into every call of the pipeline (e.g.
    `max_sequence_length: 256`). `preview`: `auto` = the pipeline's own
    `preview(latents)` or the linear approximation for Stable Diffusion; `vae` = decode the latents; `off`.
    `sizes` lists what may be asked for; empty means any multiple of the model's step with sides of `min_side`
    to `max_side` and at most `max_pixels`. `max_batch` caps the pictures of one forward pass, `batch_profile`
    those of the sizes that it names, as measured; `queue_limit` the requests that wait. `strength`: how far
    edits and variations that name none may leave their picture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    revision: str | None = None
    variant: str | None = None
    sha256: Mapping[str, str] | None = None
    offline: bool = False
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|xpu|cuda(:\d+)?)$")] = "auto"
    cpu_threads: Annotated[int, Field(ge=1)] = 1
    scheduler: str | None = None
    lora: LoraOptions | None = None
    enable_attention_slicing: bool = False
    enable_model_cpu_offload: bool = False
    enable_sequential_cpu_offload: bool = False
    enable_vae_slicing: bool = False
    enable_vae_tiling: bool = False
    device_map: Literal["balanced"] | None = None
    default_size: Size = "512x512"
    sizes: tuple[Size, ...] = ()
    min_side: Annotated[int, Field(ge=8)] = 64
    max_side: Annotated[int, Field(ge=8)] = 4096
    max_pixels: Annotated[int, Field(ge=64)] = 2048 * 2048
    default_steps: Annotated[int, Field(ge=1)] = 25
    max_steps: Annotated[int, Field(ge=1)] = 100
    guidance_scale: Annotated[float, Field(ge=0, le=100)] | None = None
    strength: Annotated[float, Field(gt=0, le=1)] = 0.7
    true_cfg_scale: Annotated[float, Field(gt=1, le=100)] | None = None
    call_options: Mapping[str, str | int | float | bool] = Field(default_factory=dict)
    preview: Literal["auto", "vae", "off"] = "auto"
    max_batch: Annotated[int, Field(ge=1, le=64)] = 4
    batch_profile: Mapping[Size, Annotated[int, Field(ge=1, le=64)]] = Field(default_factory=dict)
    queue_limit: Annotated[int, Field(ge=1)] = 16
    warmup: bool = True

    @model_validator(mode="after")
    def _check_together(self) -> DiffusersOptions:
        if not Path(self.model).is_dir() and not _COMMIT.match(self.revision or ""):
            # A branch or a tag can move: then what was reviewed is not what runs.
            raise ValueError("model is no folder here, so it is a hub id: set revision to a 40-digit commit")
        placing = [name for name in _PLACING if getattr(self, name)]
        if len(placing) > 1:
            raise ValueError(f"{' and '.join(placing)} can't go together; name one")
        if self.device_map is not None and self.device != "auto":
            raise ValueError("device_map spreads the model over all devices; leave device out")
        if self.default_steps > self.max_steps:
            raise ValueError("default_steps exceeds max_steps")
        if self.sizes and self.default_size not in self.sizes:
            raise ValueError("default_size is not among sizes")
        width, height = parse_size(self.default_size)
        if not self.sizes and width * height > self.max_pixels:
            raise ValueError("default_size has more than max_pixels")
        if not self.min_side <= min(width, height) <= max(width, height) <= self.max_side:
            raise ValueError("default_size is outside min_side..max_side")
        return self

    @property
    def model_name(self) -> str:
        """The hub id, or a folder's last part: never a path of the operator's machine."""
        folder = Path(self.model)
        return folder.resolve().name if folder.is_dir() else self.model
