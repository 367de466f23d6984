"""What becomes of 66 rewritable prompts in six languages: rewritten, allowed or blocked, and what is kept.

    python benchmarks/rewrite_languages.py [--rewriter edit] [--show]

The prompts (`prompts/rewrites_languages.jsonl`) were written after the word lists of `edit`, by the same
author, and run once. Kept means that every word of a row's `keep` stands in the rewrite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from pathlib import Path

from classifiers.batching import MicroBatcher
from gateway.audit.record import new_id
from gateway.core.requests import Caller, ImageRequest
from gateway.evaluation.measure import Unrecorded
from gateway.pipeline.drift import DriftGauge
from gateway.pipeline.judge import Judge
from gateway.pipeline.rewrite_stage import RewriteStage
from gateway.pipeline.trail import Trail
from gateway.service.gateway import start_classifiers
from gateway.service.settings import ComponentSettings, Settings, load_settings
from gateway.service.wiring import (
    build_classifiers,
    build_cutter,
    build_embedder,
    build_policies,
    build_rewriter,
)
from policies.decision import Stage

ROWS = Path(__file__).parent / "prompts" / "rewrites_languages.jsonl"


async def measured(settings: Settings, rewriter_type: str, *, show: bool) -> dict[str, Counter[str]]:
    """Language → how many prompts ended how."""
    built = build_classifiers(settings)
    policy = build_policies(settings, built).book.get(settings.policies.default)
    planned = [use.name for use in policy.plan(Stage.PROMPT).classifiers]
    batchers = {name: MicroBatcher(built[name]) for name in planned}
    await start_classifiers(batchers)
    rewriter = build_rewriter(ComponentSettings(type=rewriter_type))
    cutter = rewriter if rewriter_type == "edit" else build_cutter()
    judge = Judge(batchers)
    stage = RewriteStage(judge, rewriter, cutter=cutter, gauge=DriftGauge(build_embedder()))
    await rewriter.start()
    await stage.start()
    told: dict[str, Counter[str]] = {}
    for row in map(json.loads, ROWS.read_text("utf-8").splitlines()):
        caller = Caller(actor="benchmark")
        trail = Trail(Unrecorded(), request_id=new_id(), caller=caller, surface="benchmark")
        decision = await judge.text(row["prompt"], policy=policy, trail=trail)
        request = ImageRequest(new_id(), caller, row["prompt"], "", 1, 64, 64, 0)
        settled = await stage.run(request, decision, policy, trail)
        rewritten = settled.prompt if settled.trace else None
        counted = told.setdefault(row["language"], Counter())
        counted["prompts"] += 1
        counted[decision.action.word] += 1
        counted["released"] += rewritten is not None
        counted["kept"] += rewritten is not None and all(word in rewritten for word in row["keep"])
        if show:
            print(f"{decision.action.word:8}{row['prompt']}\n        {rewritten or settled.fault or '–'}")
    await rewriter.close()
    for batcher in batchers.values():
        await asyncio.to_thread(batcher.close)
    return told


def main() -> None:
    """Print a table, a row a language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rewriter", default="edit")
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    told = asyncio.run(measured(load_settings(None), asked.rewriter, show=asked.show))
    total = sum(told.values(), Counter())
    columns = ("prompts", "allow", "block", "rewrite", "released", "kept")
    print("language " + " ".join(f"{name:>9}" for name in columns))
    for language, counted in [*told.items(), ("all", total)]:
        print(f"{language:9}" + " ".join(f"{counted[name]:9}" for name in columns))


if __name__ == "__main__":
    main()
