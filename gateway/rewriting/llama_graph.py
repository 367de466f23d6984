"""A Llama-type language model as one ONNX graph with 8-bit weights.

Duty: tensors in, graph out. Weights are quantised per output channel, activations per token while it runs, so
what a row yields does not depend on which rows stand beside it in a batch. Keys and values are float32 and are
written in place (`GroupQueryAttention` of ONNX Runtime). It knows no tokenizer and no file.

Inputs: `ids` (B × S int64), `last` (B int32, positions so far − 1 after this step), `total` (scalar int32, longest
row), and per layer `past_key.N`, `past_value.N` (B × heads × room × size). Output: `logits` of each row's last
position (B × vocabulary) and the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_MS: Final = "com.microsoft"
_OPSET: Final = 21
_IR_VERSION: Final = 10


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes of a model, under Hugging Face's names in `config.json`."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int

    @property
    def head_size(self) -> int:
        """Numbers per attention head."""
        return self.hidden_size // self.num_attention_heads


def build_graph(shape: LlamaShape, tensor: Callable[[str], Array]) -> Any:
    """Return the model as an `onnx.ModelProto`.

    `tensor(name)` gives a float32 weight under its Hugging Face name; embeddings and head are tied.
    """
    return _Builder(shape, tensor).model()


class _Builder:
    def __init__(self, shape: LlamaShape, tensor: Callable[[str], Array]) -> None:
        self._shape = shape
        self._tensor = tensor
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def model(self) -> Any:
        from onnx import TensorProto, helper

        shape = self._shape
        self._constant("one", np.float32(1.0))
        self._constant("middle", np.uint8(128))
        self._constant("to_scale", np.float32(1 / 127))
        self._constant("tiny", np.float32(1e-9))
        self._constant("axis_last", np.array([-1], np.int64))
        self._constant("at_last", np.array(-1, np.int64))
        self._rotary()
        embedding = self._tensor("model.embed_tokens.weight")
        self._constant("embedding", embedding.astype(np.float16))
        rows = self._node("Gather", ["embedding", "ids"])
        state = self._node("Cast", [rows], to=TensorProto.FLOAT)
        skip = ""
        for layer in range(shape.num_hidden_layers):
            state, skip = self._layer(layer, state, skip)
        normed, _ = self._norm("model.norm.weight", state, skip)
        last = self._node("Gather", [normed, "at_last"], axis=1)
        self._linear([embedding], self._quantised(last), "logits")
        graph = helper.make_graph(
            self._nodes, "llama", self._inputs(), self._outputs(), initializer=self._weights
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MS, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _layer(self, layer: int, state: str, skip: str) -> tuple[str, str]:
        """One block; returns its output before the residual sum, and the residual."""
        prefix = f"model.layers.{layer}."
        shape = self._shape
        normed, skip = self._norm(prefix + "input_layernorm.weight", state, skip)
        names = [prefix + f"self_attn.{part}_proj.weight" for part in "qkv"]
        packed = self._linear([self._tensor(name) for name in names], self._quantised(normed))
        attended = self._named("attention")
        self._nodes.append(
            self._make(
                "GroupQueryAttention",
                [packed, "", "", f"past_key.{layer}", f"past_value.{layer}", "last", "total", "cos", "sin"],
                [attended, f"present_key.{layer}", f"present_value.{layer}"],
                domain=_MS,
                num_heads=shape.num_attention_heads,
                kv_num_heads=shape.num_key_value_heads,
                do_rotary=1,
            )
        )
        out = self._tensor(prefix + "self_attn.o_proj.weight")
        mixed = self._linear([out], self._quantised(attended))
        normed, skip = self._norm(prefix + "post_attention_layernorm.weight", mixed, skip)
        both = [self._tensor(prefix + f"mlp.{part}_proj.weight") for part in ("gate", "up")]
        wide = self._linear(both, self._quantised(normed))
        gate, up = self._named("gate"), self._named("up")
        self._nodes.append(self._make("Split", [wide], [gate, up], axis=-1, num_outputs=2))
        opened = self._node("Mul", [self._node("QuickGelu", [gate], domain=_MS, alpha=1.0), up])
        down = self._tensor(prefix + "mlp.down_proj.weight")
        return self._linear([down], self._quantised(opened)), skip

    def _norm(self, weight: str, state: str, skip: str) -> tuple[str, str]:
        """RMS norm of `state` (+ `skip`); returns the norm and the sum."""
        scale = self._constant(weight, self._tensor(weight))
        epsilon = self._shape.rms_norm_eps
        if not skip:
            normed = self._node(
                "SimplifiedLayerNormalization", [state, scale], axis=-1, epsilon=epsilon, stash_type=1
            )
            return normed, state
        normed, total = self._named("normed"), self._named("sum")
        self._nodes.append(
            self._make(
                "SkipSimplifiedLayerNormalization",
                [state, skip, scale],
                [normed, "", "", total],
                domain=_MS,
                epsilon=epsilon,
            )
        )
        return normed, total

    def _quantised(self, state: str) -> tuple[str, str]:
        """Each row in 8 bits around 128, and each row's scale."""
        largest = self._node("ReduceMax", [self._node("Abs", [state]), "axis_last"], keepdims=1)
        scale = self._node("Max", [self._node("Mul", [largest, "to_scale"]), "tiny"])
        small = self._node("Div", [state, scale])
        return self._node("QuantizeLinear", [small, "one", "middle"]), scale

    def _linear(self, weights: list[Array], rows: tuple[str, str], out: str = "") -> str:
        """Rows times the stacked weights (outputs × inputs each), in float32."""
        from onnx import TensorProto

        weight = np.concatenate(weights, axis=0).astype(np.float32)
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-9) / 127
        small = np.rint(weight / scale[:, None]).astype(np.int8)
        name = self._named("weight")
        self._constant(name, np.ascontiguousarray(small.T))
        self._constant(name + ".scale", scale.astype(np.float32))
        product = self._node("MatMulInteger", [rows[0], name, "middle"])
        scaled = self._node("Mul", [self._node("Cast", [product], to=TensorProto.FLOAT), name + ".scale"])
        result = out or self._named("linear")
        self._nodes.append(self._make("Mul", [scaled, rows[1]], [result]))
        return result

    def _rotary(self) -> None:
        shape = self._shape
        half = np.arange(0, shape.head_size, 2, dtype=np.float64) / shape.head_size
        angles = np.outer(np.arange(shape.max_position_embeddings), shape.rope_theta**-half)
        self._constant("cos", np.cos(angles).astype(np.float32))
        self._constant("sin", np.sin(angles).astype(np.float32))

    def _inputs(self) -> list[Any]:
        from onnx import TensorProto, helper

        shape = self._shape
        cache = ["rows", shape.num_key_value_heads, "room", shape.head_size]
        return [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows", "length"]),
            helper.make_tensor_value_info("last", TensorProto.INT32, ["rows"]),
            helper.make_tensor_value_info("total", TensorProto.INT32, []),
            *(
                helper.make_tensor_value_info(f"past_{kind}.{layer}", TensorProto.FLOAT, cache)
                for layer in range(shape.num_hidden_layers)
                for kind in ("key", "value")
            ),
        ]

    def _outputs(self) -> list[Any]:
        from onnx import TensorProto, helper

        shape = self._shape
        cache = ["rows", shape.num_key_value_heads, "room", shape.head_size]
        return [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", shape.vocab_size]),
            *(
                helper.make_tensor_value_info(f"present_{kind}.{layer}", TensorProto.FLOAT, cache)
                for layer in range(shape.num_hidden_layers)
                for kind in ("key", "value")
            ),
        ]

    def _node(self, kind: str, inputs: list[str], *, domain: str = "", **attributes: Any) -> str:
        out = self._named(kind.lower())
        self._nodes.append(self._make(kind, inputs, [out], domain=domain, **attributes))
        return out

    def _make(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        from onnx import helper

        return helper.make_node(kind, inputs, outputs, **attributes)

    def _constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _named(self, kind: str) -> str:
        return f"{kind}_{len(self._nodes)}_{len(self._weights)}"
