"""The network's weights read back from a shipped graph, so that a training can go on from it.

Duty: integers and scales to the module's parameters. Embeddings and the layers that no round trains come from
the backbone, exactly; of the rest, matrices keep the seven bits that the graph gave them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import torch

from training.prompt_safety.network import PromptSafetyNetwork

_PRODUCT: Final = re.compile(r"/encoder/encoder/(layer\.\d+)/(.+)/MatMul_output_0_sum")


def shipped(graph: Path, backbone: Path, frozen: int) -> PromptSafetyNetwork:
    """The network with the weights of `graph`, an int8 file of `export`, above the lowest `frozen` layers.

    Raises:
        ValueError: the graph does not hold a parameter of the network.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(graph))
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    matrices = {}
    for node in model.graph.node:
        found = _PRODUCT.fullmatch(node.output[0])
        if node.op_type == "MatMulInteger" and found is not None:
            whole = stored[node.input[1]].astype(np.float32)
            whole = whole * stored[node.input[1].removesuffix("_int8") + "_scale"]
            matrices[f"encoder.encoder.{found[1]}.{found[2].replace('/', '.')}.weight"] = whole.T
    network = PromptSafetyNetwork.fresh(backbone)
    state = network.state_dict()
    kept = ("encoder.embeddings.", *(f"encoder.encoder.layer.{at}." for at in range(frozen)))
    for name in state:
        if name.startswith(kept):
            continue
        value = matrices.get(name, stored.get(name))
        if value is None or tuple(value.shape) != tuple(state[name].shape):
            raise ValueError(f"{graph.name} holds no {name} of this network's shape")
        state[name] = torch.from_numpy(np.array(value, np.float32))
    network.load_state_dict(state)
    return network
