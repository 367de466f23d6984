"""A Llama-type model's folder, with or without an adapter, made once into a folder with one ONNX graph.

Duty: files. The folder holds the tokenizer, the configuration and `model.onnx` (8-bit weights), and is named
by everything that it is made of, so another adapter never meets an old graph.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from classifiers.weights import file_sha256
from gateway.core.errors import ConfigurationError
from gateway.rewriting.cached_folder import cached_folder
from gateway.rewriting.llama_graph import LlamaShape, build_graph
from gateway.rewriting.lora import CONFIG, WEIGHTS, Adapter

GRAPH: Final = "model.onnx"
PEAKS: Final = "peaks.safetensors"
_FORMAT: Final = 1
_SUFFIXES: Final = (".json", ".txt", ".jinja", ".model")
_FIELDS: Final = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "vocab_size", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GraphSource:
    """What a graph is made of. `base` gives the model's folder and is asked only when the graph must be made.

    `base_sha256` is the digest of the base's weights; `adapter` a folder, `peaks` a file (see `llama_graph`).
    """

    base: Callable[[], Path]
    base_sha256: str
    adapter: Path | None = None
    peaks: Path | None = None


def as_graph(source: GraphSource, cache_folder: Path) -> Path:
    """Return a folder with the graph below `cache_folder`, made now if it is missing or damaged.

    Raises:
        ConfigurationError: no Llama-type model, a broken adapter, or a cache that can't be written.
    """
    parts = [source.base_sha256, str(_FORMAT)]
    if source.adapter is not None:
        parts += [_digest(source.adapter / name) for name in (CONFIG, WEIGHTS)]
    if source.peaks is not None:
        parts.append(_digest(source.peaks))
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    name = f"rewriter-int8-{key[:16]}"
    return cached_folder(cache_folder, name, key, lambda target: write_graph(source, target))


def write_graph(source: GraphSource, target: Path) -> None:
    """Write the graph, the configuration and the tokenizer into the folder `target`.

    Raises:
        ConfigurationError: no Llama-type model with one file of safetensors.
    """
    import onnx
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file

    folder = source.base()
    shape = llama_shape(folder)
    adapter = Adapter.read(source.adapter) if source.adapter is not None else None
    try:
        with safe_open(folder / "model.safetensors", "pt") as file:

            def tensor(name: str) -> Any:
                weight = file.get_tensor(name).float()
                return (adapter.added(name, weight) if adapter else weight).numpy()

            if adapter is not None and not adapter.pairs.keys() <= set(file.keys()):
                raise ConfigurationError("rewriter: the adapter belongs to another model")
            model = build_graph(shape, tensor, load_file(source.peaks) if source.peaks else {})
    except (OSError, SafetensorError) as error:
        raise ConfigurationError(
            f"rewriter: {folder} has no complete model.safetensors ({type(error).__name__})"
        ) from error
    target.mkdir()
    onnx.save(model, target / GRAPH)
    for path in sorted(folder.iterdir()):
        if path.suffix in _SUFFIXES and path.name != "sums.json":
            shutil.copy(path, target / path.name)


def llama_shape(folder: Path) -> LlamaShape:
    """Read the sizes from a folder's `config.json`.

    Raises:
        ConfigurationError: it is missing, or of another architecture than the graph knows.
    """
    config = model_config(folder)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    known = config.get("model_type") == "llama" and rope.get("rope_type", "default") == "default"
    if (
        not known
        or config.get("attention_bias")
        or config.get("mlp_bias")
        or config.get("hidden_act") != "silu"
    ):
        raise ConfigurationError(f"rewriter: {folder} is no plain Llama-type model; use transformers-chat")
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    return LlamaShape(rope_theta=float(theta), **{name: config[name] for name in _FIELDS})


def model_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a folder.

    Raises:
        ConfigurationError: it is missing or no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"rewriter: {folder} has no readable config.json") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"rewriter: config.json in {folder} is not a JSON object")
    return config


def _digest(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ConfigurationError(
            f"rewriter: {path} can't be read ({error.strerror}); check out models/rewriter whole"
        ) from error
