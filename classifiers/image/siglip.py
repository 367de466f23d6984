"""SigLIP and SigLIP 2, zero-shot: does a description of harm fit, and better than the benign look-alikes?

Duty: pixels → a score per category. It knows no threshold and no policy.

SigLIP rates each pair of picture and description alone, by a sigmoid of its own logit. A category's score is
its best pair's probability times its descriptions' share of a softmax with the benign ones: high only when a
description fits and no look-alike fits better. `score: share` leaves the first factor out, as `clip` has it.

Sources: Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training"; Tschannen et al. 2025, "SigLIP 2".
Texts are lower case and padded to the full length without a mask, as both were trained.
Blind spots: as CLIP's: small objects, counts, ages, text inside pictures; pair probabilities run low.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from classifiers.image.hub import image_processor, resolve_hub
from classifiers.image.hub_classifier import HubImageClassifier
from classifiers.image.pixels import pictures_of
from classifiers.image.zero_shot import ZeroShotOptions
from classifiers.protocol import Pixels
from classifiers.signals import Signal

KIND: Final = "siglip"


class SiglipOptions(ZeroShotOptions):
    """What an operator may set, beside the model's place, `concepts` and `benign`.

    `score`: `pair` (best pair's probability times share) or `share` (share against the benign ones alone).
    """

    score: Literal["pair", "share"] = "pair"


class SiglipClassifier(HubImageClassifier[SiglipOptions]):
    """A `SiglipModel` or `Siglip2Model` as a zero-shot classifier."""

    kind = KIND
    options_class = SiglipOptions

    def __init__(self, name: str, options: SiglipOptions) -> None:
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
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(self._options.threads)
        folder = str(self._resolved.path)
        self._processor = image_processor(self._resolved)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=getattr(torch, self._options.dtype),
        )
        if not hasattr(model, "logit_bias"):
            raise TypeError(f"{type(model).__name__} is no SigLIP: its pairs have no logit of their own")
        model = model.to(self._options.device).eval()
        tokens = tokenizer(
            [prompt.lower() for prompt in self._options.prompts()],
            padding="max_length",
            truncation=True,
            max_length=model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        with torch.inference_mode():
            ids = tokens["input_ids"].to(self._options.device)
            features = model.get_text_features(input_ids=ids).pooler_output
            self._text = torch.nn.functional.normalize(features.float(), dim=-1)
        self._model = model

    def _prepare(self, batch: Sequence[Pixels]) -> Any:
        # SigLIP 2's flexible models also take each picture's mask and shape in patches.
        return self._processor(images=pictures_of(batch), return_tensors="pt").to(
            self._options.device, self._model.dtype
        )

    def _infer(self, inputs: Any) -> Any:
        """Return pictures × prompts, each pair's logit, on the CPU."""
        import torch

        with torch.inference_mode():
            features = self._model.get_image_features(**inputs).pooler_output
            features = torch.nn.functional.normalize(features.float(), dim=-1)
            scale, bias = self._model.logit_scale.exp().float(), self._model.logit_bias.float()
            return (features @ self._text.T * scale + bias).cpu()

    def _signals(self, row: Any) -> tuple[Signal, ...]:
        benign = row[: len(self._options.benign)].logsumexp(0)
        signals = []
        for category, (start, end) in self._spans.items():
            # NaN stays NaN in both factors, and Signal refuses it.
            score = float((row[start:end].logsumexp(0) - benign).sigmoid())
            if self._options.score == "pair":
                score *= float(row[start:end].max().sigmoid())
            signals.append(Signal(category, score, self._card.name, self._card.revision))
        return tuple(signals)
