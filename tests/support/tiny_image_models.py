"""Tiny random ViT and CLIP folders, as transformers itself saves them: what hub adapters are tested on."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

SIDE = 32


def tiny_vit(folder: Path, labels=("neutral", "drawing", "porn"), seed=0) -> Path:
    """A two-layer ViT with the given labels."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=SIDE,
        patch_size=8, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
        initializer_range=0.5,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def clip_tokenizer() -> CLIPTokenizer:
    """Bytes and word-ending bytes, no merges: every text has tokens."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789,.-'!?", "Ġ"]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def tiny_clip(folder: Path, seed=0) -> Path:
    """A one-layer CLIP with a tokenizer made here."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    text = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
        "vocab_size": len(tokenizer), "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 1,
        "pad_token_id": 1,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
        "image_size": SIDE, "patch_size": 8,
    }  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"shortest_edge": SIDE}
    CLIPImageProcessorPil(size=size, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder
