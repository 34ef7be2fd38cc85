"""Pages as browsers read them: their elements, each with its attributes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

__all__ = ["elements", "is_page"]

# No part gives back what it took, and an open tag ends where the page does: the time is that of one reading.
_VALUE = r"""(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\s>]*+))"""
_ATTRIBUTE = rf"(=++[^\s/>=]*+|[^\s/>=]++)(?:\s*+=\s*+{_VALUE})?+"
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(
    rf"<!--.*?(?:-->|\Z)|<([a-z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)", re.IGNORECASE | re.DOTALL
)
# What stands in these is text.
_TEXTS = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
_PAGE = re.compile(r"\ufeff?\s*+(?:<!--.*?-->\s*+)*+<(?:!doctype|html)\b", re.IGNORECASE | re.DOTALL)


def is_page(text: str) -> bool:
    """Say whether a text begins as a page does, after a byte order mark and comments."""
    return bool(_PAGE.match(text))


def elements(page: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the elements of a page in order: the name of each, and its attributes, by names in lower case."""
    place = 0
    while tag := _TAG.search(page, place):
        place = tag.end()
        if not tag[1]:
            continue
        attributes: dict[str, str] = {}
        for name, *values in _ATTRIBUTES.findall(tag[2]):
            attributes.setdefault(name.lower(), html.unescape("".join(values)))
        yield tag[1].lower(), attributes
        if end := _TEXTS.get(tag[1].lower()):
            closed = end.search(page, place)
            place = closed.end() if closed else len(page)
