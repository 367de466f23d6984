"""An ONNX Runtime session on the CPU, as every embedded model of the gateway runs.

Its threads do not spin while they wait: spinning workers starve the other models on a small machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_session(path: Path, *, threads: int = 1) -> Any:
    """Return a session of the graph at `path` with `threads` intra-op threads; the operators run in turn."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
