"""The one command: data folder and templates to weights and figures, in the stages of the shipped weights.

python -m training.prompt_safety --data ../shared/data --teacher DIR --work DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_heads, tell_jigsaw
from training.prompt_safety.stages import LAST, SHIPPED, Common, Stage, fit_stages
from training.prompt_safety.teacher import Teacher
from training.prompt_safety.train import load, logits_of


def main() -> None:
    """Reads, trains stage by stage, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets (see README.md)")
    parser.add_argument("--work", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument(
        "--teacher",
        type=Path,
        help="folder with tox-block 0.1.2 unpacked (see README.md); without it the sets teach alone",
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        default=Path("benchmarks/prompts"),
        help="folder with *.jsonl whose texts are dropped",
    )
    parser.add_argument(
        "--samples",
        type=int,
        nargs="+",
        default=[stage.samples for stage in SHIPPED],
        help="rows drawn in each stage, repetitions included",
    )
    parser.add_argument(
        "--rate",
        type=float,
        nargs="+",
        default=[stage.rate for stage in SHIPPED],
        help="learning rate of each stage",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="end a stage sooner, the rate falling with the time; the weights then follow the machine",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the first stage; each further one adds one")
    parser.add_argument("--decay", type=float, default=0.85, help="learning rate of a layer by the one above")
    parser.add_argument("--frozen", type=int, default=2, help="lowest layers that are not trained")
    parser.add_argument(
        "--start", type=Path, help="checkpoint or model folder that the first stage starts from"
    )
    parser.add_argument("--measure-only", action="store_true")
    args = parser.parse_args()
    if len(args.samples) != len(args.rate):
        parser.error(f"--samples names {len(args.samples)} stages and --rate {len(args.rate)}; give one each")
    if args.measure_only:
        network = load(args.work / LAST)
    else:
        teacher = None if args.teacher is None else Teacher.from_package(args.teacher)
        network = fit_stages(
            lambda seed: corpus(args.data, args.held_out, seed, teacher),
            [Stage(*each) for each in zip(args.samples, args.rate, strict=True)],
            Common(args.seed, args.decay, args.frozen, args.minutes, args.start),
            args.work,
        )
    validation = corpus(args.data, args.held_out, args.seed).validation
    scores = logits_of(network, [row.text for row in validation])
    tell_heads(validation, scores)
    tell_jigsaw(validation, scores)


if __name__ == "__main__":
    main()
