"""Records of a file that is one JSON array or JSON lines; the content shows which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_caio.errors import InputError

__all__ = ["JsonRecord", "read_records"]

_BYTE = re.compile(r"\(byte (\d+)\)")


class JsonRecord(NamedTuple):
    """One record: its position in words (`case 3`, `line 12`), and its JSON, not yet decoded."""

    where: str
    raw: bytes


def read_records(path: Path) -> tuple[list[JsonRecord], list[str]]:
    """Return the file's records, or none and one line of text if the file is an array of invalid JSON.

    A file that begins with `[` is an array, any other is JSON lines; blank lines and a byte order mark are
    skipped. Raises InputError, naming the file, if it cannot be read.
    """
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not data.lstrip().startswith(b"["):
        lines = enumerate(data.split(b"\n"), 1)
        return [JsonRecord(f"line {number}", line.strip()) for number, line in lines if line.strip()], []
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return [], [f"{path.name}, line {_line(data, str(error))}: the JSON is broken: {error}"]
    return [JsonRecord(f"case {number}", bytes(item)) for number, item in enumerate(items, 1)], []


def _line(data: bytes, error: str) -> int:
    """Return the line (from 1) of the byte that a decoding error names, or the last line if it names none."""
    at = _BYTE.search(error)
    return data.count(b"\n", 0, int(at[1]) if at else len(data)) + 1
