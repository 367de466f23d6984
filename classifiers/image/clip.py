"""CLIP, zero-shot: a picture is compared with descriptions of harm and of benign look-alikes.

Duty: pixels → per category the share of probability that its descriptions take from the benign ones. It knows
no threshold and no policy. Each category is compared alone (softmax over its descriptions and the benign
ones), so that a picture with two harms does not split its score between them.

Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", 3.1.
Blind spots: small objects, text inside pictures (it believes what is written), counts and ages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from classifiers.image.hub import hub_card, image_processor, resolve_hub
from classifiers.image.pixels import pictures_of
from classifiers.image.zero_shot import ZeroShotOptions
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, Pixels
from classifiers.signals import Signal

KIND: Final = "clip"


class ClipOptions(ZeroShotOptions):
    """What an operator may set: the model's place, `concepts` and `benign`."""


class ClipClassifier:
    """A `CLIPModel` as a zero-shot classifier."""

    def __init__(self, name: str, options: ClipOptions) -> None:
        self._options = options
        self._resolved = resolve_hub(name, options)
        self._model: Any = None
        self._processor: Any = None
        self._text: Any = None  # prompts × width, unit length; the benign ones first
        self._spans = options.spans()
        self._card = hub_card(
            name,
            KIND,
            options,
            self._resolved,
            categories=options.concepts,
            description=f"Zero-shot comparison with descriptions by {options.model_name}.",
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> ClipClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown option, an unpinned hub id, an unknown category, an empty list.
        """
        return cls(name, parse_options(ClipOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load, embed the descriptions, run once on a grey square."""
        self.classify([np.full((64, 64, 3), 128, dtype=np.uint8)])

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one signal per category for each picture (H × W × 3 uint8), in order."""
        if not batch:
            return []
        if self._model is None:
            self._load()
        return [self._signals(row) for row in self._infer(self._prepare(batch))]

    def close(self) -> None:
        """Drop the model."""
        self._model = self._processor = self._text = None

    def _load(self) -> None:
        import torch
        from transformers import AutoTokenizer, CLIPModel

        torch.set_num_threads(self._options.threads)
        folder = str(self._resolved.path)
        self._processor = image_processor(self._resolved)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = CLIPModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=getattr(torch, self._options.dtype)
        )
        model = model.to(self._options.device).eval()
        limit = model.config.text_config.max_position_embeddings
        tokens = tokenizer(
            self._options.prompts(), padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        with torch.inference_mode():
            features = model.get_text_features(**tokens.to(self._options.device)).pooler_output
            self._text = torch.nn.functional.normalize(features.float(), dim=-1)
        self._model = model

    def _prepare(self, batch: Sequence[Pixels]) -> Any:
        tensors = self._processor(images=pictures_of(batch), return_tensors="pt")["pixel_values"]
        return tensors.to(self._options.device, self._model.dtype)

    def _infer(self, tensors: Any) -> Any:
        """Return pictures × prompts, the scaled similarities (logits), on the CPU."""
        import torch

        with torch.inference_mode():
            features = self._model.get_image_features(pixel_values=tensors).pooler_output
            features = torch.nn.functional.normalize(features.float(), dim=-1)
            return (features @ self._text.T * self._model.logit_scale.exp().float()).cpu()

    def _signals(self, row: Any) -> tuple[Signal, ...]:
        benign = row[: len(self._options.benign)].logsumexp(0)
        signals = []
        for category, (start, end) in self._spans.items():
            # The softmax's share of the category's prompts; NaN stays NaN, and Signal refuses it.
            share = float((row[start:end].logsumexp(0) - benign).sigmoid())
            signals.append(Signal(category, share, self._card.name, self._card.revision))
        return tuple(signals)
