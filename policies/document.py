"""The policy as it is written: pydantic models of the YAML, strict, with no unknown key.

Duty: form, and what can be seen in one place. What needs the taxonomy or the classifiers' cards is the
compiler's (`policies.checks`). Words stay words here; the compiler turns them into the core types.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from policies.yaml_tree import YamlPath

SeverityWord: TypeAlias = Literal["low", "medium", "high"]
ActionWord: TypeAlias = Literal["allow", "redact", "regenerate", "rewrite", "hold", "block"]
ModeWord: TypeAlias = Literal["enforce", "shadow", "off"]
RewriteModeWord: TypeAlias = Literal["safety", "enhance", "off"]
ReviewActWord: TypeAlias = Literal["confirm", "overturn", "release", "refuse", "later", "escalate"]

MAX_RULES: Final = 200
MAX_LEAVES: Final = 64
MAX_NESTING: Final = 4
"""Bounds on what one stage and one rule may hold: the checks compare rules in pairs."""

_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def _date_from_text(value: object) -> object:
    """YAML 1.2 has no date type, so a date arrives as text; a number is never a date."""
    if not (isinstance(value, str) and _ISO_DATE.match(value)):
        raise ValueError("must be a date", "write it as YYYY-MM-DD")
    try:
        return dt.date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("is not a day of the calendar", "look at the month and the day") from error


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty", "write it, or remove the key if it is optional")
    return value


Day: TypeAlias = Annotated[dt.date, BeforeValidator(_date_from_text, json_schema_input_type=str)]
Line: TypeAlias = Annotated[str, BeforeValidator(_not_blank), StringConstraints(max_length=500)]
Text: TypeAlias = Annotated[str, BeforeValidator(_not_blank), StringConstraints(max_length=4000)]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RuleId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._/-]{0,79}$")]
CategorySlug: TypeAlias = Annotated[str, BeforeValidator(_not_blank), StringConstraints(max_length=100)]
Edge: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BandsDocument(_Strict):
    """Lower edges of the three severities, in [0, 1]; below `low` is none."""

    low: Edge
    medium: Edge
    high: Edge


_EXACTLY_ONE: Final[dict[str, Any]] = {
    "oneOf": [{"required": ["category", "at_least"]}, {"required": ["any"]}, {"required": ["all"]}]
}


class ConditionDocument(_Strict):
    """Either `category` with `at_least`, or `any` of, or `all` of further conditions.

    There is no `not` and no upper bound: a higher score can only make a condition true.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, json_schema_extra=_EXACTLY_ONE)

    category: CategorySlug | None = None
    at_least: SeverityWord | None = None
    classifier: Name | None = Field(None, description="Count only this classifier's measurements.")
    any_of: tuple[ConditionDocument, ...] | None = Field(None, alias="any", min_length=1)
    all_of: tuple[ConditionDocument, ...] | None = Field(None, alias="all", min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> ConditionDocument:
        forms = sum(part is not None for part in (self.category, self.any_of, self.all_of))
        if forms != 1:
            message = "is wrong: a condition is either category with at_least, or any, or all"
            raise ValueError(message, "keep one form; nest the others under any or all")
        if (self.category is None) != (self.at_least is None):
            raise ValueError(
                "is wrong: category and at_least go together", "add the other one, such as at_least: medium"
            )
        if self.classifier is not None and self.category is None:
            raise ValueError(
                "is wrong: classifier goes with category", "write it beside each category under any or all"
            )
        return self

    @property
    def depth(self) -> int:
        """How many `any` and `all` lie around the innermost condition; 0 for a category alone."""
        children = (*(self.any_of or ()), *(self.all_of or ()))
        return 1 + max(child.depth for child in children) if children else 0

    def leaves(self, path: YamlPath) -> Iterator[tuple[YamlPath, ConditionDocument]]:
        """Yield every condition on a category below this one, with its path; `path` is this one's own."""
        if self.category is not None:
            yield path, self
        for key, children in (("any", self.any_of), ("all", self.all_of)):
            for index, child in enumerate(children or ()):
                yield from child.leaves((*path, key, index))


class RuleDocument(_Strict):
    """One rule: when the condition holds, the action is asked for."""

    id: RuleId
    when: ConditionDocument
    action: ActionWord
    mode: ModeWord = "enforce"
    reason: Line | None = Field(None, description="Shown to the person who asked; no scores, no terms.")
    note: Text | None = Field(None, description="For colleagues; never shown.")
    date: Day | None = Field(None, description="Since when; required for a shadow rule.")
    ref: Line | None = Field(None, description="A ticket or a document; goes into the record.")

    @model_validator(mode="after")
    def _stays_readable(self) -> RuleDocument:
        leaves = sum(1 for _leaf in self.when.leaves(()))
        if leaves > MAX_LEAVES or self.when.depth > MAX_NESTING:
            raise ValueError(
                f"is too large: at most {MAX_LEAVES} categories, nested {MAX_NESTING} deep",
                "make several rules of it",
            )
        return self


class ClassifierUseDocument(_Strict):
    """One classifier at a stage, by the operator's name for it."""

    name: Name
    timeout_ms: int = Field(ge=1, le=600_000)
    on_failure: Literal["block", "allow"] = "block"
    reason: Line | None = Field(None, description="Why it may fail open.")
    until: Day | None = Field(None, description="The last day on which it may fail open.")


class SkipDocument(_Strict):
    """Why pictures are not looked at, and since when."""

    reason: Line
    date: Day


class StageDocument(_Strict):
    """Which classifiers look at a stage and what follows; or, for pictures, why nobody looks."""

    classifiers: tuple[ClassifierUseDocument, ...] = Field((), max_length=32)
    rules: tuple[RuleDocument, ...] = Field((), max_length=MAX_RULES)
    skip: SkipDocument | None = None


class StagesDocument(_Strict):
    """Both stages must be written: a missing one is never taken for a lenient one."""

    prompt: StageDocument
    image: StageDocument


class RewriteDocument(_Strict):
    """What may be done with a prompt whose verdict is rewrite, and, in `enhance`, with an allowed one."""

    mode: RewriteModeWord = Field(
        description="safety: rewrite what a rule says; enhance: enrich allowed prompts too; off."
    )
    max_attempts: int = Field(2, ge=1, le=3, description="Rewrites per prompt, each judged again.")
    timeout_ms: int = Field(30_000, ge=1, le=600_000, description="Time for one attempt, milliseconds.")
    max_drift: float = Field(
        0.65, gt=0, le=1, allow_inf_nan=False, description="How far a rewrite may lie from the prompt."
    )
    on_failure: Literal["block", "hold"] = Field("block", description="When no rewrite may be used.")


class KeepDocument(_Strict):
    """Pictures of a rule, or of an action, that are kept for reviewers."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"oneOf": [{"required": ["rule"]}, {"required": ["action"]}]},
    )

    rule: RuleId | None = Field(None, description="Pictures on which this rule matched.")
    action: Literal["allow", "redact", "regenerate", "block"] | None = Field(
        None, description="Pictures with this action; held ones are kept anyway."
    )
    share: float = Field(1.0, gt=0, le=1, allow_inf_nan=False, description="Share of the requests that fit.")
    days: int = Field(ge=1, le=365, description="For how long.")

    @model_validator(mode="after")
    def _one_form(self) -> KeepDocument:
        if (self.rule is None) == (self.action is None):
            raise ValueError("is wrong: name either a rule or an action", "make two entries of it")
        return self


class HoldDocument(_Strict):
    """How long a held request waits for a person; then it is refused."""

    hours: int = Field(24, ge=1, le=720, description="Hours until a held request is refused.")


class RouteDocument(_Strict):
    """Where cases go."""

    rule: RuleId | None = Field(None, description="Cases in which this rule matched.")
    category: CategorySlug | None = Field(None, description="Cases of this category and what is below it.")
    queue: Name
    priority: int = Field(0, ge=0, le=100, description="Higher comes first within a queue.")

    @model_validator(mode="after")
    def _one_form(self) -> RouteDocument:
        if (self.rule is None) == (self.category is None):
            raise ValueError("is wrong: name either a rule or a category", "make two entries of it")
        return self


class SecondReviewerDocument(_Strict):
    """Which cases two people judge, the second one blind to the first."""

    share: float = Field(0.0, ge=0, le=1, allow_inf_nan=False, description="Share of all cases.")
    categories: tuple[CategorySlug, ...] = Field((), max_length=64, description="Every case of these.")


class ReviewDocument(_Strict):
    """How people review what this policy decided."""

    hold: HoldDocument = HoldDocument()
    queues: tuple[RouteDocument, ...] = Field((), max_length=MAX_RULES)
    second_reviewer: SecondReviewerDocument = SecondReviewerDocument()
    reason_for: tuple[ReviewActWord, ...] = Field((), description="Acts that need a reason.")


class PolicyDocument(_Strict):
    """A whole policy file."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "max_rewrites": "write rewrite: {mode: safety, max_attempts: 2}; where it was 0, rewrite: {mode: off}"
    }

    name: Name
    description: Text
    owner: Line
    bands: dict[str, BandsDocument] = Field(description="By category; `default` is for all others.")
    rewrite: RewriteDocument
    max_regenerations: int = Field(
        0, ge=0, le=5, description="How often a picture may be regenerated; then it is blocked."
    )
    keep_for_review: tuple[KeepDocument, ...] = Field(
        (), max_length=MAX_RULES, description="Which pictures are kept for reviewers, beside held ones."
    )
    review: ReviewDocument | None = Field(None, description="Queues, deadlines, second reviewers.")
    stages: StagesDocument

    @field_validator("bands")
    @classmethod
    def _has_default(cls, bands: dict[str, BandsDocument]) -> dict[str, BandsDocument]:
        if "default" not in bands:
            message = 'lacks "default", which serves every category without bands of its own'
            raise ValueError(message, "add default: {low: 0.35, medium: 0.6, high: 0.85}")
        return bands


def policy_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a policy file, for editors."""
    schema = PolicyDocument.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "imagegate policy", **schema}
