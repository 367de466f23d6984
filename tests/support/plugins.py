"""The scripted parts as a plugin package: an installed distribution whose entry points settings can name.

So a command line or a server can be run over fakes through the very path that a third party's package takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.gateway import POLICY, Looks, Painting, Rewriting, Words

_ENTRY_POINTS = """\
[imagegate.classifiers]
scripted-words = support.plugins:words
scripted-looks = support.plugins:looks
[imagegate.rewriters]
scripted = support.plugins:rewriting
[imagegate.generators]
scripted = support.plugins:painting
"""


def words(name: str, options: Mapping[str, object]) -> Words:
    assert name == "words"
    return Words()


def looks(name: str, options: Mapping[str, object]) -> Looks:
    assert name == "looks"
    return Looks()


def rewriting(name: str, options: Mapping[str, object]) -> Rewriting:
    return Rewriting()


def painting(name: str, options: Mapping[str, Any]) -> Painting:
    return Painting(marks=tuple(options.get("marks", (0,))))


def install_plugins(site: Path) -> None:
    """Make `site` hold a distribution that declares the scripted parts; put it on `sys.path` afterwards."""
    info = site / "scripted_parts-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted-parts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)


def write_config(folder: Path, *, marks: tuple[int, ...] = (0,), **settings: Any) -> Path:
    """Write a settings file (JSON is YAML) over the scripted parts, with its policy; return it."""
    policies = folder / "policies"
    policies.mkdir(parents=True, exist_ok=True)
    (policies / "scripted.yaml").write_text(POLICY)
    config = folder / "imagegate.yaml"
    content = {
        "data": str(folder / "data"),
        "policies": {"default": "scripted", "folder": str(policies)},
        "classifiers": {"words": {"type": "scripted-words"}, "looks": {"type": "scripted-looks"}},
        "rewriter": {"type": "scripted"},
        "generators": {"painting": {"type": "scripted", "options": {"marks": list(marks)}}},
        "default_generator": "painting",
    }
    config.write_text(json.dumps({**content, **settings}))
    return config
