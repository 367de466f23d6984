"""Microseconds of CPU per policy decision, printed as a table: `python benchmarks/policy.py`.

Thirty rules, twenty scores, the target of docs/performance.md: at most 5 µs. `quiet` is ordinary traffic
(nothing reaches a band), `one hit` an ordinary violation, `all hot` the worst case, where every score lies in
a band and every rule matches; `library default` is the policy that ships.
"""

from __future__ import annotations

import statistics
import time

from classifiers.protocol import ClassifierCard
from classifiers.signals import Findings, Modality, Signal
from classifiers.taxonomy import CATEGORIES
from policies.book import LIBRARY
from policies.compiler import compile_policy
from policies.decision import Stage
from policies.loader import load_policy, parse_policy
from policies.policy import Policy

ROUNDS = 15
CALLS = 4_000
OWN = ["custom/brand", "custom/spoiler"]
TEXT = ("wordlist", "prompt-safety", "minor-cues", "language")
UNASKED = ("sexual", "sexual/minors", "real-person", "minor", "uncovered-language")


def card(name: str, modality: Modality, categories: frozenset[str]) -> ClassifierCard:
    """Return a made-up card."""
    return ClassifierCard(name, name, "bench", modality, categories, ("*",), "Apache-2.0", calibrated=False)


CARDS = {name: card(name, Modality.TEXT, frozenset([*CATEGORIES, *OWN])) for name in TEXT} | {
    "opennsfw": card("opennsfw", Modality.IMAGE, frozenset({"sexual"})),
    "nsfw-inception": card("nsfw-inception", Modality.IMAGE, frozenset({"sexual"})),
    "picture-concepts": card("picture-concepts", Modality.IMAGE, frozenset({"violence", "illicit/drugs"})),
}


def thirty_rules() -> Policy:
    """Return a policy of 30 prompt rules: 20 on one category, 10 on two, over ten categories."""
    slugs = [slug for slug in CATEGORIES if "/" not in slug and slug not in UNASKED] + OWN
    rules = []
    for index, slug in enumerate(slugs):
        other = slugs[(index + 3) % len(slugs)]
        leaf, pair = f"{{category: {slug}, at_least: %s}}", f"{{category: {other}, at_least: low}}"
        rules.append(f"- {{id: a{index}, when: {leaf % 'high'}, action: block}}")
        rules.append(f"- {{id: b{index}, when: {leaf % 'medium'}, action: rewrite}}")
        rules.append(f"- {{id: c{index}, when: {{all: [{leaf % 'medium'}, {pair}]}}, action: hold}}")
    text = "\n".join(
        [
            "name: bench", "description: thirty rules", "owner: benchmarks",
            "rewrite: {mode: safety, max_attempts: 1}",
            "bands: {default: {low: 0.35, medium: 0.6, high: 0.85}}", "stages:", "  prompt:",
            "    classifiers: [{name: wordlist, timeout_ms: 100}, {name: prompt-safety, timeout_ms: 100}]",
            "    rules:", *(f"      {rule}" for rule in rules),
            "  image: {skip: {reason: no pictures here, date: 2026-01-01}}",
        ]
    )  # fmt: skip
    return compile_policy(parse_policy(text), CARDS)


def findings(scores: list[float]) -> Findings:
    """Return one signal per score, over the taxonomy's categories, half of them from each classifier."""
    slugs = [slug for slug in CATEGORIES if slug not in UNASKED[1:]] + OWN
    signals = [
        Signal(slugs[index % len(slugs)], score, TEXT[index % 2], "bench")
        for index, score in enumerate(scores)
    ]
    return Findings(tuple(signals), (), TEXT)


def measure(policy: Policy, evidence: Findings) -> float:
    """Return the median over rounds of the mean µs of CPU per decision."""
    decide = policy.decide
    rounds = []
    for _round in range(ROUNDS):
        start = time.process_time_ns()
        for _call in range(CALLS):
            decide(Stage.PROMPT, evidence, "id")
        rounds.append((time.process_time_ns() - start) / CALLS / 1000)
    return statistics.median(rounds)


def main() -> None:
    """Print one row per case."""
    thirty, default = thirty_rules(), compile_policy(load_policy(LIBRARY / "default.yaml"), CARDS)
    quiet, one, hot = [0.02] * 20, [0.7] + [0.02] * 19, [0.9] * 20
    print(f"{'case':34} {'µs':>6}  rules that match")
    for name, policy, scores in (
        ("30 rules x 20 scores, quiet", thirty, quiet),
        ("30 rules x 20 scores, one hit", thirty, one),
        ("30 rules x 20 scores, all hot", thirty, hot),
        ("library default, quiet", default, quiet),
        ("library default, one hit", default, one),
    ):
        evidence = findings(scores)
        matched = len(policy.decide(Stage.PROMPT, evidence, "id").rules)
        print(f"{name:34} {measure(policy, evidence):6.2f}  {matched}")


if __name__ == "__main__":
    main()
