"""Text from a deployment, made fit to be shown."""

from __future__ import annotations

import unicodedata

__all__ = ["beginning", "explained", "printable"]

_BETWEEN_WORDS = " \t\r\n\"',;<>{}"
_LONGEST_WORD = 200


def printable(text: str) -> str:
    """Return `text` on one line, with what could steer a terminal or reorder a line made visible.

    Control, format (bidi among them), surrogate and separator characters are written as escapes.
    """
    if text.isprintable():  # all that most texts are
        return text
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def explained(text: str) -> str:
    """Return what a failed assertion says, printable: its own words on one line, pytest's below them.

    A text in a comparison keeps its lines, which pytest indents.
    """
    words, found, explanation = text.rpartition("\nassert ")
    if not (found or explanation.startswith("assert ")):
        return printable(text)
    lines = "\n".join(map(printable, explanation.split("\n")))
    return f"{printable(words)}\nassert {lines}" if found else lines


def beginning(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, and an ellipsis where there was more.

    It is cut between words: half of a secret is no secret that redaction would know. Words of more than
    200 characters are cut nevertheless.
    """
    if len(text) <= length:
        return text
    cut = text[:length]
    end = 1 + max(cut.rfind(separator) for separator in _BETWEEN_WORDS)
    return cut[: max(end, length - _LONGEST_WORD)] + "…"
