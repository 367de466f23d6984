"""Any text-classification model of transformers, by hub id or folder, with the operator's label map.

Duty: run `AutoModelForSequenceClassification` over windows of a text and map its labels to categories. It
knows no label by itself: every label is mapped, or named under `ignore`; none is dropped in silence.

Licence, languages and blind spots are the chosen model's; the operator states them in the options.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers import taxonomy
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal
from classifiers.text.sequence_model import SequenceModel, SlowTokenizer, torch_logits
from classifiers.weights import resolve

KIND: Final = "transformers-text"


class TransformersTextOptions(BaseModel):
    """`model` is a folder or a hub id (then `revision` is a pinned commit); `sha256` may pin its files.

    `labels` maps the model's labels to categories, `ignore` names the rest. `activation` is `sigmoid` for
    independent labels, `softmax` for exclusive ones. `max_tokens` is a window's length, special tokens
    included. `calibrated` states that scores read as probabilities.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    sha256: dict[str, str] = {}
    offline: bool = False
    labels: Annotated[dict[str, str], Field(min_length=1)]
    ignore: list[str] = []
    activation: Literal["sigmoid", "softmax"]
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 256
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    languages: Annotated[list[str], Field(min_length=1)] = ["*"]
    licence: Annotated[str, Field(min_length=1)] = "as the model's card says"
    calibrated: bool = False

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: dict[str, str]) -> dict[str, str]:
        for label, category in labels.items():
            if not taxonomy.is_known(category):
                raise ValueError(
                    f"label {label!r}: unknown category {category!r}; "
                    "use one of the taxonomy, or your own as custom/NAME"
                )
        return labels


class TransformersTextClassifier:
    """Emits one signal per mapped category: the highest score of its labels over all windows."""

    def __init__(self, name: str, options: TransformersTextOptions) -> None:
        self._name = name
        self._options = options
        resolved = resolve(
            options.model, options.revision, offline=options.offline, sha256=options.sha256 or None
        )
        self._folder = resolved.path
        told = options.model_dump_json(exclude={"model", "offline", "device", "licence", "languages"})
        digest = hashlib.sha256(f"{resolved.revision}\n{told}".encode()).hexdigest()[:16]
        weights = [digest for file, digest in resolved.sha256.items() if file.endswith(".safetensors")]
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"{Path(options.model).name}@{digest}",
            modality=Modality.TEXT,
            categories=frozenset(options.labels.values()),
            languages=tuple(options.languages),
            licence=options.licence,
            calibrated=options.calibrated,
            description="A transformers text classifier with the operator's label map.",
            weights_sha256=weights[0] if len(weights) == 1 else None,
        )
        self._model: SequenceModel | None = None
        self._columns: dict[int, str] = {}

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> TransformersTextClassifier:
        """Build from settings; finds and hashes the weights, loads nothing yet.

        Raises:
            ClassifierConfigError: a wrong option, an unpinned or missing model, pickled weights.
        """
        return cls(name, parse_options(TransformersTextOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load tokenizer and weights and run once.

        Raises:
            ClassifierConfigError: the label map does not fit the model.
        """
        self.classify(["a red apple"])

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return every mapped category's signal for each text.

        Raises:
            TextTooLong: a text needs more than `sequence_model.MAX_WINDOWS` windows.
        """
        if not batch:
            return []
        scores = self._ready().scores(batch)
        return [self._signals(row) for row in scores]

    def _ready(self) -> SequenceModel:
        if self._model is None:
            self._model = self._load()
        return self._model

    def _load(self) -> SequenceModel:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        options = self._options
        tokenizer = AutoTokenizer.from_pretrained(str(self._folder), local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            str(self._folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, options.dtype),
        )
        self._columns = self._mapped({int(at): str(label) for at, label in model.config.id2label.items()})
        try:
            return SequenceModel(
                torch_logits(model, options.device),
                model.config,
                tokenizer,
                activation=options.activation,
                max_tokens=options.max_tokens,
            )
        except SlowTokenizer as error:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: {error} is a slow tokenizer; give a model with tokenizer.json"
            ) from error

    def _mapped(self, labels: dict[int, str]) -> dict[int, str]:
        """Column → category; every label of the model is accounted for."""
        options, known = self._options, set(labels.values())
        missing = sorted({*options.labels, *options.ignore} - known)
        loose = sorted(known - set(options.labels) - set(options.ignore))
        if missing:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: the model has no label {', '.join(missing)}; "
                f"it has {', '.join(sorted(known))}"
            )
        if loose:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: labels without a category: {', '.join(loose)}; "
                "map them under labels, or name them under ignore"
            )
        return {at: options.labels[label] for at, label in labels.items() if label in options.labels}

    def _signals(self, scores: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        highest: dict[str, float] = {}
        for column, category in self._columns.items():
            highest[category] = max(highest.get(category, 0.0), float(scores[column]))
        return tuple(
            Signal(category, score, self._card.name, self._card.revision)
            for category, score in highest.items()
        )
