"""A form error of pydantic → a diagnostic that a policy author understands.

Duty: wording and place of one form error. It reads no file and knows no rule of the domain.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from policies.errors import Diagnostic
from policies.yaml_tree import YamlPath, YamlTree

_WORD: Final = re.compile("'([^']+)'")
_KINDS: Final = {
    "string_type": ("text", "put it in quotes"),
    "int_type": ("a whole number", "write digits only, without quotes"),
    "float_type": ("a number", "write digits and a point, without quotes"),
    "bool_type": ("true or false", "write one of the two, without quotes"),
    "tuple_type": ("a list", "write [one, another], or one entry a line, each after a dash"),
    "list_type": ("a list", "write [one, another], or one entry a line, each after a dash"),
    "dict_type": ("a mapping", "write its keys indented below, or in braces"),
    "mapping_type": ("a mapping", "write its keys indented below, or in braces"),
    "model_type": ("a mapping", "write its keys indented below, or in braces"),
    "model_attributes_type": ("a mapping", "write its keys indented below, or in braces"),
}
_BOUNDS: Final = {
    "greater_than_equal": ("at least", "ge", "raise it"),
    "less_than_equal": ("at most", "le", "lower it"),
    "greater_than": ("above", "gt", "raise it"),
    "less_than": ("below", "lt", "lower it"),
}
_COMPLAINTS: Final = {
    "string_pattern_mismatch": ("must be a short name", "use a-z, 0-9, dot, dash and underscore"),
    "too_short": ("must not be empty", "nothing of nothing decides nothing: write at least one entry"),
    "finite_number": ("must be a finite number", "write digits"),
}


def explain(tree: YamlTree, model: type[BaseModel], detail: ErrorDetails) -> Diagnostic:
    """Return a form error as a diagnostic: where, what was expected, and the nearest right word."""
    path: YamlPath = detail["loc"]
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        message = f"unknown key {_quote(path[-1])} {_inside(path[:-1])}"
        holder = _model_at(model, path[:-1])
        moved: Mapping[str, str] = getattr(holder, "moved_keys", {})
        hint = moved.get(str(path[-1])) or nearest(str(path[-1]), _keys_of(holder))
        return tree.diagnostic(path, message, hint, at_key=True)
    if kind == "missing":
        message = f'the key "{path[-1]}" is missing {_inside(path[:-1])}'
        return tree.diagnostic(path, message, f'add "{path[-1]}: …"')
    if kind == "literal_error":
        message = f"{_dotted(path)}: {_quote(detail['input'])} is not possible"
        return tree.diagnostic(
            path, message, nearest(str(detail["input"]), _WORD.findall(context["expected"]))
        )
    complaint, hint = _complaint(kind, detail["msg"], context)
    return tree.diagnostic(path, f"{_dotted(path)} {complaint}", hint)


def _complaint(kind: str, message: str, context: dict[str, Any]) -> tuple[str, str]:
    """What is wrong, and the fix."""
    if kind in _KINDS:
        expected, hint = _KINDS[kind]
        return f"must be {expected}", hint
    if kind in _BOUNDS:
        word, bound, hint = _BOUNDS[kind]
        return f"must be {word} {context[bound]:g}", hint
    if kind == "value_error":  # a policy's validators raise ValueError(complaint, hint); others one sentence
        complaint, *hints = context["error"].args or ("",)
        return (str(complaint), hints[0]) if hints else (f"is wrong: {complaint}", "")
    if kind in ("string_too_long", "too_long"):
        return f"is too long: at most {context['max_length']} characters or entries", "shorten it"
    return _COMPLAINTS.get(kind, (f"is wrong: {message}", ""))


def _dotted(path: YamlPath) -> str:
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return parts.lstrip(".")[:200] or "the file"


def _inside(path: YamlPath) -> str:
    return f"in {_dotted(path)}" if path else "at the top level"


def _quote(value: object) -> str:
    text = str(value)
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'


def _keys_of(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _field_type(model: type[BaseModel], key: str) -> object:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            return field.annotation
    return None


def _models_in(annotation: object) -> type[BaseModel] | None:
    """The one model that a field's type holds, through Optional, tuple and dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = _models_in(part)
        if found is not None:
            return found
    return None


def _model_at(model: type[BaseModel], path: YamlPath) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    through_mapping = False
    for part in path:
        if isinstance(part, int) or through_mapping or current is None:
            through_mapping = False
            continue
        annotation = _field_type(current, part)
        through_mapping = get_origin(annotation) is dict
        current = _models_in(annotation)
    return current


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "x"?` for a close known word, else the list of known words."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(choices)}"
