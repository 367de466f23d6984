"""An adapter's options, checked against its form.

Duty: turn what pydantic found into lines that an operator can act on, and refuse. It knows no adapter, and no
message holds a value: an option may name a path or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from classifiers.protocol import ClassifierConfigError

OptionsT = TypeVar("OptionsT", bound=BaseModel)


def parse_options(model: type[OptionsT], name: str, kind: str, options: Mapping[str, object]) -> OptionsT:
    """Return `options` as `model` (a pydantic model with `extra="forbid"`).

    Raises:
        ClassifierConfigError: one line per wrong option, with its place and what was expected.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ClassifierConfigError(f"classifier {name!r} ({kind}): {wrong_options(model, error)}") from error


def wrong_options(model: type[BaseModel], error: ValidationError) -> str:
    """One line per fault: the option's place and what is wrong; an unknown option gets the known ones."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    unknown = any(fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1 for fault in faults)
    known = f" (known: {', '.join(sorted(model.model_fields)) or 'none'})" if unknown else ""
    lines = [
        f"  {'.'.join(map(str, fault['loc'])) or 'options'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults
    ]
    return "\n".join([f"wrong options{known}", *lines])
