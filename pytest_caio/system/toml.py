"""Hand-written TOML files: read as UTF-8, with one-line errors and the line number of a key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pytest_caio.errors import InputError

__all__ = ["line_of", "parse_toml", "read_text"]


def read_text(path: Path, source: str, *, optional: bool = False) -> str:
    """Return the text of a hand-written file, without a byte order mark.

    Raises InputError, starting with `source`, if the file cannot be read or is not UTF-8. A missing file
    that is `optional` gives an empty string.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return ""
        raise InputError(f"{source}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8 text") from None


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
