"""What may be asked of the log, and the SQL terms that ask it.

Duty: refuse words that no record can hold (a mistyped filter would read as "nothing happened"), and turn the
rest into terms. It opens no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from classifiers.taxonomy import CATEGORIES, CUSTOM_PREFIX, is_known, is_within
from gateway.audit.record import TYPES
from gateway.audit.record_checks import OUTCOME
from gateway.core.errors import RequestInvalid
from policies.decision import Action, Stage

STAGES: Final = (*(stage.value for stage in Stage), "rewrite", "generate", OUTCOME)
ACTIONS: Final = tuple(action.word for action in Action)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What to list; every given field must fit. Times are µs UTC, `from_us` included, `to_us` not.

    `shadow` finds the requests on which a rule on trial matched, by their closing records.
    `category` counts everything below it: `violence` also finds hits on `violence/graphic`. `of_requests`
    leaves out what the server says of itself, which is no tenant's.
    """

    from_us: int | None = None
    to_us: int | None = None
    request_id: str | None = None
    stage: str | None = None
    action: str | None = None
    category: str | None = None
    rule: str | None = None
    shadow: str | None = None
    policy_revision: str | None = None
    tenant: str | None = None
    type: str | None = None
    degraded: bool | None = None
    of_requests: bool = False

    def require_known(self) -> None:
        """Refuse a word that no record holds.

        Raises:
            RequestInvalid: `type`, `stage`, `action` or `category` is none of ours.
        """
        for field, value, known in (
            ("type", self.type, sorted(TYPES)),
            ("stage", self.stage, STAGES),
            ("action", self.action, ACTIONS),
        ):
            if value is not None and value not in known:
                raise RequestInvalid(
                    f"{field}: no record has that; it is one of {', '.join(known)}", param=field
                )
        if self.category is not None and not is_known(self.category):
            raise RequestInvalid(
                f"category: there is no such one; the categories are {', '.join(CATEGORIES)}, "
                f"and an operator's own, which begin with {CUSTOM_PREFIX}",
                param="category",
            )


@dataclass(frozen=True, slots=True)
class Source:
    """The tables to scan, and the column that gives the order."""

    tables: str
    index: str


def source_of(filters: RecordFilter) -> tuple[Source, list[object]]:
    """What to scan in order: with a rule or category, its hits, so that a page costs what it shows."""
    if filters.rule is not None:
        return Source(_joined("marks", " AND marks.kind = 'rule' AND marks.value = ?"), "marks.idx"), [
            filters.rule
        ]
    if filters.shadow is not None:
        source = Source(_joined("marks", " AND marks.kind = 'shadow' AND marks.value = ?"), "marks.idx")
        return source, [filters.shadow]
    if filters.category is None:
        return Source("records", "records.idx"), []
    term, values = _within(filters.category)
    if len(values) == 1:
        return Source(_joined("marks", f" AND marks.kind = 'category' AND {term}"), "marks.idx"), values
    hits = f"(SELECT DISTINCT idx FROM marks WHERE kind = 'category' AND {term}) AS hits"  # noqa: S608 - our own words
    return Source(_joined(hits, "", "hits"), "hits.idx"), values


def conditions_of(filters: RecordFilter, values: list[object]) -> list[str]:
    """The WHERE terms; the literal ones let SQLite use the partial indexes of `schema`."""
    conditions: list[str] = []
    for condition, value in (
        ("time_us >= ?", filters.from_us),
        ("time_us < ?", filters.to_us),
        ("request_id = ?", filters.request_id),
        ("stage = ?", filters.stage),
        ("action = ?", filters.action),
        ("type = ?", filters.type),
        ("tenant = ?", filters.tenant),
        ("policy_revision = ?", filters.policy_revision),
        ("degraded = ?", None if filters.degraded is None else int(filters.degraded)),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if (filters.rule or filters.shadow) and filters.category is not None:  # alone, it is the source
        term, terms = _within(filters.category)
        conditions.append(f"records.idx IN (SELECT idx FROM marks WHERE kind = 'category' AND {term})")  # noqa: S608
        values += terms
    if filters.rule is not None and filters.shadow is not None:  # the rule is the source
        conditions.append("records.idx IN (SELECT idx FROM marks WHERE kind = 'shadow' AND value = ?)")
        values.append(filters.shadow)
    if filters.action not in {None, "allow"}:
        conditions.append("action <> 'allow'")
    if filters.type not in {None, "decision"}:
        conditions.append("type <> 'decision'")
    if filters.of_requests:
        conditions.append("type NOT IN ('config', 'gap', 'heartbeat')")
    if filters.degraded:
        conditions.append("degraded = 1")
    return conditions


def _joined(hits: str, more: str, name: str = "marks") -> str:
    return f"{hits} CROSS JOIN records ON records.idx = {name}.idx{more}"


def _within(category: str) -> tuple[str, list[object]]:
    """The term for a category and all below it; one value where nothing lies below."""
    below = any(slug != category and is_within(slug, category) for slug in CATEGORIES)
    if not below and not category.startswith(CUSTOM_PREFIX):
        return "marks.value = ?", [category]
    # "0" follows "/" in ASCII: the range holds exactly what begins with `category/`
    return "(marks.value = ? OR (marks.value >= ? AND marks.value < ?))", [
        category,
        f"{category}/",
        f"{category}0",
    ]
