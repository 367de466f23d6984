"""A LoRA adapter in peft's file format, added to weights once.

Duty: W + scale · B·A. It knows no model; peft itself is needed for training only.
Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.core.errors import ConfigurationError

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
_PREFIX: Final = "base_model.model."


@dataclass(frozen=True, slots=True)
class Adapter:
    """Pairs of low-rank torch tensors by the name of the weight that they change."""

    scale: float
    pairs: Mapping[str, tuple[Any, Any]]

    @classmethod
    def read(cls, folder: Path) -> Adapter:
        """Read an adapter folder.

        Raises:
            ConfigurationError: a file is missing or not a plain LoRA adapter.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            tensors = load_file(folder / WEIGHTS)
            scale = config["lora_alpha"] / config["r"]
            pairs = {
                name.removeprefix(_PREFIX).replace(".lora_A.weight", ".weight"): (
                    tensors[name],
                    tensors[name.replace(".lora_A.", ".lora_B.")],
                )
                for name in tensors
                if name.endswith(".lora_A.weight")
            }
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ConfigurationError(
                f"rewriter: no LoRA adapter in {folder} ({type(error).__name__})"
            ) from error
        if 2 * len(pairs) != len(tensors) or config.get("use_dora") or config.get("use_rslora"):
            raise ConfigurationError(f"rewriter: {folder} holds more than a plain LoRA adapter")
        return cls(scale, pairs)

    def added(self, name: str, weight: Any) -> Any:
        """`weight` (float32 torch tensor) with the adapter's part for `name`, if it has one."""
        if name not in self.pairs:
            return weight
        down, up = self.pairs[name]
        return weight + self.scale * (up.float() @ down.float())

    def add_to(self, model: Any) -> None:
        """Change a loaded torch model's weights in place.

        Raises:
            ConfigurationError: the adapter names weights that the model has not.
        """
        import torch

        weights = dict(model.named_parameters())
        if not self.pairs.keys() <= weights.keys():
            raise ConfigurationError("rewriter: the adapter belongs to another model")
        with torch.no_grad():
            for name in self.pairs:
                weights[name].copy_(self.added(name, weights[name].float()))
