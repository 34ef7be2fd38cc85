"""Hand-written TOML files, with one-line errors and the line number of a key."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from pytest_caio.errors import InputError

__all__ = ["line_of", "parse_toml"]


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return `text` parsed as TOML.

    Raises InputError, one line starting with `source` and naming the line, if it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error).splitlines()[0]
        at = re.search(r" \(at line (\d+), (column \d+)\)$", reason)
        line = int(at[1]) if at else text.rstrip().count("\n") + 1
        reason = f"{reason[: at.start()]} ({at[2]})" if at else reason.removesuffix(" (at end of document)")
        if reason.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")):
            reason = f"it is there twice, or is both a value and a table ({reason})"
        raise InputError(f"{source}, line {line}: {reason}{_mend(text, line)}") from None
    except ValueError:  # the interpreter converts no number of more than 4,300 digits
        longest = max(re.finditer(r"[\d_]+", text), key=lambda found: len(found[0]), default=None)
        reason = "a number has too many digits"
    except RecursionError:
        longest = max(re.finditer(r"[\[{][\[{\s]*", text), key=lambda found: len(found[0]), default=None)
        reason = "lists or tables are nested too deeply"
    line = text.count("\n", 0, longest.start()) + 1 if longest else 1
    raise InputError(f"{source}, line {line}: {reason}")


def _mend(text: str, line: int) -> str:
    """Return how to correct a line that is not TOML, where that is a usual slip, or an empty string."""
    shown = text.split("\n")[line - 1] if line <= text.count("\n") + 1 else ""
    value = shown.partition("=")[2].strip()
    if re.search(r'"[^"]*\\', shown):
        return "; in double quotes \\ has a meaning: write single quotes, or / in place of each \\"
    if re.search("[\u2018\u2019\u201c\u201d]", shown):
        return "; write straight quotes for the curly ones"
    if value in ("True", "False"):
        return "; write true or false in lower case"
    if re.match(r"[A-Za-z_./~$]", value) and value not in ("true", "false", "inf", "nan"):
        return "; write text in quotes"
    return ""


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
