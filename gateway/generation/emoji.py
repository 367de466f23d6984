"""The embedded image model: emoji-style pictures, drawn by a small network that ships with the project.

Duty: the embedded model's place and defaults; everything else is the diffusers backend's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from classifiers.embedded import embedded_folder
from classifiers.protocol import ClassifierConfigError
from classifiers.weights import SUMS, read_sums
from gateway.core.adapter_options import parse_options
from gateway.core.errors import ConfigurationError
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.diffusers_options import DiffusersOptions

FOLDER: Final = embedded_folder("emoji-diffusion")
"""Beside the checkout; another place is the option `model`."""

DEFAULTS: Final[Mapping[str, object]] = {
    "default_size": "512x512",
    "min_side": 64,
    "max_side": 2048,
    "max_pixels": 1024 * 1024,
    "default_steps": 16,
    "max_steps": 64,
    "max_batch": 8,
    "queue_limit": 64,
    "device": "cpu",
}
"""Any size of multiples of 8 up to 1024 x 1024 pixels; the network is small, so a CPU draws eight at once."""


def from_options(name: str, options: Mapping[str, object]) -> DiffusersGenerator:
    """Make the embedded generator; every option of the diffusers backend may be given.

    Raises:
        ConfigurationError: the weights are missing, or an option is wrong.
    """
    merged: dict[str, object] = {**DEFAULTS, "model": str(FOLDER), **options}
    folder = Path(str(merged["model"]))
    if not (folder / "model_index.json").is_file():
        raise ConfigurationError(
            f"generator {name!r}: the embedded model's weights are missing; check out models/emoji-diffusion "
            "whole (training/emoji_diffusion rebuilds it), or name its folder with the option model"
        )
    try:
        if folder == FOLDER or (folder / SUMS).is_file():  # a folder of the operator's own may have none
            merged.setdefault("sha256", read_sums(folder))
    except ClassifierConfigError as error:
        raise ConfigurationError(f"generator {name!r}: {error}") from error
    parsed = parse_options(DiffusersOptions, f"generator {name!r}", merged)
    return DiffusersGenerator(name, parsed, pipeline_class=_pipeline_class)


def _pipeline_class() -> type[Any]:
    from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline

    return EmojiDiffusionPipeline
