"""A text under change, where every character still knows the range of the original that it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Mapped:
    """Characters and, for each, the half-open range of the original that it stands for."""

    chars: list[str]
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> Mapped:
        """The text itself, each character standing for itself."""
        return cls(list(text), list(range(len(text))), list(range(1, len(text) + 1)))

    @property
    def text(self) -> str:
        """The characters joined."""
        return "".join(self.chars)

    def put(self, chars: str, start: int, end: int) -> None:
        """Append characters that all stand for the same range."""
        for char in chars:
            self.chars.append(char)
            self.starts.append(start)
            self.ends.append(end)

    def replaced(self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Mapped:
        """Replace each match; a replacement stands for the whole range of its match."""
        text = self.text
        made, last = Mapped([], [], []), 0
        for match in pattern.finditer(text):
            new = replace(match)
            if new == match.group():
                continue
            made.extend(self, last, match.start())
            made.put(new, self.starts[match.start()], self.ends[match.end() - 1])
            last = match.end()
        if last == 0:
            return self
        made.extend(self, last, len(text))
        return made

    def extend(self, other: Mapped, start: int, end: int) -> None:
        """Append a piece of another one."""
        self.chars.extend(other.chars[start:end])
        self.starts.extend(other.starts[start:end])
        self.ends.extend(other.ends[start:end])
