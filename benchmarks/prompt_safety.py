"""One prompt judged on one core: prompt-safety beside Detoxify's own `predict`, in one run.

    OMP_NUM_THREADS=1 python benchmarks/prompt_safety.py [--rounds 3] [--openvino]

Detoxify stands as its users run it: `Detoxify(...).predict(text)`, on a random-weight RoBERTa-base (124.7 M
parameters, the size of its `unbiased` model; random weights cost what trained ones cost), loaded by the
library from a checkpoint that this script makes. prompt-safety stands as the gateway runs it: tokenising,
windows, calibration and signals; the search for words to cut is measured apart. CPU time of the process.
With `--openvino` the other runtime stands beside ONNX Runtime instead of Detoxify.
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

from classifiers.text.openvino_engine import has_amx
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
    parser.add_argument("--openvino", action="store_true")
    args = parser.parse_args()
    rounds = args.rounds
    prompts = [f"{thing} {place}{tail}" for thing in THINGS for place in PLACES for tail in TAILS][:64]
    ours = PromptSafetyClassifier.from_options("prompt-safety", {})
    started = time.process_time()
    ours.warmup()
    print(f"prompt-safety: loaded and warm in {time.process_time() - started:.2f} CPU s")
    if args.openvino:
        beside_openvino(ours, prompts, rounds)
        return
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


def beside_openvino(ours: PromptSafetyClassifier, prompts: Sequence[str], rounds: int) -> None:
    """One line a call shape: both runtimes, taking turns, and how far their scores lie apart."""
    other = PromptSafetyClassifier.from_options("other", {"runtime": "openvino"})
    other.warmup()
    print(f"OpenVINO in {'bf16' if has_amx() else 'f32'}; CPU ms a prompt")
    for name, size in (("one at a time", 1), ("64 at once", 64)):
        batches = [prompts[at : at + size] for at in range(0, 64, size)]
        cells = [
            1000 / 64 * cheapest(lambda judge=judge, of=batches: [judge(batch) for batch in of], rounds)
            for judge in (ours.classify, other.classify)
        ]
        print(f"{name:16}ONNX Runtime int8 {cells[0]:7.2f}   OpenVINO {cells[1]:7.2f}")
    pairs = zip(ours.heads(prompts), other.heads(prompts), strict=True)
    print(f"scores apart by at most {max(abs(a[head] - b[head]) for a, b in pairs for head in a):.3f}")


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
