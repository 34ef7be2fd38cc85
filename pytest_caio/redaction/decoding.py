"""Views of a text to search for secrets: as it is, without line breaks, with its character codes decoded."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["View", "views"]

# What may interrupt a secret: a line break, with what a repr or a diff adds to it, or a terminal colour code.
# A run of line breaks or of backslashes is one match and never tried again in part (`++`): a body may consist
# of nothing else, and the time must stay linear.
_BREAK = re.compile(
    r"(?:(?:\r?\n|(?<!\\)(?:\\++r)?\\++n)[ \t]*+)++(?:E[ \t]{2,})?(?:[-+?>|│][ \t]+)?(?:\\*['\"][ \t]*)?"
    r"|(?:\x1b|(?<!\\)\\++x1b)\[[0-9;]*m"
)
# A character as URLs, JSON, Python and HTML may write any of them.
_QUOTED = re.compile(
    r"%([0-9A-Fa-f]{2})|(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))|&#(?:0*+(\d{1,5})|[xX]0*+([0-9A-Fa-f]{1,4}));"
)

_DECIMAL = 4  # the group of _QUOTED that is not hexadecimal

# For each gap, in order: its position in the shorter text, and the characters left out up to and with it.
_Gaps = Sequence[tuple[int, int]]


class View(NamedTuple):
    """A view of a text, with the steps that map its positions back to those of the original text.

    Each step, the last first, is its gaps, and 1 if a gap belongs to the character before it (the rest of a
    character code) or 0 if it does not (a line break).
    """

    text: str
    steps: tuple[tuple[_Gaps, int], ...] = ()

    def place(self, position: int) -> int:
        """Return where the character at `position` of the view begins in the original text."""
        for gaps, _ in self.steps:
            position = _place(gaps, position)
        return position

    def end(self, position: int) -> int:
        """Return where the character at `position` of the view ends in the original text."""
        for gaps, after in self.steps:
            position = _place(gaps, position + after) - after
        return position + 1


def views(text: str) -> list[View]:
    """Return the distinct views of `text`: as it is, without breaks, decoded, without breaks again.

    The last step is needed because codes may hide breaks.
    """
    found = [View(text)]
    for step, after in ((_joined, 0), (_unquoted, 1), (_joined, 0)):
        shorter, gaps = step(found[-1].text)
        if gaps:
            found.append(View(shorter, ((gaps, after), *found[-1].steps)))
        elif after:
            break
    return found


def _joined(text: str) -> tuple[str, _Gaps]:
    """Return `text` without its breaks, and the gaps that they left."""
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


def _unquoted(text: str) -> tuple[str, _Gaps]:
    """Return `text` with its codes decoded, octets as Latin-1, and the gaps that the codes left."""
    if not ("%" in text or "\\u" in text or "\\x" in text or "&#" in text):
        return text, []
    parts, gaps, done, out = [], [], 0, 0
    for code in _QUOTED.finditer(text):
        digits = code[code.lastindex or 0]
        parts += [text[done : code.start()], chr(int(digits, 10 if code.lastindex == _DECIMAL else 16))]
        done = code.end()
        out += code.end() - code.start() - 1
        gaps.append((done - out, out))
    return "".join([*parts, text[done:]]), gaps


def _place(gaps: _Gaps, position: int) -> int:
    """Return the position, in the text before a step, of the character at `position` after it."""
    index = bisect_right(gaps, position, key=lambda gap: gap[0])
    return position + (gaps[index - 1][1] if index else 0)
