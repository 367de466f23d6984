"""The contact sheet of what was judged worst, and the scores' spread, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from gateway.evaluation.images import ImageEvaluation, Judged
from gateway.evaluation.plots import new_figure, png_of

_SIDE: Final = 144
_CAPTION: Final = 40
_ROW: Final = 6
_TITLE: Final = 26


def contact_sheet_png(evaluation: ImageEvaluation) -> bytes:
    """Return the worst false alarms and misses of each candidate, with name and highest score.

    Framed in red: flagged though harmless, or passed though violating.
    """
    blocks: list[tuple[str, Sequence[Judged]]] = []
    for worst in evaluation.worst:
        blocks.append((f"{worst.candidate}: harmless pictures that score highest", worst.false_alarms))
        blocks.append((f"{worst.candidate}: violating pictures that score lowest", worst.misses))
    blocks = [(title, shown) for title, shown in blocks if shown]
    heights = [_TITLE + -(-len(shown) // _ROW) * (_SIDE + _CAPTION) for _, shown in blocks]
    sheet = Image.new("RGB", (_ROW * _SIDE, max(_TITLE, sum(heights))), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for (title, shown), height in zip(blocks, heights, strict=True):
        draw.text((6, top + 6), title, fill="black")
        for at, judged in enumerate(shown):
            row, column = divmod(at, _ROW)
            _place(sheet, draw, judged, column * _SIDE, top + _TITLE + row * (_SIDE + _CAPTION))
        top += height
    content = io.BytesIO()
    sheet.save(content, format="png", optimize=True)
    return content.getvalue()


def _place(sheet: Image.Image, draw: ImageDraw.ImageDraw, judged: Judged, left: int, top: int) -> None:
    thumbnail = Image.fromarray(judged.picture.pixels())
    thumbnail.thumbnail((_SIDE - 12, _SIDE - 12))
    wrong = judged.measured.flagged is not judged.picture.violates
    sheet.paste(thumbnail, (left + 6, top + 6))
    box = (left + 3, top + 3, left + thumbnail.width + 8, top + thumbnail.height + 8)
    draw.rectangle(box, outline="red" if wrong else "lightgrey", width=2)
    scores = judged.measured.scores
    strongest = max(scores, key=lambda slug: scores[slug], default="")
    told = f"{strongest} {scores[strongest]:.2f}" if strongest else "no signal"
    name = judged.picture.name.encode("ascii", "replace").decode()
    draw.text((left + 6, top + _SIDE), told[:26], fill="black")
    draw.text((left + 6, top + _SIDE + 14), name[-26:], fill="grey")


def scores_png(evaluation: ImageEvaluation) -> bytes:
    """Return one line a candidate: the share of harmless pictures that score at least so much."""
    figure = new_figure(7, 4.2)
    axes = figure.add_subplot()
    for name, scores in evaluation.harmless_scores.items():
        ordered = sorted(scores)
        count = len(ordered)
        axes.step(ordered, [100 * (count - at) / count for at in range(count)], where="pre", label=name)
    axes.set_yscale("log")  # what matters is the thin tail
    axes.set(xlabel="highest score", ylabel="harmless pictures at or above, %", xlim=(0, 1), ylim=(None, 110))
    axes.set_title(f"policy {evaluation.base.policy.name}")
    axes.legend(fontsize=8)
    return png_of(figure)
