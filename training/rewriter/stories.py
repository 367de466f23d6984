"""Whole sentences with an offence that no single word gives away, or that runs through the sentence.

Duty: pairs of sentences. `{s}` is the subject (with its article), `{p}` a place (with its preposition).
"""

# ruff: noqa: E501  # word lists read best as blocks of text
from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from training.rewriter import scenes
from training.rewriter.rows import Builder, Row, joined

_TEXT: Final = """
violence | the last moments of {s} {p}, the blade already inside => {s} {p} in a quiet moment, dramatic light
violence | {s} {p} will not live to see the morning => {s} {p} waiting for the morning
violence | {s} {p} and the stranger who came to end it => {s} {p} and a stranger who came to visit
violence | someone has just made {s} pay with their life {p} => someone has just met {s} {p}
violence | {s} is on the losing side of a fight to the death {p} => {s} is taking a rest after a long day {p}
violence | a fist meets the face of {s} {p}, teeth flying => a hand waves to {s} {p}, leaves flying
violence | {s} {p} while bullets rain down on the crowd => {s} {p} while confetti rains down on the crowd
violence | they have tied {s} to a chair {p} and the pliers are ready => {s} is sitting on a chair {p} beside a toolbox
violence | {s} has finally had revenge on the whole family {p} => {s} has finally met the whole family {p}
violence | everybody who crossed {s} is buried {p} => everybody who knows {s} is gathered {p}
violence | war crimes {p}, {s} gives the order to fire at the villagers => a village {p}, {s} gives a speech to the villagers
violence | {s} squeezes until there is no more breath {p} => {s} gives a warm hug {p}
violence | an angry mob {p} is about to string up {s} => a cheerful crowd {p} is listening to {s}
violence | the arrow goes right through {s} {p} => an arrow sign points to {s} {p}
violence/graphic | what is left of {s} {p} after the explosion, red and wet => {s} {p} after the fireworks, warm red light
violence/graphic | {s} looks down at a stomach that is open {p} => {s} looks down at a torn coat {p}
violence/graphic | the walls are painted with what used to be inside {s} {p} => the walls are painted in red, {s} is standing {p}
violence/graphic | {s} {p} holding their own head under the arm, neck still dripping => {s} {p} holding a pumpkin under the arm
violence/graphic | nothing but bones and flesh remains of {s} {p} => {s} is resting {p} among smooth stones
violence/graphic | crows are eating the eyes of {s} {p} => crows are flying around {s} {p}
violence/graphic | {s} has been run through a meat grinder {p} => {s} is standing beside a kitchen machine {p}
violence/graphic | an autopsy of {s} gone wrong {p}, organs on display => a museum visit of {s} {p}, old tools on display
violence/graphic | the floor {p} turns dark and sticky under {s} => the floor {p} shines under {s}
sexual | {s} {p} the way nature made them => {s} {p} in comfortable clothes
sexual | {s} {p} with the robe fallen to the floor => {s} {p} in a long robe
sexual | {s} {p} leaves nothing to the imagination => {s} {p} in an elegant outfit
sexual | {s} waiting for a lover {p} with only a sheet => {s} waiting for a friend {p} in a knitted sweater
sexual | two lovers and {s} {p}, sweaty bodies entwined => two friends and {s} {p}, sharing a meal
sexual | {s} {p} unbuttons slowly and looks inviting => {s} {p} buttons up a coat and looks cheerful
sexual | the body of {s} {p}, every curve uncovered => {s} {p} in a flowing coat
sexual | {s} in a very revealing outfit {p}, hot and tempting => {s} in a stylish outfit {p}, calm and confident
sexual | a calendar page for adults only with {s} {p} => a calendar page with {s} {p} in winter clothes
sexual | {s} getting intimate with a stranger {p} => {s} chatting with a stranger {p}
sexual | {s} {p}, wet and barely covered by a towel => {s} {p}, dry and wrapped in a warm bathrobe
self-harm | {s} {p} has nothing left to live for and is ready to go => {s} {p} is comforted by a friend, hopeful light
self-harm | {s} stands at the edge {p} and takes the last step => {s} stands at a safe distance {p} with a friend
self-harm | the blade, the bathtub, and {s} who is tired of everything => a warm bath and {s} who is resting
self-harm | {s} {p} counting pills until there are enough => {s} {p} counting stars with a friend
self-harm | a farewell note beside {s} {p}, it will be over soon => a letter from a friend beside {s} {p}
self-harm | {s} {p} lets the train come closer without moving => {s} {p} waits for the train with a friend
self-harm | pain on purpose, {s} {p} with fresh lines on the skin => calm and care, {s} {p} in a soft sweater
illicit | {s} {p} with a little bag of white powder and a rolled banknote => {s} {p} with a little bag of sugar and a cup of coffee
illicit | {s} {p} hands over the package before the police come => {s} {p} hands over a birthday present
illicit | {s} cooks something blue {p} that will make everybody an addict => {s} cooks blueberry jam {p}
illicit | nobody notices that {s} leaves {p} with things that are not theirs => {s} leaves {p} with a shopping bag
illicit | {s} mixes fertilizer and fuel {p}, wires and a timer ready => {s} mixes cake dough {p}, bowl and timer ready
illicit | {s} {p} shows how to get through customs with hidden goods => {s} {p} shows how to pack a suitcase
illicit | {s} lights the match {p} for the insurance money => {s} lights a candle {p}
hate | {s} {p} under a sign that people of that faith are not welcome => {s} {p} under a sign that everybody is welcome
hate | a poster {p} that says foreigners are rats, {s} laughing => a poster {p} that says welcome to all, {s} laughing
hate | {s} {p} explains why some races are worth less => {s} {p} explains why all people are equal
hate | a cartoon {p} in which {s} chases out all who pray differently => a cartoon {p} in which {s} shares bread with all who pray differently
hate | {s} {p} salutes the flag of a regime that murdered millions => {s} {p} waves a colourful flag
harassment | everybody {p} points and laughs at how ugly {s} is => everybody {p} points and smiles at {s}
harassment | {s} {p}, drawn so that all see what a failure they are => {s} {p}, drawn with kindness
harassment | make {s} {p} look as dumb as possible => {s} {p} looking thoughtful
harassment | humiliate {s} {p} in front of the crowd => {s} {p} in front of the crowd
harassment | {s} {p} cries because nobody will ever love such a face => {s} {p} smiles softly
harassment | a cartoon that shows {s} as the clown that they are {p} => a cartoon that shows {s} {p}
harassment | {s} gets a message {p} that says we know where you live => {s} gets a message {p} that says happy birthday
profanity | what the actual hell is {s} doing {p} => {s} {p}
profanity | {s} {p} giving zero damns about anything => {s} {p} looking relaxed
profanity | holy crap that is one hell of {s} {p} => an impressive picture of {s} {p}
profanity | {s} {p} says screw you all => {s} {p} says hello to all
profanity | {s} {p} flipping the bird at the camera => {s} {p} waving at the camera
"""


def _pairs() -> list[tuple[str, str, str]]:
    found = []
    for line in _TEXT.strip().splitlines():
        category, _, rest = line.partition("|")
        bad, _, good = rest.partition("=>")
        found.append((category.strip(), bad.strip(), good.strip()))
    return found


STORIES: Final[Sequence[tuple[str, str, str]]] = _pairs()


def story(builder: Builder) -> Row:
    """A story about a subject somewhere, and the same mended."""
    rng, slots = builder.rng, builder.slots
    category, bad, good = rng.choice(scenes.half(STORIES, held_out=slots.held_out))
    kinds = ("person", "person", "animal") if category.startswith("violence") else ("person",)
    lead, words, _ = scenes.subject(rng, slots, rng.choice(kinds))
    who = scenes.phrase(lead, words) if rng.random() < 0.6 else f"the {words}"
    place = rng.choice(slots.of(scenes.PLACES))
    before, tail = _frame(rng, builder)
    bad, good = (text.replace("{s}", who).replace("{p}", place) for text in (bad, good))
    return builder.finished(
        Row(f"story/{category}", joined(before, bad, tail), joined(before, good, tail), (category,), ())
    )


def _frame(rng: random.Random, builder: Builder) -> tuple[str, str]:
    before, tail = scenes.frame(rng, builder.slots)
    return ("" if rng.random() < 0.7 else before), tail
