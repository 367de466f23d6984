"""Where the weights that ship with this project lie.

Duty: a model's name → its folder. In a checkout that is `models/NAME`; in an installed wheel the same folder
travels as `imagegate_models/NAME`, because a top-level package called `models` would collide with other
projects'. It opens no file and checks none: each adapter does that against its own pins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

CHECKOUT: Final = "models"
INSTALLED: Final = "imagegate_models"


def embedded_folder(name: str) -> Path:
    """Return the folder of the embedded model `name`; it may be missing, and its adapter then says so."""
    root = Path(__file__).resolve().parents[1]
    installed = root / INSTALLED  # first: beside it, a folder `models` may be somebody else's package
    return (installed if installed.is_dir() else root / CHECKOUT) / name
