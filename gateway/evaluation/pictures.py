"""Labelled pictures, and where they come from: folders, JSON Lines, an installed package, emoji artwork.

Duty: places → pictures with what is known of each, read only when they are measured. Every mistake is
reported with its file. It draws nothing; `gateway.evaluation.drawn` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels
from classifiers.taxonomy import CATEGORIES, is_known
from gateway.core.errors import ConfigurationError
from gateway.evaluation.artwork import rendered, require_svg, svg_of
from gateway.evaluation.prompts import LabelledPrompt, json_rows, labelled_row
from gateway.imaging.decode import DecodeLimits, ImageRefused, decode_blocking

PHOTOS: Final = "photos"
"""The built-in set: the sample pictures inside scikit-image (BSD and public domain), all harmless."""
BENIGN_FOLDER: Final = "benign"
SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})
EMOJI_SIDE: Final = 512
_OWN_FILES: Final = DecodeLimits(max_bytes=100_000_000)
_LEFT_OUT: Final = ("skin-tone", "flag-", "-flag", "-tone")
"""Variants by the hundred that would drown the other emoji."""
_NOT_HARMLESS: Final = (
    *("knife", "dagger", "sword", "gun", "pistol", "axe", "bomb", "bow-and", "firecracker", "explosion"),
    *("collision", "fire", "blood", "skull", "bone", "coffin", "headstone", "urn", "zombie", "vampire"),
    *("pill", "syringe", "cigarette", "smoking", "beer", "wine", "cocktail", "tropical-drink", "champagne"),
    *(
        "sake",
        "bottle",
        "tumbler",
        "clinking",
        "slot-machine",
        "game-die",
        "joker",
        "mahjong",
        "middle-finger",
    ),
)
"""Words of emoji that show a thing some policy is about: not counted as harmless, nor as harm."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture: what is known of it (`row`, whose text is its name), and how to read it."""

    row: LabelledPrompt
    read: Callable[[], Pixels]

    @property
    def name(self) -> str:
        """Its file, or how it was made."""
        return self.row.text

    @property
    def place(self) -> str:
        """Set and name, for messages."""
        return f"{self.row.dataset}: {self.row.text}"

    @property
    def dataset(self) -> str:
        """The set it came from."""
        return self.row.dataset

    @property
    def slice(self) -> str:
        """A part of the set, or nothing."""
        return self.row.slice

    @property
    def pair(self) -> str:
        """What the two sides of a contrast pair share, or nothing."""
        return self.row.pair

    @property
    def lang(self) -> str:
        """A picture has none."""
        return self.row.lang

    @property
    def violates(self) -> bool | None:
        """Whether it shows any category, None when nobody said."""
        return self.row.violates

    def label(self, category: str) -> bool | None:
        """Whether it shows the category, None when nobody said."""
        return self.row.label(category)

    def pixels(self) -> Pixels:
        """H × W × 3 uint8. Raises ConfigurationError when the file can't be read."""
        return self.read()


def read_pictures(
    sets: Sequence[str], labelled: Sequence[Path], emoji: Sequence[Path], limit: int | None
) -> list[LabelledPicture]:
    """Return the pictures of all the sets; of each at most `limit`, evenly spaced.

    `sets` are folders of harmless pictures, `.jsonl` files with labels, or `photos`. `labelled` are folders
    with a folder per category (`violence/graphic/…`), and `benign`. `emoji` are folders of an npm package
    `@iconify-json/…`, harmless but for those that show a weapon, a drug and the like, which are left out.

    Raises:
        ConfigurationError: a folder or file is missing, empty or wrong, or a library is missing.
    """
    found: list[LabelledPicture] = []
    for name in sets:
        found += _evenly(_set(name), limit)
    for folder in labelled:
        found += _evenly(_by_category(folder), limit)
    for folder in emoji:
        found += _evenly(_emoji(folder), limit)
    return found


def _evenly(pictures: Sequence[LabelledPicture], limit: int | None) -> list[LabelledPicture]:
    if limit is None or len(pictures) <= limit:
        return list(pictures)
    return [pictures[at * len(pictures) // limit] for at in range(limit)]


def _set(name: str) -> list[LabelledPicture]:
    if name == PHOTOS:
        spec = find_spec("skimage")
        if spec is None or not spec.submodule_search_locations:
            raise ConfigurationError("the set photos needs scikit-image; pip install scikit-image")
        found = _harmless(Path(spec.submodule_search_locations[0], "data"), PHOTOS)
        return [picture for picture in found if not picture.name.endswith(".gif")]  # the one is animated
    if Path(name).suffix == ".jsonl":
        return _rows(Path(name))
    return _harmless(Path(name), name)


def _harmless(folder: Path, name: str) -> list[LabelledPicture]:
    return [
        LabelledPicture(
            LabelledPrompt(path.relative_to(folder).as_posix(), name, 0, harmless=True), partial(_file, path)
        )
        for path in _files(folder)
    ]


def _by_category(folder: Path) -> list[LabelledPicture]:
    found = []
    for path in _files(folder):
        slug = path.parent.relative_to(folder).as_posix()
        if slug != BENIGN_FOLDER and not is_known(slug):
            raise ConfigurationError(
                f"{path}: the folder {slug!r} is no category; use {BENIGN_FOLDER}, custom/…, or one of "
                f"{', '.join(CATEGORIES)}"
            )
        labels = {} if slug == BENIGN_FOLDER else {slug: True}
        row = LabelledPrompt(
            path.relative_to(folder).as_posix(), str(folder), 0, labels, slug, harmless=slug == BENIGN_FOLDER
        )
        found.append(LabelledPicture(row, partial(_file, path)))
    return found


def _rows(path: Path) -> list[LabelledPicture]:
    found = []
    for line, row in json_rows(path):
        where = row.get("path")
        if not isinstance(where, str) or not where:
            raise ConfigurationError(f"{path}:{line}: no path; give the picture's file, relative to this one")
        rest = {key: value for key, value in row.items() if key != "path"}
        known = labelled_row({"text": where, **rest}, str(path), line)
        found.append(LabelledPicture(known, partial(_file, path.parent / where)))
    if not found:
        raise ConfigurationError(f"{path}: the file names no picture")
    return found


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder}: no such folder; give a folder of pictures, a .jsonl file, or {PHOTOS}"
        )
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise ConfigurationError(f"{folder}: no picture in it; {', '.join(sorted(SUFFIXES))} are read")
    return files


def _file(path: Path) -> Pixels:
    try:
        return decode_blocking(path.read_bytes(), _OWN_FILES)
    except OSError as error:
        raise ConfigurationError(f"{path}: the picture can't be read: {error.strerror}") from error
    except ImageRefused as error:
        raise ConfigurationError(f"{path}: {error.reason}") from error


def _emoji(folder: Path) -> list[LabelledPicture]:
    try:
        package = json.loads((folder / "icons.json").read_text("utf-8"))
        icons = [(name, svg_of(package, icon)) for name, icon in package["icons"].items() if _is_plain(name)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"--emoji {folder}: no icons.json of an npm package @iconify-json/…; give that package's folder"
        ) from error
    require_svg("--emoji")
    dataset = f"emoji {folder.name}"
    return [
        LabelledPicture(LabelledPrompt(name, dataset, 0, harmless=True), partial(_rendered, svg))
        for name, svg in sorted(icons)
        if not any(word in name for word in _NOT_HARMLESS)
    ]


def _is_plain(name: str) -> bool:
    return not any(part in name for part in _LEFT_OUT)


def _rendered(svg: str) -> Pixels:
    """An emoji on white."""
    over = Image.new("RGBA", (EMOJI_SIDE, EMOJI_SIDE), "white")
    over.alpha_composite(rendered(svg, EMOJI_SIDE))
    return np.asarray(over.convert("RGB"), dtype=np.uint8)
