from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from classifiers.onnx_mapping import LEAST_BYTES, without_weights
from classifiers.onnx_session import open_session

ROWS = 300
TABLE = np.random.default_rng(0).integers(-128, 127, (ROWS, 64), np.int8)


def graph(tmp_path: Path, *, table: np.ndarray = TABLE) -> Path:
    """A graph that looks rows of a large table up and adds a small offset."""
    nodes = [
        helper.make_node("Gather", ["table", "places"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["floats", "offset"], ["answer"]),
    ]
    weights = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.full(64, 0.5, np.float32), "offset"),
    ]
    made = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info("places", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 64])],
        initializer=weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("mapped", [False, True])
def test_a_mapped_graph_answers_as_one_that_is_read(tmp_path: Path, mapped: bool) -> None:
    """Where the weights are read from changes no answer."""
    session = open_session(graph(tmp_path), mapped=mapped)
    (answer,) = session.run(None, {"places": np.array([0, ROWS - 1], np.int64)})
    assert np.array_equal(answer, TABLE[[0, ROWS - 1]] + np.float32(0.5))


def test_large_weights_point_into_the_file_and_all_else_stays(tmp_path: Path) -> None:
    """The outline names the place of each large weight in the file; the rest is as it was."""
    path = graph(tmp_path)
    content = path.read_bytes()
    outline = without_weights(memoryview(content), path.name)
    assert outline is not None
    assert len(outline) < len(content) - TABLE.nbytes + 200
    told = onnx.load_from_string(outline).graph
    plain = onnx.load_from_string(content).graph
    assert list(told.node) == list(plain.node)
    table, offset = told.initializer
    assert offset == plain.initializer[1]
    place = {entry.key: entry.value for entry in table.external_data}
    assert table.data_location == TensorProto.EXTERNAL
    assert place["location"] == "model.onnx"
    start, size = int(place["offset"]), int(place["length"])
    assert content[start : start + size] == TABLE.tobytes()


def test_a_graph_of_small_weights_is_left_alone(tmp_path: Path) -> None:
    """Nothing is rewritten where nothing is gained."""
    small = np.zeros((2, 64), np.int8)
    assert small.nbytes < LEAST_BYTES
    content = graph(tmp_path, table=small).read_bytes()
    assert without_weights(memoryview(content), "model.onnx") is None


def test_weights_that_lie_askew_in_the_file_stay_in_the_graph(tmp_path: Path) -> None:
    """A runtime reads a mapped weight in place, so its bytes must begin where its type may."""
    doubles = np.zeros((ROWS, 64))
    content = bytearray(graph(tmp_path, table=doubles).read_bytes())
    at = bytes(content).index(doubles.tobytes())
    outlined = without_weights(memoryview(content), "model.onnx")
    assert (outlined is None) == (at % 8 != 0)


@given(st.binary(max_size=300))
def test_what_is_no_model_is_left_to_the_runtime(content: bytes) -> None:
    """Bytes of any kind are looked at without an error, and the runtime then says what is wrong with them."""
    assert without_weights(memoryview(content), "model.onnx") is None


def test_a_model_cut_short_is_left_to_the_runtime(tmp_path: Path) -> None:
    """A file that ends inside a weight is refused by the runtime, as without mapping."""
    path = graph(tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(Exception, match=r"[Pp]rotobuf|parse"):  # the library's own type, a child of Exception
        open_session(path, mapped=True)
