"""The embedded network as an ONNX Runtime session: which graph fits the processor, and its answers.

Duty: files beside the network's weights to a session, or none where torch must draw. Both graphs read their
weights from the safetensors file of the network; `training/emoji_diffusion` writes them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from classifiers.onnx_session import open_session

WEIGHTS_FILE: Final = "diffusion_pytorch_model.safetensors"
FLOAT_GRAPH: Final = "graph.onnx"
"""The network in float32."""
INT8_GRAPH: Final = "graph-int8.onnx"
"""The same with int8 products, for processors that have VNNI; elsewhere they would be slow and overflow."""
NEAR: Final = {FLOAT_GRAPH: 1e-4, INT8_GRAPH: 0.2}
"""How far a graph's answer to a probe may be from torch's: root mean square, as a part of the answer's.

The probe is noise, unlike all that is drawn; there int8 is within .02 (`training/emoji_diffusion`)."""
_log = logging.getLogger(__name__)


def open_graph(unet: UNet2DConditionModel, *, int8: bool = True) -> Any:
    """Return an ONNX Runtime session that draws as `unet` does, or None where torch must draw.

    The int8 graph where the processor suits it, `int8` is true and its file is there, else the float32 one.
    None unless onnxruntime and a graph are there, and `unet` is float32 on a CPU and still has the very
    weights that lie beside the graph (an adapter, or weights changed after loading, end that).
    """
    folder = Path(unet.config.get("_name_or_path") or "")
    fits = unet.device.type == "cpu" and unet.dtype == torch.float32
    if not fits or find_spec("onnxruntime") is None:
        return None
    paths = [path for path in _candidates(folder, int8) if path.is_file()]
    if not paths or not _has_weights_of(unet, folder / WEIGHTS_FILE):
        return None
    for path in paths:
        session = open_session(path, threads=torch.get_num_threads())
        if _is_near(session, unet, NEAR[path.name]):
            return session
        _log.warning("%s does not match the network's weights; something slower draws instead", path)
    return None


def run_graph(session: Any, noisy: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """Return the network's x0 by ONNX Runtime; `time` has one entry per row of `noisy`."""
    inputs = {"latents": noisy.numpy(), "time": time.numpy(), "text": text.numpy()}
    return torch.from_numpy(session.run(None, inputs)[0])


def _candidates(folder: Path, int8: bool) -> Iterator[Path]:
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", None)  # there is no public question
    if int8 and has_vnni is not None and has_vnni():
        yield folder / INT8_GRAPH
    yield folder / FLOAT_GRAPH


def _has_weights_of(unet: UNet2DConditionModel, file: Path) -> bool:
    if not file.is_file():
        return False
    stored, held = load_file(file), unet.state_dict()
    return stored.keys() == held.keys() and all(
        torch.equal(value.float(), held[name]) for name, value in stored.items()
    )


def _is_near(session: Any, unet: UNet2DConditionModel, near: float) -> bool:
    """Whether the session answers a probe, half picture and half noise, as torch does."""
    source, config = torch.Generator().manual_seed(0), unet.config
    noisy = torch.randn(1, config.in_channels, config.sample_size, config.sample_size, generator=source)
    text = torch.randn(1, 21, config.cross_attention_dim, generator=source)
    time = torch.tensor([500.0])
    expected = unet(noisy, time, text, class_labels=text[:, -1], return_dict=False)[0]
    error = (run_graph(session, noisy, time, text) - expected).square().mean().sqrt()
    return bool(error <= near * expected.square().mean().sqrt())
