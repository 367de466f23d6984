"""Check: text classifiers judge prompts, image classifiers judge pictures."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import MODALITY_OF, CheckContext, Problem


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per classifier at a stage whose material it can't look at."""
    for stage, path, written in context.stages():
        wanted = MODALITY_OF[stage]
        fitting = sorted(name for name, card in context.cards.items() if card.modality is wanted)
        for index, use in enumerate(written.classifiers):
            card = context.cards.get(use.name)
            if card is not None and card.modality is not wanted:
                yield Problem(
                    (*path, "classifiers", index, "name"),
                    f'"{use.name}" looks at {card.modality.value}, and the {stage.value} stage needs '
                    f"a classifier for {wanted.value}",
                    f"configured for {wanted.value}: {', '.join(fitting) or 'none'}",
                )
