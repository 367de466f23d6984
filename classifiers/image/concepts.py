"""What CLIP compares a picture with: descriptions of harm per category, and of what merely looks alike.

Duty: data. Written here, in neutral words: CLIP reads a caption, so a plain description does. Each category's
list stands against `BENIGN`, so a benign line is a false alarm that is no longer made.
"""

from __future__ import annotations

from typing import Final

CONCEPTS: Final[dict[str, tuple[str, ...]]] = {
    "sexual": (
        "a pornographic photo",
        "an explicit nude photo",
        "an explicit adult drawing",
        "people having sex",
    ),
    "violence": (
        "a person attacking another person",
        "a person being beaten in a street fight",
        "a person aiming a gun at somebody",
        "a victim of a shooting",
    ),
    "violence/graphic": (
        "a mutilated body",
        "a bloody corpse",
        "a gory wound",
        "a severed limb",
    ),
    "self-harm": (
        "cuts on a forearm from self-harm",
        "a person hurting themselves with a blade",
        "a person about to take their own life",
    ),
    "hate": (
        "a nazi swastika flag",
        "hooded members of a racist group",
        "a racist caricature",
        "a hate symbol",
    ),
    "illicit": (
        "lines of cocaine on a table",
        "a person injecting heroin",
        "packages of illegal drugs",
    ),
    "illicit/violent": (
        "a home-made bomb with wires",
        "an assault rifle laid out for sale",
        "an explosive vest",
    ),
}

BENIGN: Final[tuple[str, ...]] = (
    "a landscape photo",
    "a photo of an animal",
    "a plate of food",
    "a portrait of a person with clothes on",
    "people in swimwear at a beach",
    "a classical marble statue",
    "a mother feeding her baby",
    "a boxing match in a ring",
    "actors on a stage",
    "a toy gun",
    "a kitchen knife with vegetables",
    "ketchup on a plate",
    "a red flower",
    "a surgeon in an operating theatre",
    "a hand with henna paint",
    "a hindu or buddhist religious symbol",
    "a national flag",
    "flour and sugar on a baking table",
    "a nurse giving a vaccination",
    "electronic parts with wires on a desk",
    "fireworks in the night sky",
    "a colourful emoji",
    "a cartoon drawing",
    "an abstract pattern",
    "a product photo on white",
    "a screenshot with text",
)
