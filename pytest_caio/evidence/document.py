"""The evidence as JSON, version 1."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pytest_caio.record import Record

__all__ = ["write"]


def write(record: Record, path: Path) -> str:
    """Write `record` to `path`: beside it first, then renamed, so that a half is never taken for the whole.

    Returns why it could not be written, empty where it was.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
        os.replace(beside, path)  # noqa: PTH105 - replaces on Windows too
    except OSError as error:
        beside.unlink(missing_ok=True)
        return f"the evidence {path} could not be written: {error.strerror}"
    return ""
