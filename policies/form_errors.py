"""A form error of pydantic → a diagnostic that a policy author understands.

Duty: wording and place of one form error. It reads no file and knows no rule of the domain.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from policies.errors import Diagnostic
from policies.yaml_tree import YamlPath, YamlTree

_WORD: Final = re.compile("'([^']+)'")
_KINDS: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_COMPLAINTS: Final = {
    "string_pattern_mismatch": "must be a short name: a-z, 0-9, dot, dash, underscore",
    "too_short": "must not be empty: nothing of nothing decides nothing",
    "finite_number": "must be a finite number",
}
_BOUNDS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("above", "gt"),
    "less_than": ("below", "lt"),
}


def explain(tree: YamlTree, model: type[BaseModel], detail: ErrorDetails) -> Diagnostic:
    """Return a form error as a diagnostic: where, what was expected, and the nearest right word."""
    path: YamlPath = detail["loc"]
    kind, context = detail["type"], detail.get("ctx", {})
    where = _dotted(path)
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _keys_of(_model_at(model, path[:-1])))
        return tree.diagnostic(
            path, f"unknown key {_quote(path[-1])} {_inside(path[:-1])}", hint, at_key=True
        )
    if kind == "missing":
        return tree.diagnostic(path, f'the key "{path[-1]}" is missing {_inside(path[:-1])}')
    if kind == "literal_error":
        words = _WORD.findall(context["expected"])
        hint = nearest(str(detail["input"]), words)
        return tree.diagnostic(path, f"{where}: {_quote(detail['input'])} is not possible", hint)
    return tree.diagnostic(path, f"{where} {_complaint(kind, detail['msg'], context)}")


def _complaint(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}"
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"must be {word} {context[bound]:g}"
    if kind == "value_error":
        reason = str(context["error"])
        return reason if reason.startswith(("must", "is ", "lacks")) else f"is wrong: {reason}"
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters"
    if kind == "too_long":
        return f"must hold at most {context['max_length']} entries"
    return _COMPLAINTS.get(kind, f"is wrong: {message}")


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
