"""Hand-written TOML files, with one-line errors and the line number of a key."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from pytest_caio.errors import InputError

__all__ = ["line_of", "parse_toml"]


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return `text` parsed as TOML. Raises InputError, one line starting with `source`, if it is not TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers with too many digits, arrays nested too deep
        raise InputError(f"{source}: {str(error).splitlines()[0]}") from None


def line_of(text: str, key: str, heading: str = "") -> int:
    """Return the line (from 1) of `key` under `[heading]`, else that of its closest parent heading, else 1.

    Without a heading the key is searched for everywhere, also as a heading.
    """
    inside, start, known = not heading, 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            name = ".".join(part.strip().strip("\"'") for part in header[1].split("."))
            inside = not heading or f"{name}.".startswith(f"{heading}.")
            if heading and f"{heading}.".startswith(f"{name}.") and len(name) > len(known):
                start, known = number, name
        if inside and key and re.match(rf"\s*(\[+\s*|\[.*\.)?[\"']?{re.escape(key)}\b", line):
            return number
    return start
