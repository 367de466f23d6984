"""Plain English captions for one thing, a coloured thing, several things, or two things.

Knows words only; no pictures. All captions are lower case without a full stop.
"""

from __future__ import annotations

from training.emoji_diffusion.vocabulary import ALIASES, TAG_BLOCK, UNCOUNTABLE

NUMBERS = {2: "two", 3: "three"}
_PLURALS = {
    "mouse": "mice",
    "fish": "fish",
    "knife": "knives",
    "wolf": "wolves",
    "person": "people",
    "man": "men",
    "woman": "women",
    "deer": "deer",
    "goose": "geese",
    "tooth": "teeth",
    "foot": "feet",
    "leaf": "leaves",
    "sheep": "sheep",
    "child": "children",
    "loaf": "loaves",
}


def names(label: str) -> tuple[str, ...]:
    """The names of a label, the best first."""
    return ALIASES.get(label, (label.replace("’", "'").lower(),))


def with_article(name: str) -> str:
    """`name` with "a" or "an" where English wants one."""
    if name.rsplit(maxsplit=1)[-1] in UNCOUNTABLE or name in UNCOUNTABLE:
        return name
    an = name[0] in "aeio" or name.startswith(("umbrella", "hourglass", "unamused", "upside"))
    return f"{'an' if an else 'a'} {name}"


def plural(name: str) -> str | None:
    """The plural of a countable name, None for names that have none."""
    if name in UNCOUNTABLE or " of " in name or " with " in name or " in " in name or " and " in name:
        return None
    head, _, last = name.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2] not in "aeiou":
        last = last[:-1] + "ies"
    elif last in {"potato", "tomato", "mango"}:
        last += "es"
    else:
        last += "s"
    return f"{head} {last}".strip()


def clean_tags(label: str, tags: list[str]) -> list[str]:
    """At most two harmless one-word tags of a label."""
    words = set(label.lower().split())
    good = [
        t
        for t in tags
        if t.isalpha() and t.islower() and len(t) > 3 and t not in TAG_BLOCK and t not in words
    ]
    return good[:2]


def single_captions(label: str, tags: list[str], colour: str | None) -> list[str]:
    """Captions of the picture of one thing; `colour` is its true dominant colour or None."""
    out: list[str] = []
    for name in names(label):
        out += [
            with_article(name),
            name,
            f"a picture of {with_article(name)}",
            f"{with_article(name)} on a white background",
        ]
        if colour and colour not in name.split() and name.split()[0] not in _COLOUR_WORDS:
            out += [with_article(f"{colour} {name}"), f"a picture of {with_article(f'{colour} {name}')}"]
    first = names(label)[0]
    out += [f"a drawing of {with_article(first)}", f"an emoji of {with_article(first)}"]
    if tags:
        out.append(", ".join([first, *tags]))
    return list(dict.fromkeys(out))


_COLOUR_WORDS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "purple",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "gray",
        "gold",
        "light",
    ]
)


def plain_name(label: str) -> str:
    """The first name of a label without a leading colour word, for recoloured pictures."""
    name = names(label)[0]
    first, _, rest = name.partition(" ")
    return rest if first in _COLOUR_WORDS and rest else name
