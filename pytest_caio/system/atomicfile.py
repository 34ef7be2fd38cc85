"""A file that is there as a whole or not at all, whatever ends the process that writes it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file beside its place, then rename it, so that nobody ever reads a part.

    `mode` is what the file may be, less the umask. Raises OSError, with nothing changed in its place and
    nothing left beside it.
    """
    # Its name is the file's and more, so that git ignores it wherever it ignores the file.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Not for others from the moment it exists. On Windows it has the rights of its folder.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)  # noqa: PTH105 - replaces on Windows too
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _settle(path.parent)


_BINARY = getattr(os, "O_BINARY", 0)


def _settle(folder: Path) -> None:
    """Make a rename in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
