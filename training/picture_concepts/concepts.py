"""Which drawings show which concept, and which are left unsaid.

Word lists only. A label in `UNSAID` may show the concept in one style and not in another (a ninja with or
without a blade), so it is neither a positive nor a negative for it: the loss is masked.
"""

from __future__ import annotations

POSITIVE: dict[str, frozenset[str]] = {
    "weapon": frozenset(
        ["kitchen knife", "dagger", "crossed swords", "water pistol", "bow and arrow", "axe", "bomb"]
    ),
    "blood": frozenset(["drop of blood", "face with head-bandage"]),
    "death": frozenset(["skull", "skull and crossbones", "coffin", "headstone", "funeral urn"]),
    "drugs": frozenset(["syringe", "pill"]),
    "smoking": frozenset(["cigarette"]),
    "alcohol": frozenset(
        [
            "beer mug",
            "clinking beer mugs",
            "wine glass",
            "cocktail glass",
            "tropical drink",
            "clinking glasses",
            "tumbler glass",
            "bottle with popping cork",
            "sake",
        ]
    ),
    "gambling": frozenset(
        [
            "slot machine",
            "game die",
            "joker",
            "mahjong red dragon",
            "flower playing cards",
            "spade suit",
            "club suit",
        ]
    ),
    "rude-gesture": frozenset(["middle finger"]),
    "fire": frozenset(["fire", "collision", "heart on fire", "firecracker", "exploding head"]),
}
CONCEPTS = tuple(POSITIVE)

UNSAID: dict[str, frozenset[str]] = {
    "weapon": frozenset(
        [
            "ninja",
            "person fencing",
            "boomerang",
            "razor",
            "trident emblem",
            "carpentry saw",
            "firecracker",
            "hammer and pick",
            "pick",
            "fork and knife",
            "fork and knife with plate",
            "Sagittarius",
            "Japanese dolls",
            "supervillain",
            "troll",
        ]
    ),
    "blood": frozenset(
        ["vampire", "zombie", "adhesive bandage", "mending heart", "anatomical heart", "syringe", "droplet"]
    ),
    "death": frozenset(["zombie", "x-ray", "ghost", "bone", "face with crossed-out eyes", "jack-o-lantern"]),
    "drugs": frozenset(["lotion bottle", "sewing needle", "herb", "mushroom", "test tube", "thermometer"]),
    "smoking": frozenset(["no smoking", "matches", "fire"]),
    "alcohol": frozenset(["cup with straw", "beverage box", "mate", "pouring liquid", "baby bottle"]),
    "gambling": frozenset(
        ["heart suit", "diamond suit", "pool 8 ball", "admission tickets", "ticket", "coin"]
    ),
    "rude-gesture": frozenset(["index pointing up", "backhand index pointing up", "oncoming fist"]),
    "fire": frozenset(
        ["volcano", "fireworks", "sparkler", "bomb", "candle", "phoenix", "comet", "diya lamp", "dragon"]
    ),
}


def shown_by(names: list[str]) -> list[list[float]]:
    """Names x concepts: 1 where a name is a label that shows the concept."""
    return [[float(name in POSITIVE[concept]) for concept in CONCEPTS] for name in names]


def targets(label: str) -> tuple[list[float], list[float]]:
    """Per concept 1 or 0, and per concept 1 where that is said, else 0."""
    return (
        [float(label in POSITIVE[name]) for name in CONCEPTS],
        [float(label not in UNSAID[name]) for name in CONCEPTS],
    )
