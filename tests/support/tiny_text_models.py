"""Tiny random RoBERTa folders and Detoxify checkpoints, built in a temporary folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def roberta_parts(folder: Path, labels: list[str]) -> tuple[Any, Any]:
    """A tokenizer and a random model of one layer, 64 positions; the same on every call."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["a red apple on a table"], vocab_size=300, special_tokens=SPECIAL, show_progress=False
    )
    folder.mkdir(parents=True, exist_ok=True)
    trained.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=64
    )
    torch.manual_seed(7)
    config = RobertaConfig(
        vocab_size=300,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
        initializer_range=0.5,
    )
    return tokenizer, RobertaForSequenceClassification(config).eval()


def roberta_folder(folder: Path, labels: list[str]) -> Path:
    """A folder as `save_pretrained` writes it, weights in safetensors."""
    tokenizer, model = roberta_parts(folder, labels)
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder


def detoxify_checkpoint(folder: Path, classes: list[str]) -> tuple[Path, Path, str]:
    """A checkpoint of Detoxify's form, its base folder, and its sha256."""
    import torch

    base = folder / "base"
    tokenizer, model = roberta_parts(base, classes)
    tokenizer.save_pretrained(str(base))
    model.config.save_pretrained(str(base))
    path = folder / "tiny.ckpt"
    arch = {
        "model_type": str(base),
        "model_name": "RobertaForSequenceClassification",
        "tokenizer_name": "RobertaTokenizerFast",
        "num_classes": len(classes),
    }
    torch.save(
        {
            "config": {"dataset": {"args": {"classes": classes}}, "arch": {"args": arch}},
            "state_dict": model.state_dict(),
        },
        path,
    )
    return path, base, hashlib.sha256(path.read_bytes()).hexdigest()
