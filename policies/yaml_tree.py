"""Hostile YAML text → plain values with their places, within limits.

Duty: turn parser events into dicts, tuples and scalars, and remember where each stood. It knows no policy. It
never builds an object from a tag, follows no alias, and stops at the first event past a limit, so its work is
bounded by the text's size. Scalars follow the core schema of YAML 1.2.2, section 10.3.2 (`off` and dates are
text); the parser is ruamel.yaml's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from policies.errors import Diagnostic, PolicyError

MAX_SIZE_BYTES: Final = 256_000
MAX_DEPTH: Final = 20
_MAX_NUMBER_LENGTH: Final = 40

YamlPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root: `("stages", "prompt", "rules", 0, "id")`."""

_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL: Final = re.compile(r"0o[0-7]+\Z")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_CONSTANTS: Final[dict[str, object]] = {
    "": None,
    **dict.fromkeys(("~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlTree:
    """A document's value, and for each path the places of its key (if it has one) and of its value."""

    file: str
    lines: tuple[str, ...]
    value: object
    keys: dict[YamlPath, Mark] = field(default_factory=dict)
    values: dict[YamlPath, Mark] = field(default_factory=dict)
    scalars: set[YamlPath] = field(default_factory=set)

    def diagnostic(self, path: YamlPath, message: str, hint: str = "", *, at_key: bool = False) -> Diagnostic:
        """Return a diagnostic at `path`, or at its nearest parent that exists.

        The caret stands under a scalar's value (under its key when `at_key`), and under a collection's key.
        """
        while path not in self.values and path:
            path, at_key = path[:-1], True
        if path in self.keys and (at_key or path not in self.scalars):
            mark = self.keys[path]
        else:
            mark = self.values.get(path, Mark(1, 1))
        return _diagnostic(self.file, self.lines, mark, message, hint)


def parse_tree(text: str, file: str) -> YamlTree:
    """Return the one document in `text`. Mappings become dicts with text keys, sequences tuples.

    Raises:
        PolicyError: not YAML, or past a limit: size, depth, alias, anchor, tag, directive, double key.
    """
    lines = tuple(text.splitlines())
    # a lone surrogate can't be encoded: counted with "surrogatepass" here, refused by the parser's reader
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE_BYTES:
        limit_kb = MAX_SIZE_BYTES // 1000
        raise PolicyError.plain(f"the file is larger than {limit_kb} kB", file=file, hint="split the policy")
    try:
        return _Builder(text, file, lines).build()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        problem = " ".join(str(error.problem or error.context or "can't be read").split())
        hint = "look at quotes, brackets and indentation, here and in the line above"
        raise PolicyError([_diagnostic(file, lines, place, f"not valid YAML: {problem}", hint)]) from error
    except (YAMLError, ValueError, OverflowError) as error:
        # the reader's refusals carry no mark; the other two come from escapes beyond Unicode ("\UFFFFFFFF")
        message = "not valid YAML: a character or an escape that YAML does not allow"
        raise PolicyError.plain(message, file=file, hint="save the file as plain UTF-8 text") from error


def _diagnostic(file: str, lines: tuple[str, ...], mark: Mark, message: str, hint: str = "") -> Diagnostic:
    source = lines[mark.line - 1] if mark.line <= len(lines) else ""
    return Diagnostic(file, mark.line, mark.column, message, hint, source)


class _Builder:
    """One pass over the events. Double keys are gathered; every other breach ends the pass at once."""

    def __init__(self, text: str, file: str, lines: tuple[str, ...]) -> None:
        self._events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(text))
        self._tree = YamlTree(file, lines, None)
        self._problems: list[Diagnostic] = []

    def build(self) -> YamlTree:
        value = self._document()
        if self._problems:
            raise PolicyError(self._problems)
        tree = self._tree
        return YamlTree(tree.file, tree.lines, value, tree.keys, tree.values, tree.scalars)

    def _document(self) -> object:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            hint = "begin with a file that works, such as one of the library"
            raise PolicyError.plain("the file is empty", file=self._tree.file, hint=hint)
        if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
            raise self._refusal(event, "a %YAML or %TAG directive is not allowed", "remove the line")
        value = self._node(next(self._events), ())
        end = next(self._events)
        if not isinstance(end, DocumentEndEvent) or not isinstance(
            event := next(self._events), StreamEndEvent
        ):
            raise self._refusal(event, "a second document begins here", "one policy, one file")
        return value

    def _node(self, event: Any, path: YamlPath) -> object:
        if isinstance(event, AliasEvent):
            raise self._refusal(event, "an alias is not allowed", "write the value out again")
        if event.anchor is not None:
            raise self._refusal(event, "an anchor is not allowed", "remove it and write values out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._refusal(event, "a tag is not allowed", "plain text, numbers, lists and mappings do")
        self._tree.values[path] = _mark(event)
        if isinstance(event, ScalarEvent):
            self._tree.scalars.add(path)
            return self._scalar(event)
        if len(path) >= MAX_DEPTH:
            raise self._refusal(event, f"nested deeper than {MAX_DEPTH} levels", "flatten the rule")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, MappingStartEvent)
        return self._mapping(path)

    def _sequence(self, path: YamlPath) -> tuple[object, ...]:
        items: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return tuple(items)

    def _mapping(self, path: YamlPath) -> dict[str, object]:
        entries: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.anchor is not None or event.tag is not None:
                raise self._refusal(event, "a key must be plain text", "quote it, without anchor or tag")
            key = str(event.value)
            here = (*path, key)
            if key in entries:
                first = self._tree.keys[here].line
                message = f"the key {_clip(key)} stands here a second time"
                self._problems.append(self._at(event, message, f"it was first given in line {first}"))
            else:
                self._tree.keys[here] = _mark(event)
            entries[key] = self._node(next(self._events), here)
        return entries

    def _scalar(self, event: Any) -> object:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._refusal(event, "half of a surrogate pair is not text", "remove the escape")
        if event.style is not None:  # quoted or block text is text
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
            if pattern.match(text):
                self._refuse_long_number(event, text)
                return int(text if base == 10 else text[2:], base)
        if _FLOAT.match(text):
            self._refuse_long_number(event, text)
            return float(text)
        return text

    def _refuse_long_number(self, event: Any, text: str) -> None:
        if len(text) > _MAX_NUMBER_LENGTH:
            raise self._refusal(event, "a number this long is not a sensible value", "round it")

    def _refusal(self, event: Any, message: str, hint: str) -> PolicyError:
        return PolicyError([self._at(event, message, hint)])

    def _at(self, event: Any, message: str, hint: str) -> Diagnostic:
        return _diagnostic(self._tree.file, self._tree.lines, _mark(event), message, hint)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _clip(text: str) -> str:
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'
