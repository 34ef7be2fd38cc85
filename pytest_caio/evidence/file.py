"""Evidence files: written atomically, so that none is ever incomplete."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically

__all__ = ["ready_folder", "write_whole"]


def ready_folder(folder: Path, option: str) -> None:
    """Create a folder for evidence. Raises InputError, naming the option, when it is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option}: {folder} cannot be written to: {error.strerror}") from None


def write_whole(path: Path, content: bytes) -> str:
    """Write a file atomically; return why it could not be written, empty on success.

    After a failure the path does not exist: evidence of an earlier run must not pass for this one's.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        return f"the evidence {path} could not be written: {error.strerror}"
    return ""
