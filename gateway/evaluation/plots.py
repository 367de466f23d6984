"""Curves and bars as PNG bytes, drawn off screen."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final, Literal

from gateway.evaluation.text import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AXES: Final = {"precision_recall": ("recall", "precision"), "roc": ("false positives", "recall")}
_STYLES: Final = {"precision_recall": "steps-post", "roc": "default"}
_COLUMNS: Final = 3
_DPI: Final = 80


def curves_png(evaluation: Evaluation, kind: Literal["precision_recall", "roc"]) -> bytes:
    """Return one small plot per category, with a line per candidate; only what has both kinds of prompt."""
    ranked = [f.rankings for f in evaluation.candidates]
    wanted = [c for c in ("any", *evaluation.categories) if any(c in r and r[c].roc for r in ranked)]
    rows = max(1, math.ceil(len(wanted) / _COLUMNS))
    figure = new_figure(4 * _COLUMNS, 3.6 * rows)
    for place, category in enumerate(wanted, start=1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        for figures in evaluation.candidates:
            ranking = figures.rankings.get(category)
            if ranking is not None and ranking.roc:
                x, y = zip(*getattr(ranking, kind), strict=True)
                axes.plot(x, y, drawstyle=_STYLES[kind], label=figures.candidate.name)
        axes.set(title=category, xlabel=_AXES[kind][0], ylabel=_AXES[kind][1], xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(fontsize=7)
    if not wanted:
        figure.text(0.5, 0.5, "no category has both violating and harmless prompts", ha="center")
    return png_of(figure)


def evasions_png(evaluation: Evaluation) -> bytes:
    """Return a bar an evasion and candidate: recall of the same violating prompts, in percent."""
    told = [f for f in evaluation.candidates if f.evasions]
    names = list(told[0].evasions)
    figure = new_figure(12, 4.5)
    axes = figure.add_subplot()
    width = 0.8 / len(told)
    for at, figures in enumerate(told):
        places = [place + at * width for place in range(len(names))]
        shares = [100 * (figures.evasions[name].recall.rate or 0.0) for name in names]
        axes.bar(places, shares, width, label=figures.candidate.name)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(names))], names, rotation=20)
    axes.set(ylabel="recall, %", ylim=(0, 100))
    axes.legend(fontsize=8)
    return png_of(figure)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, drawn off screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png_of(figure: Any) -> bytes:
    """The figure as PNG bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": "imagegate"})
    return content.getvalue()
