"""The evidence as JSON, format version 1."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from pytest_caio.evidence.file import write_whole
from pytest_caio.verdict.record import Record

__all__ = ["write"]

_NOT_PLAIN_ASCII = re.compile(r"[^\n -~]")


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`; return why it could not be written, empty on success."""
    text = msgspec.json.format(msgspec.json.encode(record), indent=1).decode()
    return write_whole(path, f"{_NOT_PLAIN_ASCII.sub(_escaped, text)}\n".encode())


def _escaped(match: re.Match[str]) -> str:
    """Return the character, JSON-escaped when not printable: it could control a terminal or an editor."""
    if match[0].isprintable():
        return match[0]
    return re.sub("(....)", r"\\u\1", match[0].encode("utf-16-be").hex())
