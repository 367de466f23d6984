"""The card's figures: the embedded rewriter's first answers on held-out prompts, told the category alone.

python -m training.rewriter.measure --out rewritten.jsonl
imagegate eval text rewritten.jsonl --quick     # what the default policy flags of the answers
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.text.encoder import SentenceEncoder
from gateway.core.errors import GatewayError
from gateway.core.ports import RewriteMode, RewriteRequest
from gateway.rewriting import smollm2

CATEGORIES = ("violence", "sexual", "hate", "harassment", "self-harm", "illicit", "profanity")
AT_ONCE = 8


async def answers(requests: Sequence[RewriteRequest], options: dict[str, object]) -> list[str]:
    """The rewriter's first answer to each request; empty where it failed."""
    rewriter = smollm2.from_options("smollm2", options)
    await rewriter.start()

    async def ask(request: RewriteRequest) -> str:
        try:
            return await rewriter.rewrite(request)
        except GatewayError:
            return ""

    found: list[str] = []
    for start in range(0, len(requests), AT_ONCE):
        found += await asyncio.gather(*(ask(request) for request in requests[start : start + AT_ONCE]))
    await rewriter.close()
    return found


def keeps(wanted: Sequence[Any], answer: str) -> bool:
    """Every entry stands in the answer; an entry that is a list needs one of its own."""
    text = answer.lower()
    return all(
        any(str(one).lower() in text for one in (entry if isinstance(entry, list) else [entry]))
        for entry in wanted
    )


def main() -> None:
    """Print the figures, and write the answers as labelled prompts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, default=Path("benchmarks/prompts"))
    parser.add_argument("--strategy", default="tuned")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    mend, enhance = (
        [json.loads(line) for line in (args.prompts / name).read_text().splitlines()]
        for name in ("rewrites.jsonl", "enhance.jsonl")
    )
    requests = [RewriteRequest(row["prompt"], tuple(row["categories"]), ()) for row in mend]
    requests += [RewriteRequest(row["prompt"], (), (), mode=RewriteMode.ENHANCE) for row in enhance]
    found = asyncio.run(answers(requests, {"strategy": args.strategy}))
    mended, enhanced = found[: len(mend)], found[len(mend) :]
    encoder = SentenceEncoder()
    encoder.load()
    ours, theirs = encoder.encode(mended), encoder.encode([row["reference"] for row in mend])
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    print(f"{len(mend)} rewritable prompts")
    print(f"  in form           {np.mean([bool(answer) for answer in mended]):.3f}")
    subjects = [keeps(row["subject"], answer) for row, answer in zip(mend, mended, strict=True)]
    print(f"  subject kept      {np.mean(subjects):.3f}")
    print(f"  like the benign   {np.mean((ours * theirs).sum(axis=1) / norms):.3f}")
    print(f"{len(enhance)} prompts to enhance")
    for key in ("subject", "counts", "colours", "negations"):
        kept = [keeps(row[key], answer) for row, answer in zip(enhance, enhanced, strict=True)]
        print(f"  {key + ' kept':<17} {np.mean(kept):.3f}")
    labels = dict.fromkeys(CATEGORIES, 0)
    lines = [json.dumps({"text": answer, "labels": labels}) for answer in mended if answer]
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
