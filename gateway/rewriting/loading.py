"""How weights are loaded: in which arithmetic, and without progress bars on standard error.

Duty: those two choices, the second put back afterwards. It knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Without transformers' progress bars: a server's log and a command's `--json` want none."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def dtype_name(wanted: str, device: str) -> str:
    """`auto`: bfloat16 where the processor multiplies it natively (1.4–2.2 × faster), else float32."""
    import torch

    if wanted != "auto":
        return wanted
    if device != "cpu":
        return "bfloat16"
    cpu = torch.cpu
    native = any(
        getattr(cpu, probe, lambda: False)()
        for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return "bfloat16" if native else "float32"
