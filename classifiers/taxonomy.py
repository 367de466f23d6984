"""The categories of harm, with their parents, one definition and one source each.

Duty: name what can be measured. It knows no scores, no thresholds and no classifier. The spine is the
thirteen categories of OpenAI's moderation endpoint (openapi.yaml, `CreateModerationResponse`); the others are
this project's own. An operator's own category carries the prefix `custom/` and needs no entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CUSTOM_PREFIX: Final = "custom/"
UNCOVERED_LANGUAGE: Final = "uncovered-language"
"""A text of this category is decided as with a classifier missing: the decision is degraded."""


@dataclass(frozen=True, slots=True)
class CategoryEntry:
    """One category of harm: its slug, its parent's slug (or None), what it covers, and who defined it."""

    slug: str
    parent: str | None
    definition: str
    source: str


_OPENAI = "OpenAI moderation categories"
_OWN = "imagegate"

_ENTRIES: Final = (
    CategoryEntry("sexual", None, "Sexual acts, arousal or nudity meant to arouse.", _OPENAI),
    CategoryEntry("sexual/minors", "sexual", "Sexual content with anyone under 18.", _OPENAI),
    CategoryEntry("hate", None, "Hatred of people for a protected attribute.", _OPENAI),
    CategoryEntry("hate/threatening", "hate", "Hate with violence or serious harm.", _OPENAI),
    CategoryEntry("harassment", None, "Demeaning or insulting language at a person.", _OPENAI),
    CategoryEntry("harassment/threatening", "harassment", "Harassment with a threat of harm.", _OPENAI),
    CategoryEntry("self-harm", None, "Depicts or encourages hurting oneself.", _OPENAI),
    CategoryEntry("self-harm/intent", "self-harm", "Speaker states an intent of self-harm.", _OPENAI),
    CategoryEntry("self-harm/instructions", "self-harm", "Instructions for self-harm.", _OPENAI),
    CategoryEntry("violence", None, "Death, violence or physical injury.", _OPENAI),
    CategoryEntry("violence/graphic", "violence", "Death, violence or injury in graphic detail.", _OPENAI),
    CategoryEntry(
        "violence/real-world", "violence", "Real atrocities and attacks as entertainment or praise.", _OWN
    ),
    CategoryEntry("illicit", None, "Advice on or depiction of unlawful acts.", _OPENAI),
    CategoryEntry("illicit/violent", "illicit", "Unlawful acts with violence or weapons.", _OPENAI),
    CategoryEntry("illicit/drugs", "illicit", "Drugs, and what they are taken with.", _OWN),
    CategoryEntry("regulated", None, "What the law allows to adults alone.", _OWN),
    CategoryEntry("regulated/tobacco", "regulated", "Smoking.", _OWN),
    CategoryEntry("regulated/alcohol", "regulated", "Alcoholic drinks.", _OWN),
    CategoryEntry("regulated/gambling", "regulated", "Games of chance for money.", _OWN),
    CategoryEntry("hazard", None, "Fire and explosions; no violation by itself.", _OWN),
    CategoryEntry("profanity", None, "Coarse language without a target.", _OWN),
    CategoryEntry("injection", None, "Text that tries to steer the gateway's own models.", _OWN),
    CategoryEntry("real-person", None, "Names or depicts an identifiable real person.", _OWN),
    CategoryEntry("minor", None, "Refers to a person under 18; no violation by itself.", _OWN),
    CategoryEntry(
        UNCOVERED_LANGUAGE, None, "In a language that no trained classifier covers; no violation.", _OWN
    ),
    CategoryEntry("toxicity", None, "Rude or disrespectful comment (Jigsaw's main head).", "Jigsaw"),
)

CATEGORIES: Final[dict[str, CategoryEntry]] = {entry.slug: entry for entry in _ENTRIES}
OPENAI_CATEGORIES: Final[tuple[str, ...]] = tuple(e.slug for e in _ENTRIES if e.source == _OPENAI)
PICTURED_CATEGORIES: Final[tuple[str, ...]] = (
    "sexual",
    "sexual/minors",
    "hate",
    "harassment",
    "self-harm",
    "violence",
    "violence/graphic",
    "illicit",
    "illicit/violent",
    "illicit/drugs",
    "regulated/tobacco",
    "regulated/alcohol",
    "regulated/gambling",
    "hazard",
    "real-person",
)
"""What a picture can show without words."""
TEXT_IN_PICTURE: Final = "text-in-picture"
"""No category: what coverage reports name while no classifier reads the words in pictures."""


def is_known(slug: str) -> bool:
    """True for a category of the taxonomy or an operator's own (`custom/…`)."""
    return slug in CATEGORIES or (slug.startswith(CUSTOM_PREFIX) and len(slug) > len(CUSTOM_PREFIX))


def is_within(slug: str, ancestor: str) -> bool:
    """True when `slug` is `ancestor` or lies below it: a rule on a parent also counts its children."""
    return slug == ancestor or slug.startswith(ancestor + "/")
