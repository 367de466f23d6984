"""Where a chat rewriter's weights come from: a folder, a pinned hub revision, or a converted copy.

Duty: a folder with its identity. It loads nothing into memory and knows no prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from classifiers.protocol import ClassifierConfigError
from classifiers.weights import WEIGHT_SUFFIXES, resolve
from gateway.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class RewriterWeights:
    """A folder in Hugging Face format, the revision it is, and the sha256 of its weights (hex).

    `adapter` is a folder with a LoRA adapter (peft's format) that belongs on top, or None.
    """

    folder: Path
    revision: str
    sha256: str
    adapter: Path | None = None


def from_hub_or_folder(
    model: str, revision: str | None, *, offline: bool, sha256: Mapping[str, str] | None = None
) -> RewriterWeights:
    """Return the weights of a folder or of a hub id at a pinned revision.

    `sha256` names files that must have exactly that digest. The answer's `sha256` is the weight file's, or,
    for a model in several files, the hash over their names and digests.

    Raises:
        ConfigurationError: no such folder or model, no pinned revision, no safetensors, or another file.
    """
    try:
        resolved = resolve(model, revision, offline=offline, sha256=sha256)
    except ClassifierConfigError as error:
        raise ConfigurationError(f"rewriter: {error}") from error
    digests = {name: digest for name, digest in resolved.sha256.items() if name.endswith(WEIGHT_SUFFIXES)}
    joined = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    whole = hashlib.sha256(joined.encode()).hexdigest()
    return RewriterWeights(
        resolved.path, resolved.revision, next(iter(digests.values())) if len(digests) == 1 else whole
    )
