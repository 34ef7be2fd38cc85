"""Whether a path is a file or a folder that this user can reach."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_file", "is_folder"]


def is_file(path: str | Path) -> bool:
    """Return whether a path is a file. Never raises, as Path.is_file does without rights to its folder."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Return whether a path is a folder. Never raises, as Path.is_dir does without rights to its parent."""
    return os.path.isdir(path)  # noqa: PTH112
