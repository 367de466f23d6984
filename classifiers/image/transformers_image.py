"""Any image-classification model that transformers loads: a hub id or a folder, with a label map in settings.

Duty: pixels → one signal per mapped category. It knows no threshold and no policy.

The operator says for each of the model's labels which category it measures, with what weight, or that it is
harmless (`null`). A label without a word is refused at start: silence about a label is how harm gets lost.
Blind spots are the model's own; read its card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from classifiers.image.hub import HubOptions, image_processor, resolve_hub
from classifiers.image.hub_classifier import HubImageClassifier
from classifiers.protocol import ClassifierConfigError
from classifiers.signals import Signal
from classifiers.taxonomy import is_known
from classifiers.weights import ResolvedModel

KIND: Final = "transformers-image"


class LabelTarget(BaseModel):
    """A label that counts for `category` with `weight` (0 < weight <= 1)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0


class TransformersImageOptions(HubOptions):
    """What an operator may set, beside the model's place.

    `labels` maps every label of the model to a category, a `LabelTarget` or null (harmless). `activation`:
    `softmax` for one label a picture (shares of one category add up), `sigmoid` for independent labels (the
    strongest counts).
    """

    labels: Mapping[str, str | LabelTarget | None]
    activation: Literal["softmax", "sigmoid"] = "softmax"


class TransformersImageClassifier(HubImageClassifier[TransformersImageOptions]):
    """An `AutoModelForImageClassification` as a classifier."""

    kind = KIND
    options_class = TransformersImageOptions

    def __init__(self, name: str, options: TransformersImageOptions) -> None:
        resolved = resolve_hub(name, options)
        self._columns = _columns(name, options, resolved)
        super().__init__(
            name,
            options,
            resolved,
            categories={target.category for target in self._columns.values()},
            description=f"Image classification by {options.model_name}.",
        )

    def _load(self) -> None:
        import torch
        from transformers import AutoModelForImageClassification

        torch.set_num_threads(self._options.threads)
        folder = str(self._resolved.path)
        self._processor = image_processor(self._resolved)
        model = AutoModelForImageClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=getattr(torch, self._options.dtype),
        )
        self._model = model.to(self._options.device).eval()

    def _infer(self, tensors: Any) -> npt.NDArray[np.float64]:
        import torch

        with torch.inference_mode():
            logits = self._model(pixel_values=tensors).logits.float()
        scores = logits.softmax(-1) if self._options.activation == "softmax" else logits.sigmoid()
        return np.asarray(scores.cpu().numpy(), dtype=np.float64)

    def _signals(self, row: npt.NDArray[np.float64]) -> tuple[Signal, ...]:
        by_category: dict[str, float] = {}
        for column, target in self._columns.items():
            part = float(row[column]) * target.weight
            before = by_category.get(target.category, 0.0)
            # NaN first in both, so that it stays NaN and Signal refuses it.
            by_category[target.category] = (
                part + before if self._options.activation == "softmax" else max(part, before)
            )
        return tuple(
            Signal(category, min(score, 1.0), self._card.name, self._card.revision)
            for category, score in sorted(by_category.items())
        )


def _columns(name: str, given: TransformersImageOptions, resolved: ResolvedModel) -> dict[int, LabelTarget]:
    config = json.loads((resolved.path / "config.json").read_text("utf-8"))
    names = {int(column): str(label) for column, label in config.get("id2label", {}).items()}
    if not names:  # transformers writes the names unless there are the two default ones
        names = {0: "LABEL_0", 1: "LABEL_1"}
    options = given.labels
    if missing := sorted(set(names.values()) - set(options)):
        raise ClassifierConfigError(
            f"classifier {name!r}, option labels: no word about {', '.join(missing)}; "
            "map each to a category or to null (harmless)"
        )
    if unknown := sorted(set(options) - set(names.values())):
        raise ClassifierConfigError(
            f"classifier {name!r}, option labels: the model has no {', '.join(unknown)}; "
            f"it has {', '.join(sorted(names.values()))}"
        )
    columns: dict[int, LabelTarget] = {}
    for column, label in names.items():
        target = options[label]
        if target is None:
            continue
        columns[column] = LabelTarget(category=target) if isinstance(target, str) else target
        if not is_known(columns[column].category):
            raise ClassifierConfigError(
                f"classifier {name!r}, option labels.{label}: {columns[column].category!r} is no "
                "category; an own one begins with custom/"
            )
    if not columns:
        raise ClassifierConfigError(f"classifier {name!r}, option labels: every label is harmless")
    return columns
