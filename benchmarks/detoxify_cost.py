"""What converting Detoxify saves: CPU per prompt of `Detoxify.predict` and of the converted folder.

    python benchmarks/detoxify_cost.py [--layers 12] [--seconds 20]

The published checkpoints can't be fetched everywhere, and weights don't change the cost: a random RoBERTa of
the library's size (base: 12 layers of 768, 50,265 tokens; 124.7 M parameters) is saved as a checkpoint of its
form, converted, and both are run side by side on one thread, one prompt at a time and 64 at once. Needs about
3 GB of memory and of disk in the temporary folder.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEADS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
PROMPTS = [
    "a red apple on a wooden table, soft light",
    "a lighthouse at dusk, oil painting",
    "portrait of an old fisherman, 50mm, film grain",
    "isometric city block, pastel colours, highly detailed",
    "a killer whale jumping out of the sea",
    "kitchen knife on a cutting board with tomatoes",
    "a red sports car in front of a villa",
    "a nurse helping a patient in a bright hospital room",
]


def checkpoint(folder: Path, layers: int) -> tuple[Path, Path, str]:
    """A random checkpoint of Detoxify's form, its base folder, and its sha256."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast

    base = folder / "base"
    base.mkdir()
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(PROMPTS, vocab_size=1000, special_tokens=SPECIAL, show_progress=False)
    trained.save_model(str(base))
    tokenizer = RobertaTokenizerFast(
        vocab=str(base / "vocab.json"), merges=str(base / "merges.txt"), model_max_length=512
    )
    tokenizer.save_pretrained(str(base))
    config = RobertaConfig(
        vocab_size=50_265,
        num_hidden_layers=layers,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(HEADS),
    )
    config.save_pretrained(str(base))
    arch = {
        "model_type": str(base),
        "model_name": "RobertaForSequenceClassification",
        "tokenizer_name": "RobertaTokenizerFast",
        "num_classes": len(HEADS),
    }
    path = folder / "random.ckpt"
    told = {"dataset": {"args": {"classes": HEADS}}, "arch": {"args": arch}}
    torch.save({"config": told, "state_dict": RobertaForSequenceClassification(config).state_dict()}, path)
    return path, base, hashlib.sha256(path.read_bytes()).hexdigest()


def cpu_ms(run: Callable[[list[str]], Any], batch: list[str], seconds: float) -> float:
    """CPU milliseconds of this process per prompt, over about so many seconds of it."""
    run(batch)
    started, prompts = time.process_time(), 0
    while time.process_time() - started < seconds:
        run(batch)
        prompts += len(batch)
    return (time.process_time() - started) / prompts * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=20, help="of CPU per figure")
    options = parser.parse_args()

    import torch
    from detoxify import Detoxify

    from classifiers.text.detoxify import DetoxifyClassifier
    from classifiers.text.detoxify_convert import convert

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        path, base, sha256 = checkpoint(Path(scratch), options.layers)
        started = time.process_time()
        made = convert("original", path, sha256, base, Path(scratch) / "converted")
        print(f"converting took {time.process_time() - started:.0f} s of CPU")
        pinned = {"converted": str(made.folder), "sha256": made.sums_sha256}
        ours = DetoxifyClassifier.from_options("detoxify", pinned)
        ours.warmup()
        library = Detoxify(checkpoint=str(path))
        print("| prompts at once | Detoxify.predict, ms | converted, ms | ratio |\n|---|---|---|---|")
        for size in (1, 64):
            batch = (PROMPTS * 8)[:size] if size > 1 else PROMPTS[:1]
            slow = cpu_ms(library.predict, batch, options.seconds)
            quick = cpu_ms(ours.classify, batch, options.seconds)
            print(f"| {size} | {slow:.1f} | {quick:.1f} | {slow / quick:.1f} |")


if __name__ == "__main__":
    main()
