"""A Llama-type language model as one ONNX graph with 8-bit weights.

Duty: tensors in, graph out. Weights are quantised per output channel, activations per token while it runs,
so what a row yields does not depend on which rows stand beside it in a batch. Where peaks of the activations
are known, half of each peak is moved into the weights beforehand (Xiao et al. 2023, "SmoothQuant", alpha
0.5). Keys and values are float32 and are written in place (`GroupQueryAttention` of ONNX Runtime). It knows
no tokenizer and no file.

Inputs: `ids` (B × S int64), `last` (B int32: each row's last position), `total` (scalar int32: positions of
the longest row), and per layer `past_key.N`, `past_value.N` (B × heads × room × size). Outputs: `logits` of
each row's last position (B × vocabulary), and the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    tie_word_embeddings: bool

    @property
    def head_size(self) -> int:
        """Numbers per attention head."""
        return self.hidden_size // self.num_attention_heads


def build_graph(shape: LlamaShape, tensor: Callable[[str], Array], peaks: Mapping[str, Array]) -> Any:
    """Return the model as an `onnx.ModelProto`.

    `tensor(name)` gives a float32 weight under its Hugging Face name. `peaks` holds the largest absolute
    value of each channel that goes into `layers.N.attention`, `layers.N.mlp` and `layers.N.down`; it may be
    empty.
    """
    return _Builder(shape, tensor, peaks).model()


class _Builder:
    def __init__(self, shape: LlamaShape, tensor: Callable[[str], Array], peaks: Mapping[str, Array]) -> None:
        self._shape = shape
        self._tensor = tensor
        self._peaks = peaks
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
        normed, _ = self._norm(self._tensor("model.norm.weight"), state, skip)
        last = self._node("Gather", [normed, "at_last"], axis=1)
        head = embedding if shape.tie_word_embeddings else self._tensor("lm_head.weight")
        self._linear(head, self._quantised(last), "logits")
        graph = helper.make_graph(
            self._nodes, "llama", self._inputs(), self._outputs(), initializer=self._weights
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MS, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _layer(self, layer: int, state: str, skip: str) -> tuple[str, str]:
        """One block; returns its output before the residual sum, and the residual."""
        prefix, peak = f"model.layers.{layer}.", f"layers.{layer}."
        shape = self._shape
        weight = self._stacked(*(prefix + f"self_attn.{part}_proj.weight" for part in "qkv"))
        moved = self._moved(peak + "attention", weight)
        normed, skip = self._norm(self._tensor(prefix + "input_layernorm.weight") / moved, state, skip)
        packed = self._linear(weight * moved, self._quantised(normed))
        attended = self._named("attention")
        self._add(
            "GroupQueryAttention",
            [packed, "", "", f"past_key.{layer}", f"past_value.{layer}", "last", "total", "cos", "sin"],
            [attended, f"present_key.{layer}", f"present_value.{layer}"],
            domain=_MS,
            num_heads=shape.num_attention_heads,
            kv_num_heads=shape.num_key_value_heads,
            do_rotary=1,
        )
        mixed = self._linear(self._tensor(prefix + "self_attn.o_proj.weight"), self._quantised(attended))
        gate, up, down = (self._tensor(prefix + f"mlp.{part}_proj.weight") for part in ("gate", "up", "down"))
        inner = self._moved(peak + "down", down)
        weight = np.concatenate([gate, up / inner[:, None]])
        moved = self._moved(peak + "mlp", weight)
        normed, skip = self._norm(
            self._tensor(prefix + "post_attention_layernorm.weight") / moved, mixed, skip
        )
        wide = self._linear(weight * moved, self._quantised(normed))
        opened, plain = self._named("gate"), self._named("up")
        self._add("Split", [wide], [opened, plain], axis=-1, num_outputs=2)
        product = self._node("Mul", [self._node("QuickGelu", [opened], domain=_MS, alpha=1.0), plain])
        return self._linear(down * inner, self._quantised(product)), skip

    def _stacked(self, *names: str) -> Array:
        return np.concatenate([self._tensor(name) for name in names])

    def _moved(self, peak: str, weight: Array) -> Array:
        """By what each input channel is divided, and its column of `weight` multiplied."""
        if peak not in self._peaks:
            return np.ones(weight.shape[1], np.float32)
        largest = np.maximum(np.asarray(self._peaks[peak], np.float32), 1e-5)
        moved: Array = np.sqrt(largest / np.maximum(np.abs(weight).max(axis=0), 1e-5)).clip(1e-4)
        return moved

    def _norm(self, weight: Array, state: str, skip: str) -> tuple[str, str]:
        """RMS norm of `state` (+ `skip`); returns the norm and the sum."""
        scale = self._constant(self._named("norm"), weight.astype(np.float32))
        epsilon = self._shape.rms_norm_eps
        if not skip:
            normed = self._node(
                "SimplifiedLayerNormalization", [state, scale], axis=-1, epsilon=epsilon, stash_type=1
            )
            return normed, state
        normed, total = self._named("normed"), self._named("sum")
        self._add(
            "SkipSimplifiedLayerNormalization",
            [state, skip, scale],
            [normed, "", "", total],
            domain=_MS,
            epsilon=epsilon,
        )
        return normed, total

    def _quantised(self, state: str) -> tuple[str, str]:
        """Each row in 8 bits around 128, and each row's scale."""
        largest = self._node("ReduceMax", [self._node("Abs", [state]), "axis_last"], keepdims=1)
        scale = self._node("Max", [self._node("Mul", [largest, "to_scale"]), "tiny"])
        small = self._node("Div", [state, scale])
        return self._node("QuantizeLinear", [small, "one", "middle"]), scale

    def _linear(self, weight: Array, rows: tuple[str, str], out: str = "") -> str:
        """Rows times `weight` (outputs × inputs), in float32."""
        from onnx import TensorProto

        scale = np.maximum(np.abs(weight).max(axis=1), 1e-9) / 127
        small = np.rint(weight / scale[:, None]).astype(np.int8)
        name = self._constant(self._named("weight"), np.ascontiguousarray(small.T))
        scales = self._constant(name + ".scale", scale.astype(np.float32))
        product = self._node("MatMulInteger", [rows[0], name, "middle"])
        scaled = self._node("Mul", [self._node("Cast", [product], to=TensorProto.FLOAT), scales])
        result = out or self._named("linear")
        self._add("Mul", [scaled, rows[1]], [result])
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

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        out = self._named(kind.lower())
        self._add(kind, inputs, [out], **attributes)
        return out

    def _add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, outputs, **attributes))

    def _constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _named(self, kind: str) -> str:
        return f"{kind}_{len(self._nodes)}_{len(self._weights)}"
