"""CLIP, zero-shot: a picture is compared with descriptions of harm and of benign look-alikes.

Duty: pixels → per category the share of probability that its descriptions take from the benign ones. It knows
no threshold and no policy. Each category is compared alone (softmax over its descriptions and the benign
ones), so that a picture with two harms does not split its score between them.

Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", 3.1.
Blind spots: small objects, text inside pictures (it believes what is written), counts and ages.
"""

from __future__ import annotations

from typing import Any, Final

from classifiers.image.hub import image_processor, resolve_hub
from classifiers.image.hub_classifier import HubImageClassifier
from classifiers.image.zero_shot import ZeroShotOptions
from classifiers.signals import Signal

KIND: Final = "clip"


class ClipOptions(ZeroShotOptions):
    """What an operator may set: the model's place, `concepts` and `benign`."""


class ClipClassifier(HubImageClassifier[ClipOptions]):
    """A `CLIPModel` as a zero-shot classifier."""

    kind = KIND
    options_class = ClipOptions

    def __init__(self, name: str, options: ClipOptions) -> None:
        super().__init__(
            name,
            options,
            resolve_hub(name, options),
            categories=options.concepts,
            description=f"Zero-shot comparison with descriptions by {options.model_name}.",
        )
        self._text: Any = None  # prompts × width, unit length; the benign ones first
        self._spans = options.spans()

    def close(self) -> None:
        """Drop the model and the descriptions' features."""
        super().close()
        self._text = None

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
