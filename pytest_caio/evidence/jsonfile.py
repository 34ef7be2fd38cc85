"""The evidence as JSON, version 1."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from pytest_caio.evidence.file import write_whole
from pytest_caio.verdict.record import Record

__all__ = ["write"]

_OTHERS = re.compile(r"[^\n -~]")


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`; return why it could not be written, empty where it was."""
    text = msgspec.json.format(msgspec.json.encode(record), indent=1).decode()
    return write_whole(path, f"{_OTHERS.sub(_escaped, text)}\n".encode())


def _escaped(match: re.Match[str]) -> str:
    """Return a character as it is, or as JSON escapes it where a terminal or an editor would obey it."""
    if match[0].isprintable():
        return match[0]
    return re.sub("(....)", r"\\u\1", match[0].encode("utf-16-be").hex())
