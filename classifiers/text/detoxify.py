"""Detoxify's toxicity models: six or seven heads trained on Jigsaw comments.

Duty: load a Detoxify checkpoint safely and map its heads to categories. The library builds the model; the
checkpoint is read here, checked by sha256 and without unpickling (the library itself unpickles whatever it
downloads), and long texts are judged in windows (the library cuts them off). A folder that `detoxify_convert`
made of a checkpoint takes its place: the same scores in int8, several times as fast.

Licence: library Apache-2.0, weights Apache-2.0 (unitary). Blind spots: trained on posts, not on image
prompts; violence that is described rather than threatened; identity words raise scores; `original` is
English, `multilingual` seven languages (en, fr, es, it, pt, tr, ru).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal
from classifiers.text.sequence_model import (
    BATCH_TOKENS,
    INT8_BATCH_TOKENS,
    Logits,
    SequenceModel,
    torch_logits,
)
from classifiers.text.windows import OnnxEngine
from classifiers.weights import SUMS, file_sha256, listed_files, load_checkpoint

KIND: Final = "detoxify"
GRAPH: Final = "model.int8.onnx"
"""The int8 graph's name in a converted folder."""

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
    the checkpoint was trained from (as `roberta-base`); nothing is fetched. Or `converted` is a folder that
    `imagegate models convert` made, and `sha256` that of its `SHA256SUMS`; `runtime` then chooses its int8
    graph or its float32 weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["original", "unbiased", "multilingual"] = "original"
    checkpoint: Path | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    base: Path | None = None
    converted: Path | None = None
    runtime: Literal["int8", "float32"] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 256
    device: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DetoxifyOptions:
        if self.converted is None:
            if self.base is None:
                raise ValueError("give base with a checkpoint, or converted alone")
            if self.runtime is not None:
                raise ValueError("runtime belongs to converted; a checkpoint runs in float32")
        elif self.base is not None or self.checkpoint is not None:
            raise ValueError("converted holds all that is needed; leave base and checkpoint out")
        elif self.device is not None and self.runtime != "float32":
            raise ValueError("the int8 graph runs on the CPU; leave device out, or set runtime to float32")
        return self


class DetoxifyClassifier:
    """Emits one signal per category of the model's heads."""

    def __init__(self, name: str, options: DetoxifyOptions) -> None:
        self._name = name
        self._options = options
        heads = _PUBLISHED[options.model][1]
        if options.base is not None:
            made_of = _base_digest(name, options.base)
        else:
            made_of = f"converted {options.runtime or 'int8'}"
        told = f"{options.sha256.lower()} {made_of} {options.max_tokens}"
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
        options = self._options
        if options.converted is not None:
            heads, config, tokenizer, logits = _from_folder(options)
        else:
            assert options.base is not None
            opened = open_checkpoint(options.model, options.checkpoint, options.sha256, options.base)
            heads, config, tokenizer = opened.heads, opened.model.config, opened.tokenizer
            logits = torch_logits(opened.model, options.device or "cpu")
        check_heads(options.model, heads)
        self._columns = [(at, category) for at, head in enumerate(heads) for category in LABELS.get(head, ())]
        is_int8 = options.converted is not None and options.runtime != "float32"
        return SequenceModel(
            logits,
            config,
            tokenizer,
            activation="sigmoid",
            max_tokens=options.max_tokens,
            batch_tokens=INT8_BATCH_TOKENS if is_int8 else BATCH_TOKENS,
        )

    def _signals(self, scores: npt.NDArray[np.float32]) -> tuple[Signal, ...]:
        highest: dict[str, float] = {}
        for column, category in self._columns:
            highest[category] = max(highest.get(category, 0.0), float(scores[column]))
        return tuple(
            Signal(category, score, self._card.name, self._card.revision)
            for category, score in highest.items()
        )


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint's heads, as the library names them, in the order of its outputs; model and tokenizer."""

    heads: tuple[str, ...]
    model: Any
    tokenizer: Any


def open_checkpoint(model: str, checkpoint: Path | None, sha256: str, base: Path) -> OpenedCheckpoint:
    """Check and load a checkpoint as the library builds it; None is the published one in torch's hub cache.

    Raises:
        ClassifierConfigError: it is missing, not the pinned one, or no Detoxify checkpoint.
    """
    from detoxify.detoxify import get_model_and_tokenizer

    loaded = load_checkpoint(checkpoint or _hub_cache(model), sha256)
    try:
        config, state = loaded["config"], loaded["state_dict"]
        heads = tuple(_RENAMED.get(head, head) for head in config["dataset"]["args"]["classes"])
        arch = {**config["arch"]["args"], "model_type": str(base)}
    except (KeyError, TypeError) as error:
        raise ClassifierConfigError("the checkpoint has no Detoxify configuration and state_dict") from error
    built, tokenizer = get_model_and_tokenizer(**arch, state_dict=state)
    return OpenedCheckpoint(heads, built.eval(), tokenizer)


def check_heads(model: str, heads: Sequence[str]) -> None:
    """Check that these are the heads of the published `model`: none unknown, none missing, none besides.

    Raises:
        ClassifierConfigError: they are another model's.
    """
    expected = set(_PUBLISHED[model][1])
    unknown = set(heads) - set(LABELS) - IGNORED
    if unknown or expected - set(heads) or set(heads) & set(LABELS) - expected:
        raise ClassifierConfigError(
            f"the checkpoint is no {model!r} model: its heads are {', '.join(heads)}; name the one that it is"
        )


def _from_folder(options: DetoxifyOptions) -> tuple[tuple[str, ...], Any, Any, Logits]:
    """Heads, configuration, tokenizer and logits of a converted folder, every file of it as pinned."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    assert options.converted is not None
    files = listed_files(options.converted, options.sha256)
    missing = [
        name for name in (GRAPH, "config.json", "model.safetensors", "tokenizer.json") if name not in files
    ]
    if missing:
        raise ClassifierConfigError(
            f"option converted: its {SUMS} lists no {', '.join(missing)}; convert the checkpoint again"
        )
    folder = str(options.converted)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    heads = tuple(config.id2label[at] for at in range(config.num_labels))
    if options.runtime == "float32":
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
        return heads, config, tokenizer, torch_logits(model, options.device or "cpu")
    return heads, config, tokenizer, OnnxEngine(files[GRAPH])


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
