"""A text as it may be read: as it is, without what breaks its lines, and with percent-encoding undone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["View", "views"]

# What may stand inside a secret where a line was broken (also of a text in a repr, or of a diff), or where
# a terminal was told a colour. A run of breaks or of backslashes is one: a body may be nothing else.
_BREAK = re.compile(
    r"(?:(?:\r?\n|(?<!\\)(?:\\++r)?\\++n)[ \t]*+)++(?:E[ \t]{2,})?(?:[-+?>|│][ \t]+)?(?:\\*['\"][ \t]*)?"
    r"|(?:\x1b|(?<!\\)\\++x1b)\[[0-9;]*m"
)
_QUOTED = re.compile(r"%([0-9A-Fa-f]{2})")

_Left = Sequence[tuple[int, int]]


class View(NamedTuple):
    """A text as it may be read, and the way back: what each step, the last first, left out.

    After a character a break is none of its own, while a code is that character: 0 or 1 tells which.
    """

    text: str
    steps: tuple[tuple[_Left, int], ...] = ()

    def place(self, position: int) -> int:
        """Return where a character of the reading begins in the text that was read."""
        for left, _ in self.steps:
            position = _place(left, position)
        return position

    def end(self, position: int) -> int:
        """Return where a character of the reading ends in the text that was read."""
        for left, after in self.steps:
            position = _place(left, position + after) - after
        return position + 1


def views(text: str) -> list[View]:
    """Return `text` as it is, without its breaks, and with its codes undone, which may hide breaks."""
    found = [View(text)]
    for undo, after in ((_joined, 0), (_unquoted, 1), (_joined, 0)):
        seen, left = undo(found[-1].text)
        if left:
            found.append(View(seen, ((left, after), *found[-1].steps)))
        elif after:
            break
    return found


def _joined(text: str) -> tuple[str, _Left]:
    """Return `text` without what breaks its lines, and where, in what is left, how much was left out."""
    if not ("\n" in text or "\\n" in text or "\x1b" in text or "\\x1b" in text):
        return text, []
    parts: list[str] = []
    gaps: list[tuple[int, int]] = []
    done = out = 0
    for gap in _BREAK.finditer(text):
        start = gap.start()
        if not gap[0].endswith("m"):
            while start > done and text[start - 1] in " \t":
                start -= 1
            if start > done and text[start - 1] in "'\"":
                start -= 1
                while start > done and text[start - 1] == "\\":
                    start -= 1
        parts.append(text[done:start])
        out += gap.end() - start
        gaps.append((start - (out - (gap.end() - start)), out))
        done = gap.end()
    return "".join([*parts, text[done:]]), gaps


def _unquoted(text: str) -> tuple[str, _Left]:
    """Return `text` with its percent-encoding undone, whatever was encoded, and where it was longer."""
    if "%" not in text:
        return text, []
    parts, gaps, done = [], [], 0
    for number, code in enumerate(_QUOTED.finditer(text), 1):
        parts += [text[done : code.start()], chr(int(code[1], 16))]
        done = code.end()
        gaps.append((done - 2 * number, 2 * number))
    return "".join([*parts, text[done:]]), gaps


def _place(gaps: _Left, position: int) -> int:
    """Return where a character of the joined text stands in the whole one."""
    index = bisect_right(gaps, position, key=lambda gap: gap[0])
    return position + (gaps[index - 1][1] if index else 0)
