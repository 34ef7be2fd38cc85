"""Text from a deployment, made fit to be shown."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]


def printable(text: str) -> str:
    """Return `text` on one line, with what could steer a terminal or reorder a line made visible.

    Control, format (bidi among them), surrogate and separator characters are written as escapes.
    """
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
