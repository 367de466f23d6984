"""The 8-bit engine on a tiny random model: it answers as PyTorch does, alone as in a batch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.tiny_chat import make_tiny_chat_model

from gateway.core.errors import ConfigurationError, RewriteFailed
from gateway.rewriting import llama_engine
from gateway.rewriting.chat_engine import ChatEngine, Engine, EngineSettings
from gateway.rewriting.llama_engine import LlamaEngine
from gateway.rewriting.llama_weights import GraphSource, as_graph, write_graph
from gateway.rewriting.lora import Adapter
from gateway.rewriting.source import RewriterWeights
from gateway.rewriting.strategy import FRAMES, ChatTask, FrameName

_SETTINGS = EngineSettings("float32", "cpu", 1, 1.1, 200)
_PROMPTS = ["a cat", "a very long prompt about an old car on a quiet street", "an apple on a table", "zq"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_chat_model(tmp_path_factory.mktemp("llama") / "model", heads=2)


@pytest.fixture(scope="module")
def engine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LlamaEngine:
    return _on_graph(_weights(folder), tmp_path_factory.mktemp("graph"))


def _weights(folder: Path, adapter: Path | None = None) -> RewriterWeights:
    return RewriterWeights(folder, "test", "0" * 64, adapter)


def _on_graph(weights: RewriterWeights, cache: Path, peaks: Path | None = None) -> LlamaEngine:
    engine = LlamaEngine(_SETTINGS)
    graph = as_graph(_source(weights, peaks), cache)
    engine.load(RewriterWeights(graph, "test", "0" * 64), FRAMES)
    return engine


def _source(weights: RewriterWeights, peaks: Path | None = None) -> GraphSource:
    return GraphSource(lambda: weights.folder, weights.sha256, weights.adapter, peaks)


def _in_torch(weights: RewriterWeights) -> ChatEngine:
    engine = ChatEngine(_SETTINGS)
    engine.load(weights, FRAMES)
    return engine


def _answers(engine: Engine, *, tokens: int = 10) -> list[str]:
    tasks = [engine.encode(ChatTask(FrameName.REMOVE, prompt, "", tokens)) for prompt in _PROMPTS]
    return engine.complete(tasks, gone=lambda _: False)


def _adapter(folder: Path, base: Path, *, rank: int = 2) -> Path:
    """A plain LoRA adapter in peft's format, large enough to change answers."""
    torch.manual_seed(1)
    weights = load_file(base / "model.safetensors")
    tensors = {}
    for name in weights:
        if name.endswith("_proj.weight"):
            stem = "base_model.model." + name.removesuffix(".weight")
            tensors[f"{stem}.lora_A.weight"] = torch.randn(rank, weights[name].shape[1]) * 0.3
            tensors[f"{stem}.lora_B.weight"] = torch.randn(weights[name].shape[0], rank) * 0.3
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": 4}))
    return folder


def _scores(engine: LlamaEngine) -> npt.NDArray[np.float32]:
    steps = llama_engine._Steps(engine._session, engine._empty_cache(1, 6))
    return steps.run([[5, 60, 70, 80, 90, 100]], [0])[0].copy()


def test_the_graph_answers_as_pytorch_does(engine: LlamaEngine, folder: Path) -> None:
    """Greedy answers of the 8-bit graph equal those of float32 PyTorch on the same weights."""
    assert _answers(engine) == _answers(_in_torch(_weights(folder)))


def test_a_batch_answers_as_each_row_alone(engine: LlamaEngine) -> None:
    """Rows of any length, which end at different steps, change no other row's answer."""
    tasks = [
        engine.encode(ChatTask(FrameName.REMOVE, prompt, "", 4 + 3 * index))
        for index, prompt in enumerate(_PROMPTS)
    ]
    together = engine.complete(tasks, gone=lambda _: False)
    assert together == [engine.complete([task], gone=lambda _: False)[0] for task in tasks]
    assert len(set(together)) == len(together)


def test_a_start_is_continued(engine: LlamaEngine, folder: Path) -> None:
    """An answer that already has a beginning goes on from there, as in PyTorch."""
    task = ChatTask(FrameName.DETAILS, "an old car", "an old car,", 8)
    reference = _in_torch(_weights(folder))
    answers = [each.complete([each.encode(task)], lambda _: False) for each in (engine, reference)]
    assert answers[0] == answers[1] != [""]


def test_a_task_does_without_words(engine: LlamaEngine, folder: Path) -> None:
    """A word of the answer is not said when the task does without it, in both engines; neighbours may."""
    plain = ChatTask(FrameName.REMOVE, "a cat", "", 10)
    reference = _in_torch(_weights(folder))
    free = engine.complete([engine.encode(plain)], lambda _: False)[0]
    word = max(re.findall(r"\w+", free.casefold()), key=len)
    bound = replace(plain, without=(word,))
    for each in (engine, reference):
        first, second = each.complete([each.encode(bound), each.encode(plain)], lambda _: False)
        assert word not in re.findall(r"\w+", first.casefold())
        assert second == free


def test_an_abandoned_row_leaves_the_batch(engine: LlamaEngine) -> None:
    """A row whose waiter went away is asked for no further step; the other is finished."""
    tasks = [engine.encode(ChatTask(FrameName.REMOVE, "a cat", "", 10))] * 2
    abandoned, kept = engine.complete(tasks, lambda row: row == 0)
    assert abandoned == ""
    assert kept == engine.complete(tasks[:1], lambda _: False)[0]


def test_an_adapter_counts_in_both_engines(engine: LlamaEngine, folder: Path, tmp_path: Path) -> None:
    """The merged graph answers as PyTorch with the same adapter, and not as without it."""
    weights = _weights(folder, _adapter(tmp_path / "adapter", folder))
    merged = _answers(_on_graph(weights, tmp_path / "cache"))
    assert merged == _answers(_in_torch(weights)) != _answers(engine)


def test_peaks_change_the_rounding_alone(engine: LlamaEngine, folder: Path, tmp_path: Path) -> None:
    """Moving part of the activations' peaks into the weights leaves the scores as they were, but rounding."""
    sizes = {"attention": 32, "mlp": 32, "down": 64}
    peaks = {
        f"layers.{layer}.{place}": torch.linspace(0.5, 8.0, size)
        for layer in range(2)
        for place, size in sizes.items()
    }
    save_file(peaks, tmp_path / "peaks.safetensors")
    smoothed = _on_graph(_weights(folder), tmp_path / "cache", tmp_path / "peaks.safetensors")
    plain, moved = (_scores(each) for each in (engine, smoothed))
    assert np.corrcoef(plain, moved)[0, 1] > 0.99
    assert not np.array_equal(plain, moved)


def test_the_graph_is_made_once_and_again_for_another_adapter(folder: Path, tmp_path: Path) -> None:
    """The same parts give the same folder, untouched; another adapter gives another one."""
    first = as_graph(_source(_weights(folder)), tmp_path / "cache")

    def not_again() -> Path:
        raise AssertionError("the graph stands already")

    assert as_graph(GraphSource(not_again, "0" * 64), tmp_path / "cache") == first
    other = _weights(folder, _adapter(tmp_path / "adapter", folder))
    assert as_graph(_source(other), tmp_path / "cache") != first


def test_a_damaged_graph_is_made_anew(folder: Path, tmp_path: Path) -> None:
    """A flipped byte in the cached graph is never loaded."""
    graph = as_graph(_source(_weights(folder)), tmp_path) / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    as_graph(_source(_weights(folder)), tmp_path)
    assert graph.read_bytes() == whole


def test_a_prompt_beyond_the_context_is_refused(tmp_path: Path) -> None:
    """What does not fit fails before the model runs."""
    small = make_tiny_chat_model(tmp_path / "small", heads=2, context=600)
    engine = _on_graph(_weights(small), tmp_path / "cache")
    with pytest.raises(RewriteFailed, match="too long"):
        engine.encode(ChatTask(FrameName.REMOVE, "zq " * 600, "", 8))


def test_scores_of_control_tokens_never_win(engine: LlamaEngine) -> None:
    """The constraint is part of every step: no control token, quote or bracket in a long answer."""
    answer = _answers(engine, tokens=60)[1]
    assert answer
    assert not set('"<>{}[]|') & set(answer)


@pytest.mark.parametrize(
    "change", [{"model_type": "mistral"}, {"attention_bias": True}, {"hidden_act": "gelu"}]
)
def test_another_architecture_is_refused(folder: Path, tmp_path: Path, change: Mapping[str, object]) -> None:
    """A graph is made of plain Llama-type models only; anything else is named."""
    config = json.loads((folder / "config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ConfigurationError, match="transformers-chat"):
        write_graph(_source(_weights(other)), tmp_path / "graph")


@pytest.mark.parametrize("damage", ["config", "weights", "extra"])
def test_a_broken_adapter_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    """A missing configuration, missing weights, or tensors that plain LoRA does not know."""
    adapter = _adapter(tmp_path / "adapter", folder)
    weights = adapter / "adapter_model.safetensors"
    if damage == "config":
        (adapter / "adapter_config.json").write_text("{}")
    elif damage == "weights":
        weights.write_bytes(b"nothing")
    else:
        save_file({**load_file(weights), "more": torch.zeros(1)}, weights)
    with pytest.raises(ConfigurationError, match="adapter"):
        Adapter.read(adapter)


def test_an_adapter_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    """An adapter that names weights which the model has not is not half applied."""
    adapter = _adapter(tmp_path / "adapter", folder)
    tensors = load_file(adapter / "adapter_model.safetensors")
    moved = {name.replace("layers.1", "layers.7"): tensor for name, tensor in tensors.items()}
    save_file(moved, adapter / "adapter_model.safetensors")
    with pytest.raises(ConfigurationError, match="another model"):
        _in_torch(_weights(folder, adapter))
    with pytest.raises(ConfigurationError, match="another model"):
        _on_graph(_weights(folder, adapter), tmp_path / "cache")


def test_nothing_is_answered_before_loading() -> None:
    """An engine without weights refuses."""
    with pytest.raises(RewriteFailed, match="not loaded"):
        LlamaEngine(_SETTINGS).encode(ChatTask(FrameName.REMOVE, "a cat", "", 8))
