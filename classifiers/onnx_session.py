"""An ONNX Runtime session on the CPU, as every embedded model of the gateway runs.

Its threads do not spin while they wait: spinning workers starve the other models on a small machine. It keeps
no arena: that would grow to the largest batch ever seen and never shrink, in every session.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from classifiers.native_memory import give_back
from classifiers.onnx_mapping import without_weights


def open_session(path: Path, *, threads: int = 1, mapped: bool = False) -> Any:
    """Return a session of the graph at `path` with `threads` intra-op threads; the operators run in turn.

    With `mapped` large weights are read where they lie in the file, as pages that the system may drop and
    share. It suits graphs that use their weights as stored, as int8 ones do; the file must stay as it is.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph: str | bytes = str(path)
    if mapped and (outline := _outline(path)) is not None:
        folder = str(path.resolve().parent)
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        graph = outline
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    give_back()  # loading takes several times what stays
    return session


def _outline(path: Path) -> bytes | None:
    path = path.resolve()
    if not path.stat().st_size:
        return None
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as model,
    ):
        return without_weights(model, path.name)
