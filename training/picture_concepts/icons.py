"""Icons of permissive sets: what shows a concept, by exact name, and a share of those that surely show none.

An icon has one colour; it is painted here, by its name's hash, so that a set is not all black. Blood is red.
"""

from __future__ import annotations

import colorsys
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.emoji_diffusion.render import as_svg, render
from training.picture_concepts.concepts import CONCEPTS

SETS = ("mdi", "tabler", "ph", "icon-park", "healthicons")
"""Material Design Icons and IconPark Apache-2.0; Tabler, Phosphor and Health Icons MIT."""
SHOWN: dict[str, str] = {
    "weapon": "pistol|gun|rifle|knife|knife-military|kitchen-knife|sword|swords|sword-cross|holy-sword|axe|"
    "axe-battle|bomb|archers-bow|crossbow|grenade|dagger|katana",
    "blood": "blood-drop|blood-bag",
    "death": "skull|skull-crossbones|skull-scan|coffin|grave|grave-2|grave-stone|tombstone",
    "drugs": "pill|pills|pill-multiple|pill-1|pills-[234]|syringe|syringe-vaccine|cannabis|bong|vaccine|"
    "blister-pills-oval-x4|blister-pills-round-x4|blister-pills-oval-x14|blister-pills-round-x16",
    "smoking": "smoking|smoking-pipe|cigarette|cigar|smoke-cigarette",
    "alcohol": "beer|beer-mug|beer-stein|beer-bottle|bottle-wine|wine|glass-wine|glass-cocktail|"
    "glass-champagne|champagne|martini|cocktail|liquor|glass-mug|glass-flute|brandy|glass-mug-variant|alcohol",
    "gambling": "dice|dice-[1-6]|dice-(?:one|two|three|four|five|six)|dice-multiple|dice-d20|cards-playing|"
    "cards-playing-(?:club|spade|heart|diamond)|cards-playing-spade-multiple|cards-(?:club|spade)|play-card|"
    "play-card-(?:1|5|10|a|j|q|k)|poker-chip|poker|slot-machine|spade|club|clubs|joker|cards-club",
    "rude-gesture": "middle-finger|hand-middle-finger",
    "fire": "fire|flame|campfire|bonfire|explosion|fire-two",
}
STYLED = r"(?:-outline|-filled|-fill|-duotone|-bold|-negative|-variant)?"
NEAR = (
    "gun|pistol|rifle|knife|dagger|sword|bomb|grenade|axe|skull|coffin|grave|tomb|dead|syringe|needle|pill|drug|"
    "cannabis|leaf|smok|cigar|beer|wine|cocktail|glass|mug|cup|bottle|martini|champagne|liquor|whisk|dice|card|poker|"
    "casino|slot|spade|club|joker|fire|flame|explo|burst|blood|water|drop|wound|bandage|finger|hand|vaccin|inject|"
    "medic|bow|target|blade|razor|saw|scalpel|bone|ghost|death|cross|heart|diamond|chip|money|torch|candle|match|"
    "heat|hot|sun|light|off$|slash|no-|cancel|ban|flask|tube|pen|pencil|thermo|vape|bong|pipe|weapon|war|military|"
    "tank|missile|rocket|crosshair|shield|fight|kill|brand|logo"
)
"""An icon with one of these in its name is no example of nothing."""
NOTHING = 420
"""Icons of each set that show no concept."""


def drawings(packages: Path, style: str) -> Iterator[tuple[str, np.ndarray]]:
    """Label (`icon CONCEPT NAME`, CONCEPT may be `nothing`) and premultiplied RGBA 96 x 96 of each icon."""
    data = json.loads((packages / "@iconify-json" / style / "icons.json").read_text())
    shown = {name: re.compile(f"(?:{stems}){STYLED}") for name, stems in SHOWN.items()}
    kept = {
        name: concept for name in data["icons"] for concept, kind in shown.items() if kind.fullmatch(name)
    }
    far = sorted((n for n in data["icons"] if not re.search(NEAR, n)), key=lambda n: zlib.crc32(n.encode()))
    kept |= dict.fromkeys(far[:NOTHING], "nothing")
    for name, concept in kept.items():
        svg = as_svg(data["icons"][name], data).replace("currentColor", _colour(name, concept))
        yield f"icon {concept} {name}", render(svg, 96, 2)


def targets(label: str) -> tuple[list[float], list[float]]:
    """As `concepts.targets`, of an icon's label: all is said."""
    return [float(label.split()[1] == name) for name in CONCEPTS], [1.0] * len(CONCEPTS)


def _colour(name: str, concept: str) -> str:
    draw = zlib.crc32(f"colour {name}".encode())
    hue, dark = (draw % 360) / 360, draw // 360 % 3
    if concept == "blood":
        return "#c81020"
    if dark == 0:
        return "#202428"
    red, green, blue = colorsys.hls_to_rgb(hue, 0.32 + 0.1 * dark, 0.75)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"
