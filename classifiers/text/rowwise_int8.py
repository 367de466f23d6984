"""An ONNX graph's matrix products in int8, with one activation scale per row.

Duty: rewrite a float32 graph. The usual dynamic quantising takes one scale for a whole batch, so a text's
embedding would hang on its neighbours in the batch and on padding. With a scale per token (row) and per
output channel (column) the same text has the same embedding in any batch, and the error is smaller.

Weights take 7 bits: on processors without VNNI, 8-bit products can overflow their 16-bit sums.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

WEIGHT_MAX: Final = 63
_ACTIVATION_MAX: Final = 127


def quantise(source: Path, target: Path, *, tables: bool = False) -> None:
    """Write `source` to `target` with every MatMul by constant weights done in integers.

    With `tables`, what a Gather looks up in (embeddings) is kept in int8 too, with one scale per row: a
    quarter of the size, and no slower.
    """
    import onnx

    model = onnx.load(str(source))
    rewriting = _Rewriting(model.graph, tables=tables)
    rewriting.run()
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def in_floats(source: Path) -> bytes:
    """The graph of `source`, written by `quantise`, with its products in float32 again, as a file's bytes.

    For runtimes that are slow at integer products. Weights keep the values that int8 gave them.
    """
    import onnx

    model = onnx.load(str(source))
    graph = model.graph
    stored = {constant.name: constant for constant in graph.initializer}
    nodes, restored = [], set()
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            output = node.output[0].removesuffix("_sum")
            nodes.append(_float_product(graph, stored, node, output))
            restored.add(output)
        elif node.output[0] not in restored:
            nodes.append(node)
    _keep_what_counts(graph, nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _float_product(graph: Any, stored: dict[str, Any], integer: Any, output: str) -> Any:
    from onnx import helper, numpy_helper

    weights = integer.input[1].removesuffix("_int8")
    if weights not in stored:
        whole = numpy_helper.to_array(stored[f"{weights}_int8"]).astype(np.float32)
        whole = whole * numpy_helper.to_array(stored[f"{weights}_scale"])
        stored[weights] = numpy_helper.from_array(whole, weights)
        graph.initializer.append(stored[weights])
    return helper.make_node("MatMul", [integer.input[0].removesuffix("_uint8"), weights], [output])


def _keep_what_counts(graph: Any, nodes: list[Any]) -> None:
    """Leave only nodes and constants that an output hangs on."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)


class _Rewriting:
    """One pass over a graph's nodes; an input shared by several products is quantised once."""

    def __init__(self, graph: Any, *, tables: bool) -> None:
        self._graph = graph
        self._tables = tables
        self._weights = {constant.name: constant for constant in graph.initializer}
        self._nodes: list[Any] = []
        self._quantised: dict[str, str] = {}
        self._replaced: set[str] = set()

    def run(self) -> None:
        self._constant("rowwise_zero_point", np.uint8(_ACTIVATION_MAX + 1))
        self._constant("rowwise_centre", np.float32(_ACTIVATION_MAX + 1))
        self._constant("rowwise_step", np.float32(1 / _ACTIVATION_MAX))
        self._constant("rowwise_least", np.float32(1e-8))
        self._constant("rowwise_axis", np.array([-1], np.int64))
        for node in self._graph.node:
            if node.op_type == "MatMul" and node.input[1] in self._weights:
                self._product(node.input[0], node.input[1], node.output[0])
            elif self._tables and self._is_lookup(node):
                self._lookup(node.input[0], node.input[1], node.output[0])
            else:
                self._nodes.append(node)
        for name in self._replaced:
            self._graph.initializer.remove(self._weights[name])
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)

    def _product(self, rows: str, weights: str, output: str) -> None:
        from onnx import TensorProto

        self._quantise_weights(weights)
        quantised = self._quantise_rows(rows)
        self._node("MatMulInteger", [quantised, f"{weights}_int8", "rowwise_zero_point"], f"{output}_sum")
        self._node("Cast", [f"{output}_sum"], f"{output}_float", to=TensorProto.FLOAT)
        self._node("Mul", [f"{output}_float", f"{rows}_scale"], f"{output}_rows")
        self._node("Mul", [f"{output}_rows", f"{weights}_scale"], output)

    def _is_lookup(self, node: Any) -> bool:
        if node.op_type != "Gather" or node.input[0] not in self._weights:
            return False
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        return axis == 0 and len(self._weights[node.input[0]].dims) == 2

    def _lookup(self, table: str, places: str, output: str) -> None:
        from onnx import TensorProto, numpy_helper

        if table not in self._replaced:
            rows = numpy_helper.to_array(self._weights[table]).astype(np.float32)
            scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True) / _ACTIVATION_MAX, 1e-12)
            self._constant(f"{table}_int8", np.round(rows / scale).astype(np.int8))
            self._constant(f"{table}_scale", scale.astype(np.float32))
            self._replaced.add(table)
        self._node("Gather", [f"{table}_int8", places], f"{output}_int8", axis=0)
        self._node("Gather", [f"{table}_scale", places], f"{output}_scale", axis=0)
        self._node("Cast", [f"{output}_int8"], f"{output}_float", to=TensorProto.FLOAT)
        self._node("Mul", [f"{output}_float", f"{output}_scale"], output)

    def _quantise_weights(self, name: str) -> None:
        from onnx import numpy_helper

        if name in self._replaced:
            return
        weights = numpy_helper.to_array(self._weights[name]).astype(np.float32)
        scale = np.maximum(np.abs(weights).max(axis=0) / WEIGHT_MAX, 1e-12).astype(np.float32)
        self._constant(f"{name}_int8", np.round(weights / scale).astype(np.int8))
        self._constant(f"{name}_scale", scale)
        self._replaced.add(name)

    def _quantise_rows(self, name: str) -> str:
        from onnx import TensorProto

        if name not in self._quantised:
            self._node("Abs", [name], f"{name}_abs")
            self._node("ReduceMax", [f"{name}_abs", "rowwise_axis"], f"{name}_top", keepdims=1)
            self._node("Max", [f"{name}_top", "rowwise_least"], f"{name}_range")
            self._node("Mul", [f"{name}_range", "rowwise_step"], f"{name}_scale")
            self._node("Div", [name, f"{name}_scale"], f"{name}_steps")
            self._node("Add", [f"{name}_steps", "rowwise_centre"], f"{name}_shifted")
            self._node("Round", [f"{name}_shifted"], f"{name}_whole")
            self._node("Cast", [f"{name}_whole"], f"{name}_uint8", to=TensorProto.UINT8)
            self._quantised[name] = f"{name}_uint8"
        return self._quantised[name]

    def _constant(self, name: str, value: Any) -> None:
        from onnx import numpy_helper

        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
