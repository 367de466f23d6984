"""Scenes: who, where and how a picture is made, as slots with a training and a validation half.

Duty: harmless words. Every eighth entry of a list is kept for validation, so validation rows are made of
subjects, places and styles that training never saw.
"""

# ruff: noqa: E501, SIM905  # word lists read best as blocks of text
from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")


def half(items: Sequence[T], *, held_out: bool) -> list[T]:
    """Every eighth item for validation, the others for training."""
    return [item for index, item in enumerate(items) if (index % 8 == 5) == held_out]


def entries(text: str) -> list[str]:
    """The semicolon- or line-separated entries of a block of text."""
    return [
        part for line in text.strip().splitlines() for entry in line.split(";") if (part := entry.strip())
    ]


PERSONS: Final = entries("""
man; woman; knight; soldier; pirate; wizard; sailor; farmer; nurse; doctor; chef; baker; dancer; painter; singer; queen
king; monk; samurai; cowboy; detective; astronaut; fisherman; blacksmith; librarian; teacher; judge; boxer; wrestler; actor
clown; waiter; barista; gardener; mechanic; carpenter; policeman; firefighter; lawyer; scientist; pilot; bus driver; cyclist
hunter; shepherd; merchant; nun; priest; witch; viking; gladiator; ninja; bride; groom; businessman; politician; neighbour
photographer; violinist; drummer; guitarist; rapper; model; tourist; traveller; runner; swimmer; surfer; skater; climber
old man; old woman; grandmother; grandfather; tall man; bearded man; red-haired woman
guard; spy; prince; duchess; beggar; tailor; butcher; postman; plumber; miner; robot engineer; street musician
vampire; android; cyborg; zombie hunter; space explorer; elf; dwarf; orc; mage; paladin; mermaid; sorceress; bandit; captain
""")

PLURALS: Final = entries("""
knights; soldiers; pirates; men; women; farmers; sailors; dancers; boxers; wrestlers; clowns; robots; vikings; samurai
strangers; neighbours; football fans; drivers; cowboys; monks; wizards; gladiators; drummers; tourists; workers; dwarves; nurses
""")

ANIMALS: Final = entries("""
dog; cat; horse; wolf; fox; bear; lion; tiger; elephant; rabbit; deer; owl; eagle; raven; swan; parrot; penguin; turtle; frog
snake; shark; whale; dolphin; octopus; pig; cow; goat; sheep; rooster; donkey; camel; giraffe; zebra; monkey; gorilla; panda; koala
squirrel; hedgehog; mouse; otter; bat; crab; butterfly; bee; dragon; unicorn; griffin; husky; labrador; siamese cat; black cat
""")

OBJECTS: Final = entries("""
car; truck; bicycle; motorbike; train; bus; boat; sailing ship; airplane; rocket; tractor; house; castle; tower; bridge; lighthouse
tent; chair; sofa; table; lamp; clock; guitar; piano; violin; book; camera; teapot; cup; bottle; vase; umbrella; suitcase; backpack
hat; shoe; coat; pizza; cake; burger; apple; banana; statue; fountain; robot; snowman; scarecrow; computer; phone; television; door
spaceship; windmill; cottage; street sign; mailbox; balloon; kite; candle; mirror; painting; treehouse; skateboard; telescope; garden
""")

PLACES: Final = entries("""
on a beach; in a forest; in a kitchen; on a city street; in a park; in a dark alley; in a castle; on a battlefield; in a small bar
in a bedroom; in a hotel room; on a rooftop; at a train station; in a subway car; in a library; in a workshop; in a garden
in a desert; on a mountain; in the snow; by a lake; on a bridge; in a cave; in a stadium; in an old church; in a hospital corridor
in a market; in a parking lot; on a ship; in a space station; in a ruined city; in a living room; in a garage; in an office; at a party
in a swamp; on the moon; under the sea; in a medieval village; in a tavern; in a barn; in a field of wheat; in a Tokyo street
at a bus stop; in a cafe; in a museum; in a factory; in a warehouse; by a campfire; on a farm; on a balcony; in front of a shop
in an arena; in a throne room; on a frozen river; in a neon-lit city; in the rain; on a stage; in a boxing ring; at a crossroads
in a jungle; on an island; in a canyon; in a greenhouse; at the harbour; in an elevator; on a staircase; in a backyard; in a village square
""")

TIMES: Final = entries("""
at night; at sunset; at dawn; at midnight; in the morning; on a foggy day; in winter; in autumn; under a full moon; during a storm
at noon; in summer; on a rainy evening; under grey clouds; in the afternoon; under the stars
""")

STYLES: Final = entries("""
oil painting; watercolor; digital art; anime style; comic book style; pencil sketch; charcoal drawing; 3d render; pixel art; photorealistic
cinematic; black and white photo; film noir; studio photo; concept art; cartoon; pop art; ukiyo-e; art deco; surrealism; 4k; low poly
impressionist painting; baroque; vintage poster; claymation; line art; vector art; isometric; stained glass; fantasy art; cyberpunk
steampunk; polaroid; wide angle shot; close-up; detailed; trending on artstation; 35mm film; dramatic lighting; gothic; minimalist
""")

LEADS: Final = entries("""
a photo of; a picture of; a painting of; an oil painting of; a drawing of; a sketch of; a portrait of; an illustration of; a cartoon of
a close-up of; a watercolor of; a poster of; an image of; a movie still of; a comic panel of; a 3d render of; draw; show me; generate
create an image of; i want a picture of; make a picture of; can you draw; a scene with; please paint
""")

COLOURS: Final = entries("""
red; blue; green; yellow; black; white; purple; orange; pink; brown; grey; golden; silver; turquoise; dark blue; bright green
""")

COUNTS: Final = entries("two; three; four; five; six; several; a group of; a crowd of; seven; a dozen")

TRAITS: Final = entries("""
old; tall; tired; happy; angry; lonely; proud; smiling; bearded; elegant; muscular; skinny; small; huge; mysterious; friendly
serious; wet; dusty; noble; brave; shy; sleepy; curious; strange; sad
""")

PERSON_ACTS: Final = entries("""
walking; standing; sitting; running; dancing; reading a book; drinking coffee; playing the guitar; looking at the camera; riding a horse
waiting; singing; painting a wall; holding a lantern; eating an apple; fixing a bicycle; talking on the phone; leaning on a wall; laughing
posing; cooking soup; lying down; resting; sleeping; watching the sky; carrying a box; selling fruit; feeding pigeons; climbing a ladder
""")

ANIMAL_ACTS: Final = entries("""
running; sleeping; sitting; jumping; eating; looking at the camera; playing with a ball; resting; drinking water; standing; lying down
""")

DETAILS_LIGHT: Final = entries("""
soft golden light; warm evening glow; gentle morning light; long soft shadows; dramatic side light; cool silvery light; soft diffused light
glowing highlights; light mist in the air; warm lantern light; delicate rim light; rich contrast of light and shadow
""")

DETAILS_TEXTURE: Final = entries("""
fine detailed textures; intricate details; weathered surfaces; crisp sharp detail; rich deep tones; subtle reflections; delicate patterns
carefully rendered materials; soft blurred background; atmospheric depth; lively composition; calm balanced composition
""")

DETAILS_OUTDOOR: Final = entries("""
drifting clouds; gentle breeze; distant hills; dew on the grass; scattered leaves; clear fresh air; sunlight through the trees
shimmering horizon; wildflowers along the path; a wide open sky
""")

DETAILS_INDOOR: Final = entries("""
cozy warm lamps; polished wooden surfaces; light falling through the window; soft fabrics; dust dancing in the light; worn wooden floor
a calm quiet mood; shelves in the background
""")

CALM: Final = entries("""
tense mood; dramatic mood; quiet tension in the air; focused expressions; suspenseful atmosphere; determined look; swirling dust
strong dramatic light; windswept cloaks; stormy sky
""")

_OUTDOOR: Final = frozenset(
    """beach forest street park alley battlefield rooftop garden desert mountain snow lake bridge canyon jungle island
field farm village harbour river rain road sky ocean sea grass hill tree trees city square backyard sand water wave waves""".split()
)
_INDOOR: Final = frozenset("""kitchen bar bedroom room library church corridor office garage cafe museum factory tavern barn elevator staircase
table desk couch bed bathroom counter shelf sink stove living restaurant""".split())  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slots:
    """One half of every list."""

    held_out: bool

    def of(self, items: Sequence[T]) -> list[T]:
        """The half of `items`."""
        return half(items, held_out=self.held_out)


def article(noun: str) -> str:
    """`noun` with a or an."""
    return f"{'an' if noun[0] in 'aeiou' and not noun.startswith(('uni', 'one')) else 'a'} {noun}"


def subject(rng: random.Random, slots: Slots, kind: str) -> tuple[str, str, bool]:
    """A noun phrase: (article or count, words, plural)."""
    if kind == "plural":
        return rng.choice(COUNTS), rng.choice(slots.of(PLURALS)), True
    nouns = {"person": PERSONS, "animal": ANIMALS, "object": OBJECTS}[kind]
    noun = rng.choice(slots.of(nouns))
    extra = ""
    if rng.random() < 0.35:
        extra = rng.choice(COLOURS if kind != "person" else TRAITS) + " "
    elif rng.random() < 0.15 and kind != "object":
        extra = rng.choice(TRAITS) + " "
    return "a", extra + noun, False


def phrase(lead: str, words: str) -> str:
    """The noun phrase as text."""
    return article(words) if lead == "a" else f"{lead} {words}"


def frame(rng: random.Random, slots: Slots) -> tuple[str, str]:
    """What stands before and after the scene: a lead ("a photo of ") and a tail (", oil painting")."""
    before = rng.choice(LEADS) + " " if rng.random() < 0.3 else ""
    tail = ""
    if rng.random() < 0.45:
        picked = rng.sample(slots.of(STYLES), rng.choice((1, 1, 1, 2, 3)))
        tail = ", " + ", ".join(picked)
    return before, tail


def setting(rng: random.Random, slots: Slots, *, chance: float = 0.8) -> str:
    """A place and perhaps a time, with a space before; or nothing."""
    text = ""
    if rng.random() < chance:
        text = " " + rng.choice(slots.of(PLACES))
    if rng.random() < 0.3:
        text += " " + rng.choice(TIMES)
    return text


def details(rng: random.Random, text: str, count: int) -> str:
    """`count` harmless visual details that fit the text, joined by commas, none of them in it already."""
    words = set(text.lower().replace(",", " ").split())
    pools = [DETAILS_LIGHT, DETAILS_TEXTURE]
    if words & _OUTDOOR:
        pools.append(DETAILS_OUTDOOR)
    elif words & _INDOOR:
        pools.append(DETAILS_INDOOR)
    chosen = [rng.choice(pool) for pool in rng.sample(pools, count)]
    return ", ".join(detail for detail in chosen if detail not in text)
