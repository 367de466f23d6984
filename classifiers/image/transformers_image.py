"""Any image-classification model that transformers loads: a hub id or a folder, with a label map in settings.

Duty: pixels → one signal per mapped category. It knows no threshold and no policy.

The operator says for each of the model's labels which category it measures, with what weight, or that it is
harmless (`null`). A label without a word is refused at start: silence about a label is how harm gets lost.
Blind spots are the model's own; read its card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from classifiers.image.hub import HubOptions, hub_card, image_processor, resolve_hub
from classifiers.image.pixels import pictures_of
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError, Pixels
from classifiers.signals import Signal
from classifiers.taxonomy import is_known

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


class TransformersImageClassifier:
    """An `AutoModelForImageClassification` as a classifier."""

    def __init__(self, name: str, options: TransformersImageOptions) -> None:
        self._options = options
        self._resolved = resolve_hub(name, options)
        self._columns = self._map_columns(name)
        self._model: Any = None
        self._processor: Any = None
        self._card = hub_card(
            name,
            KIND,
            options,
            self._resolved,
            categories={target.category for target in self._columns.values()},
            description=f"Image classification by {options.model_name}.",
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> TransformersImageClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown option, an unpinned hub id, a label without a category.
        """
        return cls(name, parse_options(TransformersImageOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load and run once on a grey square."""
        self.classify([np.full((64, 64, 3), 128, dtype=np.uint8)])

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one signal per covered category for each picture (H × W × 3 uint8), in order."""
        if not batch:
            return []
        if self._model is None:
            self._load()
        return [self._signals(row) for row in self._infer(self._prepare(batch))]

    def close(self) -> None:
        """Drop the model."""
        self._model = self._processor = None

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

    def _prepare(self, batch: Sequence[Pixels]) -> Any:
        tensors = self._processor(images=pictures_of(batch), return_tensors="pt")["pixel_values"]
        return tensors.to(self._options.device, self._model.dtype)

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

    def _map_columns(self, name: str) -> dict[int, LabelTarget]:
        config = json.loads((self._resolved.path / "config.json").read_text("utf-8"))
        names = {int(column): str(label) for column, label in config.get("id2label", {}).items()}
        if not names:  # transformers writes the names unless there are the two default ones
            names = {0: "LABEL_0", 1: "LABEL_1"}
        options = self._options.labels
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
