"""What is at a path, as far as this user can reach it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["is_file", "is_folder", "is_missing", "is_there", "need_file"]


def is_file(path: str | Path) -> bool:
    """Return whether a path is a file. Never raises, as Path.is_file does without rights to its folder."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Return whether a path is a folder. Never raises, as Path.is_dir does without rights to its parent."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Return whether anything can be seen at a path. Never raises, as Path.exists does without rights."""
    return os.path.exists(path)  # noqa: PTH110


def is_missing(path: str | Path) -> bool:
    """Return whether nothing is at a path; False where that cannot be seen, since reading tells why."""
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a path with a NUL in it
        return True
    except OSError:
        pass
    return False


def need_file(path: str | Path) -> None:
    """Raise OSError for what is there and is no file: a folder, or what may have no end, as a pipe."""
    if is_there(path) and not is_file(path):
        raise OSError(errno.EINVAL, "is a folder" if is_folder(path) else "is no file", str(path))
