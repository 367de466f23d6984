"""Caption embeddings for training: MiniLM token states, computed once and cached.

The way from text to conditioning is the pipeline's own (`encode_prompts`), so that training and
serving cannot drift apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gateway.generation.emoji_pipeline import encode_prompts, load_text_encoder


def cache_states(captions: list[str], path: Path) -> np.ndarray:
    """(N + 1) x tokens x 384 float16, the last row for the empty caption; read from `path` when it fits."""
    if path.is_file():
        states = np.load(path, mmap_mode="r")
        if len(states) == len(captions) + 1:
            return states
    tokenizer, encoder = load_text_encoder()
    rows, texts = [], [*captions, ""]
    with torch.inference_mode():
        for start in range(0, len(texts), 128):
            rows.append(encode_prompts(texts[start : start + 128], tokenizer, encoder).half().numpy())
    np.save(path, np.concatenate(rows))
    return np.load(path, mmap_mode="r")
