"""A shipped model folder as the start of a further training.

Duty: int8 graph to the network's weights. What training leaves as it was (embeddings, the lowest layers) is
MiniLM's own; of the rest each matrix is its integers times its scales, near enough to go on from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file

from training.prompt_safety.network import PromptSafetyNetwork

_IN_A_LAYER: Final = (
    *(f"attention.self.{name}.weight" for name in ("query", "key", "value")),
    *("attention.output.dense.weight", "intermediate.dense.weight", "output.dense.weight"),
)
"""The order in which a layer's products stand in the graph."""


def resume(network: PromptSafetyNetwork, start: Path, frozen: int) -> None:
    """Load a checkpoint (safetensors), or a model folder of `export` whose `frozen` was the same."""
    if start.is_dir():
        state = network.state_dict()
        state.update(_of_graph(start / "model.onnx", frozen))
        network.load_state_dict(state)
    else:
        network.load_state_dict(load_file(start))


def _of_graph(path: Path, frozen: int) -> dict[str, torch.Tensor]:
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load(str(path)).graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    kept = (name for name in stored if name.endswith((".weight", ".bias")))
    found = {name: torch.tensor(stored[name]) for name in kept}
    products = [node.input[1] for node in graph.node if node.op_type == "MatMulInteger"]
    for at, name in enumerate(products):
        depth, place = divmod(at, len(_IN_A_LAYER))
        if depth >= frozen:
            whole = stored[name].astype("float32") * stored[name.removesuffix("_int8") + "_scale"]
            found[f"encoder.encoder.layer.{depth}.{_IN_A_LAYER[place]}"] = torch.tensor(whole.T.copy())
    return found
