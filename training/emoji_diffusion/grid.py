"""Sampling grids written along the way: fixed prompts, fixed seeds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gateway.generation.emoji_pipeline import encode_prompts, load_text_encoder

PROMPTS = (
    "a red apple",
    "a banana",
    "a slice of pizza",
    "a burger",
    "a strawberry",
    "an ice cream cone",
    "a donut",
    "a cup of coffee",
    "a dog",
    "a cat",
    "a smiling cat",
    "a fish",
    "a penguin",
    "an owl",
    "a butterfly",
    "a green dragon",
    "a car",
    "a blue car",
    "a purple car",
    "a rocket",
    "an airplane",
    "a sailing boat",
    "a bicycle",
    "a steam train",
    "a house",
    "a castle",
    "a tree",
    "a pink flower",
    "a sunflower",
    "a cactus",
    "a rainbow",
    "a snowman",
    "a happy face",
    "a crying face",
    "an angry face",
    "a ghost",
    "a robot",
    "a red heart",
    "a crown",
    "a guitar",
    "a knife",
    "a key",
    "a light bulb",
    "a soccer ball",
    "two red apples",
    "a cat and a dog",
    "a cat on a blue background",
    "a green apple next to a blue car",
)


@torch.inference_mode()
def draw(
    unet: torch.nn.Module, prompts: list[str], seed: int = 0, steps: int = 16, guidance: float = 3.0
) -> np.ndarray:
    """N x 64 x 64 x 3 uint8 by Euler steps from noise; picture i uses seed + i."""
    tokenizer, encoder = load_text_encoder()
    text = encode_prompts([*prompts, *[""] * len(prompts)], tokenizer, encoder)
    x = torch.stack(
        [
            torch.randn(48, 16, 16, generator=torch.Generator().manual_seed(seed + i))
            for i in range(len(prompts))
        ]
    )
    times = torch.linspace(1, 0, steps + 1)
    for now, then in pairwise(times):
        with torch.autocast("cpu", torch.bfloat16):
            both = unet(
                torch.cat([x, x]).contiguous(memory_format=torch.channels_last),
                now.expand(len(text)) * 1000,
                text,
                class_labels=text[:, -1],
            ).sample
        good, plain = both.float().chunk(2)
        clean = (plain + guidance * (good - plain)).clamp(-1, 1)
        x = clean + (x - clean) * (then / now)
    pictures = torch.nn.functional.pixel_shuffle(x, 4).permute(0, 2, 3, 1)
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()


def write_grid(unet: torch.nn.Module, path: Path, columns: int = 8) -> None:
    """Writes PROMPTS as one PNG, at twice the size."""
    pictures = draw(unet, list(PROMPTS))
    rows = [np.concatenate(list(pictures[i : i + columns]), 1) for i in range(0, len(pictures), columns)]
    image = Image.fromarray(np.concatenate(rows))
    image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC).save(path)
