"""One training row, and how scenes with and without offences are put together.

Duty: text. A row is what the gateway would ask (prompt, categories, words found, mode) and the answer wanted.
"""

# ruff: noqa: E501  # word lists read best as blocks of text
from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

from training.rewriter import scenes
from training.rewriter.obfuscate import obfuscated
from training.rewriter.offence import Offence
from training.rewriter.offences import GROUPS, OFFENCES, STAND_INS
from training.rewriter.scenes import Slots

HELD_OFFENCES: Final = frozenset(offence for index, offence in enumerate(OFFENCES) if index % 11 == 7)


@dataclass(frozen=True, slots=True)
class Row:
    """`prompt` → `answer`, with what the classifiers would say. `kind` names the builder, for the counts."""

    kind: str
    prompt: str
    answer: str
    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    mode: str = "safety"


def joined(*parts: str) -> str:
    """The parts as one line, with single spaces and no comma left hanging."""
    text = " ".join(" ".join(part for part in parts if part).split())
    for wrong, right in ((" ,", ","), (",,", ","), (", ,", ",")):
        text = text.replace(wrong, right)
    return text.strip(" ,")


class Builder:
    """Makes rows out of one half of the slots."""

    def __init__(self, rng: random.Random, *, held_out: bool) -> None:
        self.rng = rng
        self.slots = Slots(held_out)
        offences = [o for o in OFFENCES if (o in HELD_OFFENCES) == held_out]
        self._by_form = {
            form: [o for o in offences if o.form == form] for form in ("act", "adjective", "tail", "name")
        }

    def offending(self) -> Row:
        """A template scene with one or two offences, and the same scene mended."""
        rng = self.rng
        form = rng.choices(("act", "adjective", "tail", "name"), (50, 18, 20, 12))[0]
        offence = rng.choice(self._by_form[form])
        bad, good, found = self._scene(offence)
        categories = [offence.category]
        if rng.random() < 0.15:
            extra = rng.choice(self._by_form["tail"])
            bad, good = f"{bad}, {extra.bad}", joined(good, ",", extra.good)
            found.append(extra.bad)
            if extra.category not in categories:
                categories.append(extra.category)
        if rng.random() < 0.12:
            bad, word = _with_stand_in(rng, bad)
            if word:
                found.append(word)
                categories.append("profanity")
        row = Row(f"template/{offence.category}", bad, good, tuple(dict.fromkeys(categories)), tuple(found))
        return self.finished(row)

    def finished(self, row: Row) -> Row:
        """The row as classifiers would see it: words found or not, sometimes written unlike it is spoken."""
        rng = self.rng
        row = replace(row, words=seen(rng, row.words))
        if rng.random() < 0.08:
            row = disguised(rng, row)
        if rng.random() < 0.18:
            more = scenes.details(rng, row.answer, rng.choice((1, 2)))
            row = replace(row, mode="enhance", answer=joined(row.answer, ",", more))
        if rng.random() < 0.1:
            row = replace(row, prompt=row.prompt + rng.choice(".!")) if row.prompt[-1].isalnum() else row
        if rng.random() < 0.15:
            row = replace(row, prompt=row.prompt[0].upper() + row.prompt[1:])
        return row

    def benign(self) -> Row:
        """A harmless scene that comes back: as it is, or with details when asked."""
        rng = self.rng
        before, tail = scenes.frame(rng, self.slots)
        kind = rng.choice(("person", "plural", "animal", "object"))
        words = self._benign_scene(kind)
        text = joined(before, words, tail)
        return self.kept("benign", text)

    def kept(self, kind: str, text: str, *, enhance: float = 0.6) -> Row:
        """A row whose answer is the text itself, with details in enhance mode."""
        rng = self.rng
        if rng.random() < enhance:
            more = scenes.details(rng, text, rng.choice((1, 2, 2)))
            return Row(f"{kind}/enhance", text, joined(text.rstrip(" .!,"), ",", more), mode="enhance")
        categories, words = (), ()
        if rng.random() < 0.5:
            # a false alarm: something was found, nothing is wrong
            categories = (rng.choice(("violence", "sexual", "harassment", "profanity", "illicit", "hate")),)
        return Row(f"{kind}/safety", text, text.rstrip(" .!,"), categories, words)

    def _benign_scene(self, kind: str) -> str:
        rng, slots = self.rng, self.slots
        lead, words, _ = scenes.subject(rng, slots, kind)
        parts = [scenes.phrase(lead, words)]
        if rng.random() < 0.25:
            other = rng.choice(("animal", "object", "person"))
            lead2, words2, _ = scenes.subject(rng, slots, other)
            count = rng.choice((lead2, "two", "three", "four"))
            second = scenes.phrase(lead2, words2) if count == "a" else f"{count} {_plural(words2)}"
            parts.append(rng.choice(("and", "with", "next to", "beside")) + " " + second)
        if kind != "object" and rng.random() < 0.6:
            acts = scenes.ANIMAL_ACTS if kind == "animal" else scenes.PERSON_ACTS
            parts.append(rng.choice(acts))
        if rng.random() < 0.15:
            parts.append(rng.choice(_NEGATIONS))
        if rng.random() < 0.15:
            parts.append(rng.choice(_LOOK_ALIKES))
        return joined(*parts, scenes.setting(rng, slots))

    def _scene(self, offence: Offence) -> tuple[str, str, list[str]]:
        """A scene with the offence, the scene mended, and the words at fault."""
        rng, slots = self.rng, self.slots
        before, tail = scenes.frame(rng, slots)
        place = scenes.setting(rng, slots)
        kind = self._kind_for(offence)
        if offence.who == "group":
            lead, words = rng.choice(("", "", "some ", "a group of ", "two ")), rng.choice(slots.of(GROUPS))
            lead = lead.strip()
        else:
            lead, words, _ = scenes.subject(rng, slots, kind)
        if offence.form == "act":
            other = scenes.subject(rng, slots, rng.choice(("person", "person", "plural", "animal")))
            o = scenes.phrase(other[0], other[1])
            who = scenes.phrase(lead, words) if lead else words
            bad_act, good_act = offence.bad.replace("{o}", o), offence.good.replace("{o}", o)
            order = rng.random() < 0.85
            bad = joined(who, bad_act, place) if order else joined(place.strip() + ",", who, bad_act)
            head, _, mood = good_act.partition(", ")
            good = joined(who, head, place) if order else joined(place.strip() + ",", who, head)
            bad, good = joined(before, bad, tail), joined(before, good, "," if mood else "", mood, tail)
            found = [part.strip() for part in offence.bad.split("{o}") if part.strip()]
            return bad, good, found
        act = ""
        if kind in ("person", "plural", "animal") and rng.random() < 0.6:
            act = rng.choice(scenes.ANIMAL_ACTS if kind == "animal" else scenes.PERSON_ACTS)
        if offence.form == "name":
            noun = joined(rng.choice(scenes.TRAITS), offence.bad) if rng.random() < 0.3 else offence.bad
            clean = noun.replace(offence.bad, offence.good)
            bad = joined(before, scenes.phrase("a", noun), act, place, tail)
            return bad, joined(before, scenes.phrase("a", clean), act, place, tail), [offence.bad]
        if offence.form == "adjective":
            noun = f"{offence.bad} {words}"
            clean = joined(offence.good, words)
            bad_who = scenes.phrase(lead, noun) if lead else noun
            good_who = scenes.phrase(lead, clean) if lead else clean
            bad = joined(before, bad_who, act, place, tail)
            return bad, joined(before, good_who, act, place, tail), [offence.bad]
        who = scenes.phrase(lead, words)
        spot = rng.random() < 0.5
        core = joined(before, who, act, place)
        sep = rng.choice((", ", ", ", ", ", " - ", ". "))
        bad = core + sep + offence.bad + tail if spot else joined(core, tail) + sep + offence.bad
        good = joined(core, ",", offence.good, tail) if spot else joined(core, tail, ",", offence.good)
        return bad, good, [offence.bad]

    def _kind_for(self, offence: Offence) -> str:
        if offence.who == "any":
            return self.rng.choice(("person", "plural", "animal", "object"))
        if offence.who == "person" and offence.form in ("adjective", "tail"):
            return self.rng.choice(("person", "person", "plural"))
        return offence.who


def seen(rng: random.Random, phrases: tuple[str, ...]) -> tuple[str, ...]:
    """What classifiers might point at: nothing, the whole phrase, or a word of it."""
    roll = rng.random()
    if roll < 0.4:
        return ()
    found = []
    for phrase in phrases:
        words = phrase.split()
        if len(words) > 1 and rng.random() < 0.45:
            found.append(max(rng.sample(words, min(2, len(words))), key=len))
        else:
            found.append(phrase)
    return tuple(found if roll < 0.9 else found[:1])


def disguised(rng: random.Random, row: Row) -> Row:
    """The row with the words at fault (or, unknown, one long word) written in leetspeak or spaced letters."""
    targets = [
        word for phrase in row.words for word in phrase.split() if len(word) > 3 and word in row.prompt
    ]
    if not targets:
        return row
    word = rng.choice(targets)
    hidden = obfuscated(rng, word)
    return replace(
        row,
        kind="obfuscated",
        prompt=row.prompt.replace(word, hidden),
        words=tuple(phrase.replace(word, hidden) for phrase in row.words) if rng.random() < 0.5 else (),
    )


def _with_stand_in(rng: random.Random, text: str) -> tuple[str, str]:
    """A mild coarse word behind the first article, if there is one."""
    words = text.split()
    spots = [index for index, word in enumerate(words[:-1]) if word in ("the", "two", "three", "a", "some")]
    if not spots:
        return text, ""
    word = rng.choice(STAND_INS)
    words.insert(rng.choice(spots) + 1, word)
    return " ".join(words), word


def _plural(words: str) -> str:
    if words.endswith(("s", "x", "ch", "sh")):
        return words + "es"
    if words.endswith("man"):
        return words[:-3] + "men"
    if words.endswith("y") and words[-2] not in "aeiou":
        return words[:-1] + "ies"
    return words + "s"


_NEGATIONS: Final = scenes.entries("""
without a hat; with no people around; not smiling; without any text; with no shadows; without shoes; with nobody else; no clouds in the sky
without glasses; but no dog; with no background; not wearing a coat; never sleeping; no trees; without windows
""")

_LOOK_ALIKES: Final = scenes.entries("""
with a sword on the wall; cutting a cake; shooting a basketball; holding a kitchen knife and vegetables; wearing a swimsuit
in a horror film costume; with a toy gun; near a blood orange tree; under a blood moon; with a killer whale poster; wearing a red dress
in a history museum of war; with a wooden shield; playing chess; with a bandaged knee
with a bare tree behind; with a shot of espresso; at a punch bowl; in a sleeveless shirt; with a fighting kite; with fake spider webs
""")
