"""Detoxify's toxicity models: six or seven heads trained on Jigsaw comments.

Duty: load a Detoxify checkpoint safely and map its heads to categories. The library builds the model; the
checkpoint is read here, checked by sha256 and without unpickling (the library itself unpickles whatever it
downloads), and long texts are judged in windows (the library cuts them off).

Licence: library Apache-2.0, weights Apache-2.0 (unitary). Blind spots: trained on posts, not on image
prompts; violence that is described rather than threatened; identity words raise scores; `original` is
English, `multilingual` seven languages (en, fr, es, it, pt, tr, ru).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal
from classifiers.text.sequence_model import SequenceModel
from classifiers.weights import file_sha256, load_checkpoint

KIND: Final = "detoxify"

LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "toxicity": ("toxicity",),
    "severe_toxicity": ("toxicity",),
    "obscene": ("profanity",),
    "threat": ("violence", "harassment/threatening"),
    "insult": ("harassment",),
    "identity_attack": ("hate",),
    "sexual_explicit": ("sexual",),
}
"""Head → categories; the highest head of a category counts."""

# Who is mentioned, not what harm is done: these heads of `unbiased` and `multilingual` measure no category.
IGNORED: Final = frozenset(
    {
        "male",
        "female",
        "homosexual_gay_or_lesbian",
        "christian",
        "jewish",
        "muslim",
        "black",
        "white",
        "psychiatric_or_mental_illness",
    }
)

# The library's own names for the heads of older checkpoints.
_RENAMED: Final = {
    "toxic": "toxicity",
    "severe_toxic": "severe_toxicity",
    "identity_hate": "identity_attack",
}

# Heads of each published model, and the first digits of its file's sha256 (they are in the file's name).
_PUBLISHED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "original": (
        "toxic_original-c1212f89.ckpt",
        ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"),
    ),
    "unbiased": ("toxic_debiased-c7548aa0.ckpt", tuple(LABELS)),
    "multilingual": ("multilingual_debiased-0b549669.ckpt", tuple(LABELS)),
}
_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "original": ("en",),
    "unbiased": ("en",),
    "multilingual": ("en", "fr", "es", "it", "pt", "tr", "ru"),
}


class DetoxifyOptions(BaseModel):
    """`checkpoint` is the file; without it, the published `model` is looked for in torch's hub cache.

    `sha256` is the checkpoint's, and required. `base` is a folder with the configuration and tokenizer that
    the checkpoint was trained from (as `roberta-base`); nothing is fetched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["original", "unbiased", "multilingual"] = "original"
    checkpoint: Path | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    base: Path
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 256
    device: str = "cpu"


class DetoxifyClassifier:
    """Emits one signal per category of the model's heads."""

    def __init__(self, name: str, options: DetoxifyOptions) -> None:
        self._name = name
        self._options = options
        heads = _PUBLISHED[options.model][1]
        base = _base_digest(name, options.base)
        told = f"{options.sha256.lower()} {base} {options.max_tokens}"
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"{options.model}-{hashlib.sha256(told.encode()).hexdigest()[:16]}",
            modality=Modality.TEXT,
            categories=frozenset(category for head in heads for category in LABELS[head]),
            languages=_LANGUAGES[options.model],
            licence="Apache-2.0",
            calibrated=False,
            description="Detoxify: toxicity heads trained on Jigsaw comments.",
            weights_sha256=options.sha256.lower(),
        )
        self._model: SequenceModel | None = None
        self._columns: list[tuple[int, str]] = []

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> DetoxifyClassifier:
        """Build from settings; loads nothing yet.

        Raises:
            ClassifierConfigError: a wrong option, no sha256, or a `base` without configuration.
        """
        return cls(name, parse_options(DetoxifyOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check and load the checkpoint, and run once.

        Raises:
            ClassifierConfigError: it is missing, not the pinned one, or has other heads than its model.
        """
        self.classify(["a red apple"])

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return every category's signal for each text.

        Raises:
            TextTooLong: a text needs more windows than `sequence_model.MAX_WINDOWS`.
        """
        if not batch:
            return []
        if self._model is None:
            self._model = self._load()
        return [self._signals(row) for row in self._model.scores(batch)]

    def _load(self) -> SequenceModel:
        from detoxify.detoxify import get_model_and_tokenizer

        options = self._options
        checkpoint = load_checkpoint(options.checkpoint or _hub_cache(options.model), options.sha256)
        heads, arch = self._parts(checkpoint)
        self._columns = self._mapped(heads)
        model, tokenizer = get_model_and_tokenizer(
            **{**arch, "model_type": str(options.base)}, state_dict=checkpoint["state_dict"]
        )
        return SequenceModel(
            model, tokenizer, activation="sigmoid", max_tokens=options.max_tokens, device=options.device
        )

    def _parts(self, checkpoint: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
        """The heads' names, as the library standardises them, and the model's classes."""
        try:
            config = checkpoint["config"]
            heads = [_RENAMED.get(head, head) for head in config["dataset"]["args"]["classes"]]
            arch = config["arch"]["args"]
        except (KeyError, TypeError) as error:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: the checkpoint has no Detoxify configuration"
            ) from error
        if "state_dict" not in checkpoint:
            raise ClassifierConfigError(f"classifier {self._name!r}: the checkpoint has no state_dict")
        return heads, arch

    def _mapped(self, heads: list[str]) -> list[tuple[int, str]]:
        expected = set(_PUBLISHED[self._options.model][1])
        unknown = sorted(set(heads) - set(LABELS) - IGNORED)
        missing = sorted(expected - set(heads))
        extra = sorted(set(heads) & set(LABELS) - expected)
        if unknown or missing or extra:
            raise ClassifierConfigError(
                f"classifier {self._name!r}: the checkpoint is no {self._options.model!r} model: "
                f"its heads are {', '.join(heads)}; set option model to the one that it is"
            )
        return [(at, category) for at, head in enumerate(heads) for category in LABELS.get(head, ())]

    def _signals(self, scores: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        highest: dict[str, float] = {}
        for column, category in self._columns:
            highest[category] = max(highest.get(category, 0.0), float(scores[column]))
        return tuple(
            Signal(category, score, self._card.name, self._card.revision)
            for category, score in highest.items()
        )


def _hub_cache(model: str) -> Path:
    """Where torch's hub keeps the published checkpoint once Detoxify has fetched it."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _PUBLISHED[model][0]


def _base_digest(name: str, base: Path) -> str:
    if not (base / "config.json").is_file():
        raise ClassifierConfigError(
            f"classifier {name!r}, option base: no config.json there; give a folder with the configuration "
            "and tokenizer of the model that the checkpoint was trained from"
        )
    files = sorted(path for path in base.iterdir() if path.suffix in (".json", ".txt", ".model"))
    return hashlib.sha256("\n".join(file_sha256(path) for path in files).encode()).hexdigest()
