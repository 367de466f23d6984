"""The one command: data folder and templates to weights and figures, by the runs of the shipped weights.

python -m training.prompt_safety --data ../shared/data --teacher DIR --work DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_heads, tell_jigsaw
from training.prompt_safety.stages import LAST, SHIPPED, Common, Run, Stage, fit_runs
from training.prompt_safety.teacher import Teacher
from training.prompt_safety.train import load, logits_of


def main() -> None:
    """Reads, trains run by run, measures."""
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
        help="rows drawn in each stage of one run, instead of the shipped runs",
    )
    parser.add_argument("--rate", type=float, nargs="+", help="learning rate of each of those stages")
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="end a stage sooner, the rate falling with the time; the weights then follow the machine",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        help="of validation, and with --samples of the first stage; each adds one",
    )
    parser.add_argument("--decay", type=float, default=0.85, help="learning rate of a layer by the one above")
    parser.add_argument("--frozen", type=int, default=2, help="lowest layers that are not trained")
    parser.add_argument(
        "--start", type=Path, help="checkpoint or model folder that the first stage starts from"
    )
    parser.add_argument("--measure-only", action="store_true")
    args = parser.parse_args()
    if len(args.samples or ()) != len(args.rate or ()):
        parser.error("give --samples and --rate for as many stages each")
    runs = SHIPPED
    if args.samples:
        runs = (Run(args.seed, [Stage(*each) for each in zip(args.samples, args.rate, strict=True)]),)
    if args.measure_only:
        network = load(args.work / LAST)
    else:
        teacher = None if args.teacher is None else Teacher.from_package(args.teacher)
        network = fit_runs(
            lambda seed: corpus(args.data, args.held_out, seed, teacher),
            runs,
            Common(args.decay, args.frozen, args.minutes, args.start),
            args.work,
        )
    validation = corpus(args.data, args.held_out, args.seed).validation
    scores = logits_of(network, [row.text for row in validation])
    tell_heads(validation, scores)
    tell_jigsaw(validation, scores)


if __name__ == "__main__":
    main()
