"""A file of the evidence: there as a whole, or not at all."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically

__all__ = ["ready_folder", "write_whole"]


def ready_folder(folder: Path, option: str) -> None:
    """Make a folder for evidence and see that it can be written to; raises InputError, naming the option."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option}: {folder} cannot be written to: {error.strerror}") from None


def write_whole(path: Path, content: bytes) -> str:
    """Write a file; return why it could not be written, empty where it was.

    Then nothing is left in its place, not even the evidence of an earlier run.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        return f"the evidence {path} could not be written: {error.strerror}"
    return ""
