"""Helpers that make text from a deployment safe to display."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["beginning", "encodable", "explained", "listed", "markdown", "printable"]

_NOT_PLAIN_ASCII = re.compile(r"[^ -~]")
_BETWEEN_WORDS = " \t\r\n\"',;<>{}"
_LONGEST_WORD = 200
_LISTED = 100  # names in a list
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&$]|^[-+](?= )")


def printable(text: str) -> str:
    """Return `text` on one line, with every character escaped that could control a terminal or reorder text.

    These are control, format (including bidi), surrogate and separator characters, except the space.
    """
    if text.isprintable():  # the fast path: true of most texts
        return text
    return _NOT_PLAIN_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character)[0] not in "CZ":
        return character
    return character.encode("unicode_escape").decode("ascii")


def markdown(text: str) -> str:
    """Return text, printable, in which nothing is markup of Markdown as GitHub, GitLab and Jira read it.

    A backslash does not keep an @ from mentioning somebody; an invisible word joiner after it does.
    """
    return re.sub(r"@(?=\w)", "@\u2060", _MARKUP.sub(r"\\\g<0>", printable(text)))


def encodable(text: str, encoding: str | None) -> str:
    """Return `text` with every character escaped that the encoding of a stream lacks, as code pages do."""
    name = encoding or "utf-8"
    return text.encode(name, "backslashreplace").decode(name)


def explained(text: str) -> str:
    """Return the text of a failed assertion, printable: its message on one line, pytest's explanation below.

    A multi-line string in a comparison keeps its line breaks; pytest indents those lines.
    """
    message, found, explanation = text.rpartition("\nassert ")
    if not (found or explanation.startswith("assert ")):
        return printable(text)
    lines = "\n".join(map(printable, explanation.split("\n")))
    return f"{printable(message)}\nassert {lines}" if found else lines


def listed(names: Sequence[str]) -> str:
    """Return the names with commas between them; of more than 100 the first, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def beginning(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, followed by an ellipsis if there was more.

    The cut falls between words, because redaction would not recognise half of a secret. A word longer than
    200 characters is cut anyway.
    """
    if len(text) <= length:
        return text
    cut = text[:length]
    end = 1 + max(cut.rfind(separator) for separator in _BETWEEN_WORDS)
    return cut[: max(end, length - _LONGEST_WORD)] + "…"
