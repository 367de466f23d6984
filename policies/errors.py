"""What a policy author reads when a file is wrong: place, source line, caret, hint, several at once.

Duty: shape and wording of diagnostics. It reads no file and knows no YAML.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_SHOWN: Final = 20
"""Problems printed in full; the others are counted."""

_MAX_SOURCE_WIDTH: Final = 110
_NO_MARGIN: Final = 60
"""Columns kept before the caret when a long source line is cut."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem at one place. `line` and `column` count from 1; 0 means that no place is known."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    source_line: str = ""

    def render(self) -> str:
        """Return `file:line:column: message`, the source line with a caret, and the hint."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        rows = [f"{place}: {self.message}" if place else self.message]
        if self.line and self.source_line.strip():
            rows += self._pointed_source()
        if self.hint:
            rows.append(f"  hint: {self.hint}")
        return "\n".join(rows)

    def _pointed_source(self) -> list[str]:
        start = max(0, self.column - 1 - _NO_MARGIN) if len(self.source_line) > _MAX_SOURCE_WIDTH else 0
        shown = self.source_line[start : start + _MAX_SOURCE_WIDTH]
        before = shown[: max(0, self.column - 1 - start)]
        # a tab stays a tab, so that the caret stands under its character at any tab width
        pad = "".join("\t" if character == "\t" else " " for character in before)
        margin = " " * len(str(self.line))
        return [f"  {self.line} | {shown}", f"  {margin} | {pad}^"]


class PolicyError(Exception):
    """A policy, or a test of one, can't be used; `str()` shows up to `MAX_SHOWN` problems in full."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__(self.render())

    def render(self) -> str:
        """Return the whole text, a blank line between problems."""
        blocks = [diagnostic.render() for diagnostic in self.diagnostics[:MAX_SHOWN]]
        rest = len(self.diagnostics) - MAX_SHOWN
        if rest > 0:
            blocks.append(f"and {rest} more")
        return "\n\n".join(blocks)

    @classmethod
    def plain(cls, message: str, *, hint: str = "", file: str = "") -> PolicyError:
        """Return an error about a whole file, or about no file at all."""
        return cls((Diagnostic(file=file, line=0, column=0, message=message, hint=hint),))
