"""Whether pictures show their prompts: what counts as right, references, and the report."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.judge import COLOURS, colour_judge

from classifiers.image.drawing_labels import DrawingLabels
from classifiers.protocol import ClassifierConfigError, Pixels
from gateway.core.errors import ConfigurationError
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, Picture
from gateway.evaluation.artwork import Artwork
from gateway.evaluation.asked import FILE, KINDS, Asked, Thing, read_asked, thinned
from gateway.evaluation.colour_words import colour_of
from gateway.evaluation.shown import CHANCE, Shown, evaluate_shown
from gateway.evaluation.shown_report import shown_view, write_report
from gateway.generation.fakes import ScriptedGenerator

APPLE, SEA, LEAF = Thing("apple", "1f34e"), Thing("sea", "1f30a"), Thing("leaf", "1f343")
ROWS = (
    Asked("an apple", "label", (APPLE,), slice="common"),
    Asked("a sea, badly drawn", "label", (SEA,), slice="rare"),
    Asked("a red leaf", "colour", (Thing("leaf", "1f343", "red"),)),
    Asked("a green leaf", "colour", (Thing("leaf", "1f343", "green"),)),
    Asked("an apple and the sea", "composed", (APPLE, SEA), "and"),
    Asked("an apple above a leaf, forgotten", "composed", (APPLE, LEAF), "above"),
)
DRAWN = {
    "an apple": [("apple", 8, 8, 48)],
    "a sea, badly drawn": [("leaf", 8, 8, 48)],
    "a red leaf": [("leaf", 8, 8, 48)],
    "a green leaf": [("leaf", 8, 8, 48)],
    "an apple and the sea": [("apple", 2, 18, 28), ("sea", 34, 18, 28)],
    "an apple above a leaf, forgotten": [("apple", 18, 2, 28)],
}
"""What is drawn for each prompt: a square of the thing's colour, left, top and side."""


class _Squares(ScriptedGenerator):
    """Draws squares instead of things."""

    def __init__(self) -> None:
        super().__init__([])

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        picture = np.full((64, 64, 3), 255, np.uint8)
        for name, left, top, side in DRAWN[request.prompt]:
            picture[top : top + side, left : left + side] = COLOURS[name]
        yield Generated((Picture(pixels=picture),))


@pytest.fixture
def judge(tmp_path: Path) -> DrawingLabels:
    return DrawingLabels(colour_judge(tmp_path / "judge"))


async def _shown(judge: DrawingLabels, seed: int = 0) -> tuple[Shown, _Squares]:
    generator = _Squares()
    return await evaluate_shown(generator, judge, ROWS, seed=seed), generator


async def test_each_kind_is_counted_by_what_is_seen(judge: DrawingLabels) -> None:
    """The named thing, the asked colour and both things: one of two is right in each."""
    shown, _ = await _shown(judge)
    rates = {name: (one.count, one.total) for name, one in shown.columns[0].rates.items()}
    assert rates["label: the likeliest name"] == (1, 2)
    assert rates["label: among the five likeliest"] == (1, 2)
    assert (rates["label: among the five, common"], rates["label: among the five, rare"]) == ((1, 1), (0, 1))
    assert rates["colour: the asked one"] == (1, 2)
    assert rates["colour: the thing among the five likeliest"] == (2, 2)
    assert rates["composed: both things found"] == (1, 2)
    assert rates["composed: of its things, found"] == (3, 4)


async def test_chance_asks_for_what_was_not_drawn(judge: DrawingLabels) -> None:
    """The same pictures are asked for another row's things; rows that share one are left out."""
    shown, _ = await _shown(judge)
    chance = shown.columns[-1]
    assert chance.name == CHANCE
    assert [answer.row.prompt for answer in chance.answers] == [ROWS[1].prompt, ROWS[0].prompt]
    assert not any(answer.among for answer in chance.answers)


async def test_every_row_has_its_own_seed(judge: DrawingLabels) -> None:
    """The i-th picture is drawn with the first seed plus i, and the generator is closed afterwards."""
    _, generator = await _shown(judge, seed=40)
    assert {request.prompt: request.seeds for request in generator.requests} == {
        row.prompt: (40 + at,) for at, row in enumerate(ROWS)
    }
    assert generator.closed == 1


async def test_the_report_folder(judge: DrawingLabels, tmp_path: Path) -> None:
    """A table with intervals, every answer as JSON, and a grid with wrong pictures framed in red."""
    shown, _ = await _shown(judge)
    files = write_report(shown, tmp_path / "out", "imagegate eval images")
    assert [path.name for path in files] == ["report.md", "report.json", "grid.png"]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| composed: both things found (2) | 50.0 % (9.5–90.5) |" in report
    assert "seeds 0 to 5" in report
    view = json.loads((tmp_path / "out" / "report.json").read_text())
    assert view["pictures"] == shown_view(shown)["pictures"]
    assert view["pictures"][5] == {
        "seed": 5,
        "prompt": "an apple above a leaf, forgotten",
        "kind": "composed",
        "right": False,
        "found": {"apple": True, "leaf": False},
    }
    with Image.open(io.BytesIO((tmp_path / "out" / "grid.png").read_bytes())) as grid:
        frames = [grid.getpixel((at * 100 + 50, 24)) for at in (0, 1)]
    assert frames == [(211, 211, 211), (255, 0, 0)]


async def test_a_name_that_the_judge_lacks_is_told_before_drawing(judge: DrawingLabels) -> None:
    """The prompt and the name are told; nothing is drawn."""
    generator = _Squares()
    with pytest.raises(ConfigurationError, match="no name 'yacht'"):
        await evaluate_shown(generator, judge, [Asked("a yacht", "label", (Thing("yacht", "1f6e5"),))])
    assert not generator.requests


def _square(colour: tuple[int, int, int], ground: int = 255) -> Pixels:
    picture = np.full((64, 64, 3), ground, np.uint8)
    picture[10:50, 10:50] = colour
    picture[10:14, 10:50] = (20, 20, 20)
    return picture


@pytest.mark.parametrize(
    ("colour", "word"),
    [
        ((220, 50, 50), "red"),
        ((250, 145, 50), "orange"),
        ((250, 215, 70), "yellow"),
        ((80, 180, 90), "green"),
        ((70, 140, 230), "blue"),
        ((150, 90, 210), "purple"),
        ((245, 150, 195), "pink"),
        ((140, 90, 60), "brown"),
        ((30, 30, 34), "black"),
        ((160, 160, 165), "grey"),
    ],
)
def test_a_things_colour_has_a_word(colour: tuple[int, int, int], word: str) -> None:
    """Most of the thing decides, not its dark edge and not the ground."""
    assert colour_of(_square(colour)) == word
    assert colour_of(_square(colour, ground=225)) == word


def test_an_empty_picture_has_no_colour() -> None:
    """Nothing differs from the border, so there is no thing."""
    assert colour_of(np.full((64, 64, 3), 255, np.uint8)) is None


def test_the_projects_prompts() -> None:
    """300 labels, 90 colours and 100 compositions, no prompt twice."""
    rows = read_asked()
    counts = {kind: sum(row.kind == kind for row in rows) for kind in KINDS}
    assert counts == {"label": 300, "colour": 90, "composed": 100}
    assert len({row.prompt for row in rows}) == len(rows)
    assert len(thinned(rows, 10)) == 49


@pytest.mark.models
def test_the_shipped_judge_knows_every_name_of_the_prompts() -> None:
    """No prompt of the project asks for what the judge can't name."""
    names = set(DrawingLabels().names)
    assert {label for row in read_asked() for label in row.labels} <= names


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "photo"}, "kind must be one of label, colour, composed"),
        ({"things": []}, "any other has one"),
        ({"kind": "composed"}, "a composed prompt has two things"),
        ({"kind": "colour"}, "needs the thing's paint"),
        ({"things": [{"label": "apple", "emoji": "1f34e", "paint": "mauve"}]}, "paint must be one of red"),
        ({"things": "apple"}, "not the form"),
        ({"prompt": None, "things": [{"label": "apple"}]}, "not the form"),
    ],
)
def test_mistakes_in_a_file_are_told(tmp_path: Path, change: dict[str, object], told: str) -> None:
    """File, line and what is wrong."""
    row = json.loads(FILE.read_text("utf-8").splitlines()[0]) | change
    (tmp_path / "mine.jsonl").write_text("\n" + json.dumps(row))
    with pytest.raises(ConfigurationError, match=rf"mine\.jsonl:2: .*{told}"):
        read_asked(tmp_path / "mine.jsonl")


def test_a_missing_or_empty_file_is_told(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(ConfigurationError, match="--prompts"):
        read_asked(tmp_path / "no.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ConfigurationError, match="holds no prompt"):
        read_asked(tmp_path / "empty.jsonl")


def test_a_changed_judge_is_refused(tmp_path: Path) -> None:
    """A file other than the listed one, a list without the network, names that do not fit, no list at all."""
    folder = colour_judge(tmp_path / "judge")
    (folder / "labels.json").write_text("[]")
    with pytest.raises(ClassifierConfigError, match="sha256"):
        DrawingLabels(folder)
    with pytest.raises(ClassifierConfigError, match="for 1 names"):
        DrawingLabels(colour_judge(tmp_path / "few", names=("apple",)))
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(ClassifierConfigError, match=r"lists no labels\.json, model\.onnx"):
        DrawingLabels(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ClassifierConfigError, match="training/drawing_labels"):
        DrawingLabels(folder)


def _package(folder: Path) -> Path:
    """Two icons, one of them under a character with a variation selector."""
    bodies = {name: f'<circle cx="8" cy="8" r="7" fill="rgb{COLOURS[name]}"/>' for name in ("apple", "sea")}
    icons = {name: {"body": body} for name, body in bodies.items()}
    folder.mkdir()
    (folder / "icons.json").write_text(json.dumps({"icons": icons, "width": 16, "height": 16}))
    (folder / "chars.json").write_text(json.dumps({"1f34e": "apple", "1f30a-fe0f": "sea"}))
    return folder


async def test_artwork_is_drawn_as_asked(judge: DrawingLabels, tmp_path: Path) -> None:
    """Artwork is a column of its own; what a package lacks is not counted; a paint changes it."""
    pytest.importorskip("resvg_py")
    artwork = Artwork(_package(tmp_path / "discs"))
    shown = await evaluate_shown(_Squares(), judge, ROWS, [artwork])
    rates = {name: (one.count, one.total) for name, one in shown.columns[1].rates.items()}
    assert shown.columns[1].name == "discs"
    assert rates["label: the likeliest name"] == (2, 2)
    assert rates["composed: both things found"] == (1, 1), "the leaf is missing, so its row is not counted"
    painted = artwork.picture(Asked("a green apple", "colour", (Thing("apple", "1f34e", "green"),)))
    assert painted is not None
    assert colour_of(painted) == "green"
    below = artwork.picture(Asked("", "composed", (APPLE, SEA), "below"), 64)
    assert below is not None
    assert (tuple(below[16, 32]), tuple(below[48, 32])) == (COLOURS["sea"], COLOURS["apple"])


def test_a_folder_without_artwork_is_told(tmp_path: Path) -> None:
    """With the form that is read."""
    pytest.importorskip("resvg_py")
    with pytest.raises(ConfigurationError, match=r"no icons\.json and chars\.json"):
        Artwork(tmp_path)
