"""The languages of a multilingual classifier, for tests of what follows from a card."""

from __future__ import annotations

import re

ENGLISH = frozenset({"en"})
WIDE = frozenset(
    re.findall(r"\w+", "en de es fr pt it nl sv pl cs ro hu el ru uk tr ar he hi zh ja ko id th vi")
)
