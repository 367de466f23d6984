"""OpenVINO as another runtime for our int8 graphs: their products in bf16 where the processor has AMX.

Duty: an engine as `windows.OnnxEngine` is one. OpenVINO runs the graph's integer products slowly, so it is
given the graph with its weights in float32 again, made in memory. Needs the extra `imagegate[openvino]`.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any, Final

from classifiers.protocol import ClassifierConfigError
from classifiers.text.rowwise_int8 import in_floats
from classifiers.text.windows import Ids, Vectors

_FLAGS: Final = Path("/proc/cpuinfo")


class OpenVinoEngine:
    """A graph of `input_ids` and `attention_mask` on one thread, in bf16 with AMX and in float32 without."""

    def __init__(self, path: Path) -> None:
        require_openvino()
        import openvino

        core = openvino.Core()
        self.precision: Final = "bf16" if has_amx() else "f32"
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
        }
        self._compiled: Any = core.compile_model(core.read_model(in_floats(path)), "CPU", settings)
        self._own = threading.local()

    def __call__(self, ids: Ids, mask: Ids) -> Vectors:
        """The graph's first output."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        outputs: Vectors = request.infer({"input_ids": ids, "attention_mask": mask})[0].copy()
        return outputs


def require_openvino() -> None:
    """Raises ClassifierConfigError, with the fix, where the package is not installed."""
    if importlib.util.find_spec("openvino") is None:
        raise ClassifierConfigError(
            "the runtime openvino is not installed: pip install 'imagegate[openvino]', or take the option out"
        )


def has_amx() -> bool:
    """Whether the processor multiplies bf16 in tiles; only Linux says so, and elsewhere the answer is no."""
    try:
        return " amx_bf16" in _FLAGS.read_text("utf-8", "replace")
    except OSError:
        return False
