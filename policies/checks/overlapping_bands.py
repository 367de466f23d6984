"""Check: the edges of a category's bands rise strictly, so that no score lies in two bands."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per edge that does not lie above the one before."""
    for category, bands in context.document.bands.items():
        for lower, upper in (("low", "medium"), ("medium", "high")):
            below, above = getattr(bands, lower), getattr(bands, upper)
            if not below < above:
                yield Problem(
                    ("bands", category, upper),
                    f"bands of {category} overlap: {upper} ({above:g}) is not above {lower} ({below:g})",
                    "write the edges in rising order, low < medium < high",
                )
