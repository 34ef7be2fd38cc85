"""The evidence as JSON, version 1."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_caio.evidence.file import write_whole
from pytest_caio.record import Record

__all__ = ["write"]


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`; return why it could not be written, empty where it was."""
    return write_whole(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
