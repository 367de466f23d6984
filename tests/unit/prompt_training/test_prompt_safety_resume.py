"""A shipped model folder is a start for further training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from classifiers.text.prompt_safety import FOLDER
from classifiers.text.windows import OnnxEngine
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.resume import resume


@pytest.mark.models
def test_a_model_folder_comes_back_as_the_network_that_it_was() -> None:
    """Its logits lie near the int8 graph's; the frozen part is MiniLM's own."""
    network, fresh = PromptSafetyNetwork.fresh(), PromptSafetyNetwork.fresh().state_dict()
    resume(network, FOLDER, 2)
    ids = np.random.default_rng(5).integers(1000, 20_000, (4, 24))
    shipped = OnnxEngine(FOLDER / "model.onnx")(ids, np.ones_like(ids))
    with torch.inference_mode():
        found = network.eval()(torch.tensor(ids), torch.ones(4, 24, dtype=torch.long)).numpy()
    assert np.abs(found - shipped).max() < 0.6
    for depth, same in ((1, True), (2, False)):
        name = f"encoder.encoder.layer.{depth}.output.dense.weight"
        assert torch.equal(network.state_dict()[name], fresh[name]) is same
