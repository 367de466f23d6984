"""Where a transformers image model comes from: what every such adapter shares.

Duty: options, a local folder with known hashes, the card that follows from both, and the model's own image
processor. It loads no weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality
from classifiers.weights import ResolvedModel, resolve

_NO_SCORE: Final = {"model", "revision", "offline", "sha256", "licence", "threads"}
"""Options that can't move a score, or that the files' own hashes already tell."""


class HubOptions(BaseModel):
    """A model's place and how it runs.

    `model` is a folder or a hub id; a hub id needs `revision`, a commit hash. `offline` forbids the network.
    `sha256` pins files of the model by digest. `threads` is torch's intra-op threads on a CPU. `licence` goes
    on the card.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    revision: str | None = None
    offline: bool = False
    sha256: Mapping[str, str] | None = None
    device: str = "cpu"
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] = 1
    licence: str = "unknown"

    @property
    def model_name(self) -> str:
        """The hub id, or a folder's last part: never a path of the operator's machine."""
        folder = Path(self.model)
        return folder.name if folder.is_dir() else self.model


def resolve_hub(name: str, options: HubOptions) -> ResolvedModel:
    """Return the local folder of the model with the hash of each file.

    Raises:
        ClassifierConfigError: an unpinned hub id, a missing folder, or a folder without `config.json`.
    """
    resolved = resolve(options.model, options.revision, offline=options.offline, sha256=options.sha256)
    if not (resolved.path / "config.json").is_file():
        raise ClassifierConfigError(
            f"classifier {name!r}, option model: no config.json in {options.model_name}"
        )
    return resolved


def hub_card(
    name: str,
    kind: str,
    options: HubOptions,
    resolved: ResolvedModel,
    *,
    categories: Iterable[str],
    description: str,
) -> ClassifierCard:
    """Return the card of an image classifier that runs this model: uncalibrated, in any language."""
    return ClassifierCard(
        name=name,
        kind=kind,
        revision=card_revision(options, resolved),
        modality=Modality.IMAGE,
        categories=frozenset(categories),
        languages=("*",),
        licence=options.licence,
        calibrated=False,
        description=description,
        weights_sha256=resolved.sha256.get("model.safetensors"),
    )


def image_processor(resolved: ResolvedModel) -> Any:
    """Load the image processor that lies beside the model; no code of the repository runs."""
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(
        str(resolved.path), local_files_only=True, trust_remote_code=False
    )


def card_revision(options: HubOptions, resolved: ResolvedModel) -> str:
    """A revision that changes with any file of the model and any option that can move a score."""
    digest = hashlib.sha256()
    for file, sha256 in sorted(resolved.sha256.items()):
        digest.update(f"{file} {sha256}\n".encode())
    digest.update(options.model_dump_json(exclude=_NO_SCORE).encode())
    return f"{options.model_name}@{digest.hexdigest()[:12]}"
