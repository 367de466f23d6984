"""The safety checker of Stable Diffusion (diffusers), asked for its scores instead of its black pictures.

Duty: pixels → a `sexual` signal, and, when asked for, one signal for each of its 17 concepts and 3
special-care concepts. It knows no threshold and no policy; the checker's own ones are part of its measure.

A concept's distance is the picture's cosine likeness to it, less the concept's threshold; a picture near a
special-care concept counts 0.01 nearer to all others, as in the original. The score is a sigmoid of the
largest distance, so that .5 is where the checker would have blackened the picture. (The original also rounds
to three digits.) Its model card says neither what the concepts are nor how good it is; Rando et al. 2022,
"Red-Teaming the Stable Diffusion Safety Filter", found sexual words behind the 17 and young people behind
the 3.

Blind spots: violence, gore and every other harm; drawings; crops that keep the subject small.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from classifiers.image.hub import HubOptions, image_processor, resolve_hub
from classifiers.image.hub_classifier import HubImageClassifier
from classifiers.signals import Signal

KIND: Final = "safety-checker"
CATEGORY: Final = "sexual"
CONCEPTS: Final = tuple(f"custom/safety-checker/concept-{at:02}" for at in range(1, 18))
SPECIAL_CARE: Final = tuple(f"custom/safety-checker/special-care-{at}" for at in range(1, 4))
STEEPNESS: Final = 40.0
"""Cosine distances are small: ±0.05 is a clear case, and becomes .12 and .88."""
_SPECIAL_CARE_NEARER: Final = 0.01
_PREPROCESSOR: Final = "preprocessor_config.json"


class SafetyCheckerOptions(HubOptions):
    """What an operator may set, beside the model's place.

    `signals`: `strongest` gives one `sexual` signal; `each` adds the twenty concepts under
    `custom/safety-checker/…`.
    """

    signals: Literal["strongest", "each"] = "strongest"


class SafetyCheckerClassifier(HubImageClassifier[SafetyCheckerOptions]):
    """diffusers' `StableDiffusionSafetyChecker`, read before it hides its scores."""

    kind = KIND
    options_class = SafetyCheckerOptions

    def __init__(self, name: str, options: SafetyCheckerOptions) -> None:
        each = (*CONCEPTS, *SPECIAL_CARE) if options.signals == "each" else ()
        super().__init__(
            name,
            options,
            resolve_hub(name, options),
            categories={CATEGORY, *each},
            description="Sexual content by the likeness to 17 hidden concepts; blind to every other harm.",
        )

    def _load(self) -> None:
        import torch
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        torch.set_num_threads(self._options.threads)
        folder = self._resolved.path
        if (folder / _PREPROCESSOR).is_file():
            self._processor = image_processor(self._resolved)
        else:  # a pipeline keeps it in another folder; it is CLIP's own, at the model's size
            config = json.loads((folder / "config.json").read_text("utf-8"))
            side = config["vision_config"]["image_size"]
            self._processor = CLIPImageProcessorPil(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            )
        model = StableDiffusionSafetyChecker.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, self._options.dtype),
            attn_implementation="eager",  # its class declares no other
        )
        self._model = model.to(self._options.device).eval()

    def _infer(self, tensors: Any) -> npt.NDArray[np.float64]:
        """Return pictures × 20: the distances of the 17 concepts, then those of the 3 special-care ones."""
        import torch
        from torch.nn.functional import normalize

        model = self._model
        with torch.inference_mode():
            embeds = normalize(model.visual_projection(model.vision_model(tensors).pooler_output).float())
            special = embeds @ normalize(model.special_care_embeds.float()).T
            special = special - model.special_care_embeds_weights.float()
            nearer = _SPECIAL_CARE_NEARER * (special > 0).any(dim=1, keepdim=True)
            concepts = embeds @ normalize(model.concept_embeds.float()).T
            concepts = concepts - model.concept_embeds_weights.float() + nearer
            distances = torch.cat([concepts, special], dim=1).cpu().numpy()
        if distances.shape[1] != len(CONCEPTS) + len(SPECIAL_CARE):
            raise ValueError(f"the safety checker has {distances.shape[1]} concepts, not 17 and 3")
        return np.asarray(distances, dtype=np.float64)

    def _signals(self, row: npt.NDArray[np.float64]) -> tuple[Signal, ...]:
        scores = 1 / (1 + np.exp(-STEEPNESS * row))  # NaN stays NaN, and Signal refuses it
        strongest = int(np.argmax(row[: len(CONCEPTS)]))
        found = {CATEGORY: scores[strongest]}
        if self._options.signals == "each":
            found |= dict(zip((*CONCEPTS, *SPECIAL_CARE), scores, strict=True))
        return tuple(
            Signal(category, float(score), self._card.name, self._card.revision)
            for category, score in found.items()
        )
