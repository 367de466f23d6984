"""How often the `language` classifier marks English prompts, and how often prompts in other languages.

    python benchmarks/languages.py [--benign FILE.csv ...] [--misses]

Short English prompts and prompts in other languages stand in `languages_dev.json`, written for this project.
`--benign` names files of English prompts (a CSV with a column `prompt`, or one prompt a line), of which each
is also cut to its first words. "Marked" is a score at or above `low`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from pathlib import Path

from classifiers.text.language import LOW, LanguageClassifier

DEV = Path(__file__).with_name("languages_dev.json")
LENGTHS = (2, 3, 4, 6, 9)
SAMPLE = 3000
LANGUAGE = LanguageClassifier.from_options("language", {})


def marked(texts: list[str], misses: list[str] | None = None, *, wanted: bool) -> str:
    """Share of texts that are marked, as text; `misses` collects those that came out otherwise."""
    scores = [max((signal.score for signal in found), default=0.0) for found in LANGUAGE.classify(texts)]
    if misses is not None:
        misses += [t for t, score in zip(texts, scores, strict=True) if (score >= LOW) is not wanted]
    count = sum(score >= LOW for score in scores)
    return f"{count:5d} of {len(texts):5d}  {100 * count / len(texts):6.2f} %"


def prompts_of(path: Path) -> list[str]:
    """A CSV's column `prompt`, or a file's lines; a fixed sample of them."""
    text = path.read_text(encoding="utf-8")
    if "prompt" in text.splitlines()[0].split(","):
        rows = [row["prompt"] for row in csv.DictReader(text.splitlines())]
    else:
        rows = text.splitlines()
    rows = [row for row in rows if row.strip()]
    return random.Random(1).sample(rows, min(SAMPLE, len(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--benign", type=Path, action="append", default=[])
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    dev = json.loads(DEV.read_text(encoding="utf-8"))
    misses: list[str] = []

    LANGUAGE.warmup()
    print("English, marked (should be none)")
    print(f"  {'short prompts, names and loans':38s}{marked(dev['english_short'], misses, wanted=False)}")
    for path in options.benign:
        prompts = prompts_of(path)
        print(f"  {path.stem:38s}{marked(prompts, misses, wanted=False)}")
        for length in LENGTHS:
            cut = [" ".join(prompt.split()[:length]) for prompt in prompts]
            print(f"  {f'{path.stem}, first {length} words':38s}{marked(cut, misses, wanted=False)}")
    print("other languages, marked (should be all)")
    for language, texts in dev["other"].items():
        print(f"  {language:38s}{marked(texts, misses, wanted=True)}")
    every = [text for texts in dev["other"].values() for text in texts]
    print(f"  {'all':38s}{marked(every, wanted=True)}")
    for length in LENGTHS[:3]:
        spaced = [t for lang, texts in dev["other"].items() if lang not in ("zh", "ja", "th") for t in texts]
        cut = [" ".join(text.split()[:length]) for text in spaced if len(text.split()) >= length]
        print(f"  {f'first {length} words':38s}{marked(cut, wanted=True)}")

    texts = dev["english_short"] + every
    started = time.process_time()
    for text in texts:
        LANGUAGE.classify([text])
    print(f"CPU per prompt, one at a time: {(time.process_time() - started) / len(texts) * 1e6:.0f} µs")
    if options.misses:
        print("\n".join(misses))


if __name__ == "__main__":
    main()
