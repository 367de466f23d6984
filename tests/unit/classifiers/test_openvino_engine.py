"""The other runtime: the int8 graph with its products in floats, and what it says when it is not there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from classifiers.protocol import ClassifierConfigError
from classifiers.text import openvino_engine
from classifiers.text.prompt_safety import FOLDER, PromptSafetyClassifier
from classifiers.text.rowwise_int8 import in_floats, quantise
from classifiers.text.windows import OnnxEngine

PROMPTS = ("a red apple on a table", "a masked man murdering a woman with a knife", "two dogs " * 60)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Two products of one input, an int8 graph as `quantise` writes it."""
    random = np.random.default_rng(3)
    names = ("first", "second")
    weights = [numpy_helper.from_array(random.normal(size=(8, 5)).astype(np.float32), name) for name in names]
    nodes = [helper.make_node("MatMul", ["x", name], [f"{name}_out"]) for name in names]
    nodes.append(helper.make_node("Add", ["first_out", "second_out"], ["y"]))
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
        for name, width in (("x", 8), ("y", 5))
    )
    made = helper.make_model(
        helper.make_graph(nodes, "two", [x], [y], weights), opset_imports=[helper.make_opsetid("", 18)]
    )
    made.ir_version = 9
    onnx.save(made, str(tmp_path / "plain.onnx"))
    quantise(tmp_path / "plain.onnx", tmp_path / "int8.onnx")
    return tmp_path


def run(graph: str | bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def test_an_int8_graph_in_floats_is_the_plain_graph_again(graph: Path) -> None:
    """Within what seven bits leave of a weight, and without an integer left in it."""
    x = np.random.default_rng(4).normal(size=(6, 8)).astype(np.float32)
    restored = in_floats(graph / "int8.onnx")
    assert np.abs(run(str(graph / "plain.onnx"), x) - run(restored, x)).max() < 0.2
    assert {node.op_type for node in onnx.load_from_string(restored).graph.node} == {"MatMul", "Add"}


@pytest.mark.models
def test_the_shipped_graph_in_floats_says_what_int8_says(tmp_path: Path) -> None:
    """Logits of both lie near each other on any prompt."""
    (tmp_path / "floats.onnx").write_bytes(in_floats(FOLDER / "model.onnx"))
    ids = np.random.default_rng(5).integers(1000, 20_000, (4, 24))
    engines = [OnnxEngine(FOLDER / "model.onnx"), OnnxEngine(tmp_path / "floats.onnx")]
    logits = [engine(ids, np.ones_like(ids)) for engine in engines]
    assert np.abs(logits[0] - logits[1]).max() < 0.6


def test_a_runtime_that_is_not_installed_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, not at the first prompt."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ClassifierConfigError, match=r"pip install 'imagegate\[openvino\]'"):
        PromptSafetyClassifier.from_options("judge", {"runtime": "openvino"})


@pytest.mark.parametrize(("flags", "found"), [("flags: avx512_bf16", False), ("flags: amx_bf16", True)])
def test_amx_is_read_from_the_processors_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, found: bool
) -> None:
    """Where nobody tells, there is none."""
    (tmp_path / "cpuinfo").write_text(flags + "\n")
    monkeypatch.setattr(openvino_engine, "_FLAGS", tmp_path / "cpuinfo")
    assert openvino_engine.has_amx() is found
    monkeypatch.setattr(openvino_engine, "_FLAGS", tmp_path / "nothing")
    assert not openvino_engine.has_amx()


@pytest.mark.models
@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="the extra openvino is not installed"
)
def test_openvino_gives_onnx_runtimes_scores() -> None:
    """Every head of every prompt within .06, int8 against floats, whatever precision the processor allows."""
    judges = [
        PromptSafetyClassifier.from_options("judge", {"runtime": runtime})
        for runtime in ("onnxruntime", "openvino")
    ]
    assert judges[1].card.revision == f"{judges[0].card.revision}-openvino"
    for plain, other in zip(*(judge.heads(PROMPTS) for judge in judges), strict=True):
        assert plain == pytest.approx(other, abs=0.06)
