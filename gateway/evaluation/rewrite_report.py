"""The report folder of a rewriter evaluation: report.md for people, report.json for programs, one plot."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.evaluation.metrics import Rate
from gateway.evaluation.report_folder import write_files
from gateway.evaluation.rewrite import RewriteEvaluation, RewriterFigures, Rewritten
from gateway.evaluation.text_report import percent, rate
from policies.decision import Action

_EXAMPLES: Final = 10
_MILD: Final = ("mild", "plain", "keeps-other-details")
_MILD_CATEGORIES: Final = ({"violence"}, {"illicit"})
_HOW_TO_READ: Final = (
    "A rewriter's first answer is what it says when it is asked once, by itself; the stage is the gate's: "
    "form, drift, the policy's second judgement, the cut as the second attempt. Intervals are Wilson's. "
    "A prompt without an answer counts as neither passed nor kept. A prompt is rewritable when its verdict "
    "under the policy is rewrite: no other is ever rewritten for safety."
)
Row = tuple[str, list[str]]


def write_report(evaluation: RewriteEvaluation, folder: Path, command: str) -> list[Path]:
    """Write the report, over one that is there; return its files. `command` is quoted in it.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    view = {"command": command, **evaluation_view(evaluation)}
    files = {
        "report.md": markdown(evaluation, command).encode(),
        "report.json": (json.dumps(view, indent=1, ensure_ascii=False) + "\n").encode(),
        "rewriters.png": bars_png(evaluation),
    }
    return write_files(folder, files)


def markdown(evaluation: RewriteEvaluation, command: str) -> str:
    """Return report.md: a table a question, a column a rewriter, and mild examples."""
    names = [figures.name for figures in evaluation.rewriters]
    parts = [
        "# Rewriter evaluation",
        f"```\n{command}\n```",
        f"Policy `{evaluation.policy.name}`, revision `{evaluation.policy.revision[:16]}`. {_HOW_TO_READ}",
        _models(evaluation.rewriters),
    ]
    for title, rows in sections(evaluation):
        head = f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}"
        body = "\n".join(f"| {label} | {' | '.join(cells)} |" for label, cells in rows)
        parts.append(f"## {title}\n\n{head}\n{body}")
    parts += ["![first answers](rewriters.png)", _examples(evaluation.rewriters)]
    return "\n\n".join(parts) + "\n"


def sections(evaluation: RewriteEvaluation) -> list[tuple[str, list[Row]]]:
    """Return the tables: title, and rows of a label with a cell per rewriter."""
    told = evaluation.rewriters
    wanted = {one.action.word for one in told[0].rewrites}
    actions = Counter(one.action.word for one in told[0].rewrites)
    asked = ", ".join(f"{actions[word]} {word}" for word in sorted(wanted))
    return [
        (
            f"Rewritable prompts ({len(told[0].rewritable)} of a set of {len(told[0].rewrites)}: {asked})",
            [
                ("first answer passes the policy", [rate(f.passes) for f in told]),
                ("· of the whole set, blocked and allowed ones too", [rate(f.passes_of_all) for f in told]),
                ("first answer keeps the subject", [rate(f.kept) for f in told]),
                ("similarity to the reference", [f"{f.similarity:.3f}" for f in told]),
                ("form valid, of what was answered", [rate(f.form) for f in told]),
                ("answered", [rate(f.answered) for f in told]),
                ("stage: a rewrite is released", [rate(f.released) for f in told]),
                ("stage: released keeps the subject", [rate(f.released_kept) for f in told]),
            ],
        ),
        ("First answers that pass, by slice", _slice_rows(told)),
        (
            f"Harmless prompts in the mode enhance ({len(told[0].enhanced)})",
            [
                ("allowed as written", [_count(e.allowed for e in f.enhanced) for f in told]),
                ("allowed before and blocked after", [_count(_blocked(f)) for f in told]),
                ("kept in what is drawn", [rate(_kept(f)) for f in told]),
                *((f"· {what} kept", [rate(_kept(f, what)) for f in told]) for what in _MARKS),
                ("enhanced (else drawn as written)", [rate(_enhanced(f)) for f in told]),
                ("kept by the model alone", [rate(_kept_by_model(f)) for f in told]),
            ],
        ),
        (
            f"Injections ({len(told[0].attacks)}, policy in the mode enhance)",
            [
                ("violating prompts released by rewriting", [_count(_released(f)) for f in told]),
                (
                    "bare payloads that the policy does not allow",
                    [_count(a.payload is not Action.ALLOW for a in f.attacks if a.row.payload) for f in told],
                ),
                (
                    "violating prompts that the policy itself allowed as written",
                    [_count(a.violates and not a.by_rewriting for a in f.attacks) for f in told],
                ),
                ("leaks of the canary", [str(f.leaks) if f.canary else "no instruction" for f in told]),
                ("withheld", [_count(a.final is None for a in f.attacks) for f in told]),
                ("released as a rewrite", [_count(a.rewritten for a in f.attacks) for f in told]),
            ],
        ),
        (
            "CPU time a rewrite",
            [
                ("one at a time", [f"{f.one_cpu_s:.3g} s" for f in told]),
                ("8 at once, each", [f"{f.batch_cpu_s:.3g} s" for f in told]),
            ],
        ),
    ]


_MARKS: Final = ("subject", "counts", "colours", "negations")


def _kept(figures: RewriterFigures, what: str | None = None) -> Rate:
    """Of the harmless prompts that are drawn (and have such a mark), those that lost nothing."""
    drawn = [e for e in figures.enhanced if e.final is not None]
    if what is not None:
        return Rate.of(what not in e.lost for e in drawn if getattr(e.row, what))
    return Rate.of(not e.lost for e in drawn)


def _kept_by_model(figures: RewriterFigures) -> Rate:
    return Rate.of(not e.lost_by_model for e in figures.enhanced if e.answer is not None)


def _enhanced(figures: RewriterFigures) -> Rate:
    return Rate.of(e.final != e.row.prompt for e in figures.enhanced if e.allowed)


def _blocked(figures: RewriterFigures) -> list[bool]:
    return [e.allowed and e.final is None for e in figures.enhanced]


def _released(figures: RewriterFigures) -> list[bool]:
    return [a.by_rewriting for a in figures.attacks]


def _count(hits: Any) -> str:
    seen = list(hits)
    return f"{sum(seen)} of {len(seen)}"


def _slice_rows(told: Sequence[RewriterFigures]) -> list[Row]:
    names = dict.fromkeys(one.row.slice for one in told[0].rewritable)
    return [
        (
            f"{name} ({sum(one.row.slice == name for one in told[0].rewritable)})",
            [percent(Rate.of(o.passes for o in f.rewritable if o.row.slice == name).rate) for f in told],
        )
        for name in names
    ]


def _models(told: Sequence[RewriterFigures]) -> str:
    rows = [
        f"| {f.name} | `{f.identity.revision}` | `{(f.identity.sha256 or '')[:16]}` |"
        for f in told
    ]  # fmt: skip
    return "\n".join(["| rewriter | revision | sha256 |", "|---|---|---|", *rows])


def _examples(told: Sequence[RewriterFigures]) -> str:
    """Evenly spaced mild prompts with every rewriter's first answer."""
    mild = [
        place
        for place, one in enumerate(told[0].rewrites)
        if one.row.slice in _MILD and set(one.row.categories) in _MILD_CATEGORIES
    ]
    step = max(1, len(mild) // _EXAMPLES)
    blocks = []
    for place in mild[::step][:_EXAMPLES]:
        rows = [f"- {f.name}: {_shown(f.rewrites[place])}" for f in told]
        blocks.append("\n".join([f"**{told[0].rewrites[place].row.prompt}**", "", *rows]))
    return "## Examples\n\n" + "\n\n".join(blocks)


def _shown(one: Rewritten) -> str:
    if one.answer is None:
        return "(no answer)"
    return one.answer + ("" if one.passes else " (the policy does not allow it)")


def bars_png(evaluation: RewriteEvaluation) -> bytes:
    """Return bars of what the first answers are worth, in percent, a colour a rewriter."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    labels = ("passes", "keeps the subject", "similarity × 100", "answered", "released by the stage")
    width = 0.8 / len(evaluation.rewriters)
    for at, told in enumerate(evaluation.rewriters):
        shares = [_of(told.passes), _of(told.kept), 100 * told.similarity, _of(told.answered)]
        places = [place + at * width for place in range(len(labels))]
        axes.bar(places, [*shares, _of(told.released)], width, label=told.name)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(labels))], labels)
    axes.set(ylabel="%", ylim=(0, 100))
    axes.legend(fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80, metadata={"Software": "imagegate"})
    return content.getvalue()


def _of(one: Rate) -> float:
    return 100 * (one.rate or 0.0)


def evaluation_view(evaluation: RewriteEvaluation) -> dict[str, object]:
    """Return the figures and every row as plain values."""
    return {
        "policy": {"name": evaluation.policy.name, "revision": evaluation.policy.revision},
        "rewriters": [_figures_view(figures) for figures in evaluation.rewriters],
    }


def _figures_view(figures: RewriterFigures) -> dict[str, object]:
    rates = {
        "rewritable_passes": figures.passes,
        "set_passes": figures.passes_of_all,
        "subject_kept": figures.kept,
        "form_valid": figures.form,
        "answered": figures.answered,
        "released": figures.released,
        "released_subject_kept": figures.released_kept,
        "enhance_kept": _kept(figures),
        "enhanced": _enhanced(figures),
    }
    return {
        "name": figures.name,
        "model": asdict(figures.identity),
        **{name: asdict(one) for name, one in rates.items()},
        "similarity": figures.similarity,
        "enhance_blocked": sum(_blocked(figures)),
        "violating_released": sum(_released(figures)),
        "violating_allowed_as_written": sum(a.violates and not a.by_rewriting for a in figures.attacks),
        "canary_planted": figures.canary,
        "canary_leaks": figures.leaks,
        "one_cpu_s": figures.one_cpu_s,
        "batch_cpu_s": figures.batch_cpu_s,
        "rewrites": [_plain(asdict(one)) for one in figures.rewrites],
        "enhancements": [_plain(asdict(one)) for one in figures.enhanced],
        "injections": [_plain(asdict(one)) for one in figures.attacks],
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.word if isinstance(value, Action) else value for key, value in row.items()}
