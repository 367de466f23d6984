"""Caption embeddings for training, kept for captions that come again.

The way from text to conditioning is the pipeline's own (`encode_prompts`), so that training and
serving cannot drift apart.
"""

from __future__ import annotations

import torch

from gateway.generation.emoji_pipeline import encode_prompts, load_text_encoder


class CaptionStates:
    """Captions to N x tokens x 384 float32; the newest `keep` embeddings are remembered (16 KB each)."""

    def __init__(self, keep: int = 30_000) -> None:
        self._tokenizer, self._encoder = load_text_encoder()
        self._known: dict[str, torch.Tensor] = {}
        self._keep = keep

    @torch.inference_mode()
    def of(self, captions: list[str]) -> torch.Tensor:
        """The embeddings of `captions`, in order; "" is the empty caption."""
        missing = [text for text in dict.fromkeys(captions) if text not in self._known]
        if missing:
            states = encode_prompts(missing, self._tokenizer, self._encoder).half()
            self._known.update(zip(missing, states, strict=True))
        found = torch.stack([self._known[text] for text in captions]).float()
        while len(self._known) > self._keep:
            del self._known[next(iter(self._known))]
        return found
