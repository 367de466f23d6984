"""The one command: data folder and templates to weights and figures.

python -m training.prompt_safety --data ../shared/data --work DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_heads, tell_jigsaw
from training.prompt_safety.train import Settings, fit, load, logits_of


def main() -> None:
    """Reads, trains, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets (see README.md)")
    parser.add_argument("--work", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument(
        "--held-out",
        type=Path,
        default=Path("benchmarks/prompts"),
        help="folder with *.jsonl whose texts are dropped",
    )
    parser.add_argument("--samples", type=int, default=160_000, help="rows drawn, repetitions included")
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="end sooner, the learning rate falling with the time; the weights then follow the machine",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=1.2e-4)
    parser.add_argument("--decay", type=float, default=0.85, help="learning rate of a layer by the one above")
    parser.add_argument("--frozen", type=int, default=2, help="lowest layers that are not trained")
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--measure-only", action="store_true")
    args = parser.parse_args()
    whole = corpus(args.data, args.held_out, args.seed)
    checkpoint = args.work / "prompt-safety.safetensors"
    if args.measure_only:
        network = load(checkpoint)
    else:
        settings = Settings(
            args.samples, args.seed, args.rate, args.decay, args.frozen, args.minutes, args.start
        )
        network = fit(whole, settings, checkpoint)
    scores = logits_of(network, [row.text for row in whole.validation])
    tell_heads(whole.validation, scores)
    tell_jigsaw(whole.validation, scores)


if __name__ == "__main__":
    main()
