"""One prompt judged on one core: prompt-safety beside Detoxify's own `predict`, in one run.

    OMP_NUM_THREADS=1 python benchmarks/prompt_safety.py [--rounds 3]

Detoxify stands as its users run it: `Detoxify(...).predict(text)`, on a random-weight RoBERTa-base (124.7 M
parameters, the size of its `unbiased` model; random weights cost what trained ones cost), loaded by the
library from a checkpoint that this script makes. prompt-safety stands as the gateway runs it: tokenising,
windows, calibration and signals; the search for words to cut is measured apart. CPU time of the process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from classifiers.text.prompt_safety import PromptSafetyClassifier

PLACES = ("at dawn", "in a small town", "by the sea", "under a bridge", "on a market square", "in winter, 8k")
THINGS = (
    "a red apple",
    "an old violin",
    "two dogs playing",
    "a knight with a banner",
    "a nurse with a patient",
)
TAILS = ("", ", oil painting", ", cinematic lighting, 35mm film grain", ", highly detailed, sharp focus")


def main() -> None:
    """Prints one line a system and call shape, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    prompts = [f"{thing} {place}{tail}" for thing in THINGS for place in PLACES for tail in TAILS][:64]
    ours = PromptSafetyClassifier.from_options("prompt-safety", {})
    started = time.process_time()
    ours.warmup()
    print(f"prompt-safety: loaded and warm in {time.process_time() - started:.2f} CPU s")
    with tempfile.TemporaryDirectory() as folder:
        theirs = detoxify(Path(folder))
        theirs.predict(prompts[0])
        one = lambda judge: [judge([prompt]) for prompt in prompts]  # noqa: E731  # the shape of a call
        shapes: dict[str, Callable[[Callable[[Sequence[str]], object]], object]] = {
            "one at a time": one,
            "64 at once": lambda judge: judge(prompts),
        }
        print(f"{'':16}{'Detoxify.predict':>24}{'prompt-safety':>24}{'ratio':>8}")
        for name, shape in shapes.items():
            slow = cheapest(lambda shape=shape: shape(lambda texts: theirs.predict(list(texts))), rounds)
            fast = cheapest(lambda shape=shape: shape(ours.classify), rounds)
            cells = (f"{1000 * cpu / 64:7.2f} ms {64 / cpu:7.0f}/CPU s" for cpu in (slow, fast))
            print(f"{name:16}" + "".join(f"{cell:>24}" for cell in cells) + f"{slow / fast:8.1f}")
    offending = "a man stabbing a stranger with a knife in a dark alley, cinematic lighting"
    cpu = cheapest(lambda: ours.classify([offending]), rounds)
    print(f"an offending prompt with the search for the words to cut: {1000 * cpu:.1f} CPU ms")


def cheapest(call: Callable[[], object], rounds: int) -> float:
    """The least CPU seconds of several rounds: the rest is other processes' noise in the caches."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def detoxify(folder: Path) -> Any:
    """The library's own object over a random RoBERTa-base with Detoxify's seven heads."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(7)
    trained = ByteLevelBPETokenizer()
    corpus = [f"{thing} {place}{tail}" for thing in THINGS for place in PLACES for tail in TAILS]
    trained.train_from_iterator(corpus, 1000, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, num_labels=7)
    config.save_pretrained(folder)
    heads = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat"]
    heads.append("sexual_explicit")
    arch = {
        "model_name": "RobertaForSequenceClassification",
        "model_type": str(folder),
        "tokenizer_name": "RobertaTokenizer",
        "num_classes": 7,
    }
    checkpoint = folder / "random.ckpt"
    torch.save(
        {
            "state_dict": RobertaForSequenceClassification(config).state_dict(),
            "config": {"dataset": {"args": {"classes": heads}}, "arch": {"args": arch}},
        },
        checkpoint,
    )
    from detoxify import Detoxify

    return Detoxify(checkpoint=str(checkpoint), device="cpu")


if __name__ == "__main__":
    main()
