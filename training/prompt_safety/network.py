"""The network: the multilingual backbone, mean and maximum over its token states, a hidden layer, heads.

Duty: the architecture, and its parameters in groups with a learning rate each. The maximum keeps a single
sentence of a long text from being averaged away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from training.prompt_safety.rows import HEADS

DIMENSIONS: Final = 384
HIDDEN: Final = 384


class PromptSafetyNetwork(nn.Module):
    """`input_ids`, `attention_mask` (batch × tokens) → logits (batch × heads)."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.hidden = nn.Linear(2 * DIMENSIONS, HIDDEN)
        self.heads = nn.Linear(HIDDEN, len(HEADS))

    @classmethod
    def fresh(cls, backbone: Path, *, attention: str = "sdpa") -> PromptSafetyNetwork:
        """The backbone's folder (see `backbone.write`) with new heads."""
        from transformers import AutoModel

        encoder = AutoModel.from_pretrained(
            str(backbone),
            local_files_only=True,
            use_safetensors=True,
            attn_implementation=attention,
            add_pooling_layer=False,
        )
        return cls(encoder)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=torch.zeros_like(input_ids),
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        highest = (states + (mask - 1) * 1e4).max(1).values
        pooled = self.dropout(torch.cat([mean, highest], dim=-1))
        logits: torch.Tensor = self.heads(self.dropout(nn.functional.gelu(self.hidden(pooled))))
        return logits

    def groups(self, rate: float, decay: float, frozen: int) -> list[dict[str, Any]]:
        """Optimiser groups: the heads at ten times `rate`, each layer below at `decay` of the one above.

        The embeddings and the lowest `frozen` layers are not trained.
        """
        for parameter in self.encoder.embeddings.parameters():
            parameter.requires_grad_(False)
        layers = list(self.encoder.encoder.layer)
        groups = [{"params": [*self.hidden.parameters(), *self.heads.parameters()], "lr": 10 * rate}]
        for depth, layer in enumerate(reversed(layers)):
            if depth < len(layers) - frozen:
                groups.append({"params": list(layer.parameters()), "lr": rate * decay**depth})
            else:
                for parameter in layer.parameters():
                    parameter.requires_grad_(False)
        return groups
