"""A pytest plugin: the rules of Windows for open files, on Linux.

While any process has a file open, it can be neither replaced nor removed nor renamed. (Windows allows it for
files that are opened with FILE_SHARE_DELETE, which Python never asks for.)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

__all__ = ["LINUX_ONLY", "pytest_configure", "refuse_open_files"]

_PROCESSES = Path("/proc")
LINUX_ONLY = pytest.mark.skipif(not (_PROCESSES / "self" / "fd").is_dir(), reason="/proc shows open files")


def refuse_open_files(patch: pytest.MonkeyPatch) -> None:
    """Make every function of `os` that replaces, renames or removes a file refuse one that is open."""
    for name in ("replace", "rename", "remove", "unlink"):
        patch.setattr(os, name, _strict(getattr(os, name)))


def pytest_configure(config: pytest.Config) -> None:
    """Apply the rules in a run that loads this plugin."""
    patch = pytest.MonkeyPatch()
    refuse_open_files(patch)
    config.add_cleanup(patch.undo)


def _strict(original: Callable[..., None]) -> Callable[..., None]:
    def strict(*paths: Any, **options: Any) -> None:
        for path in paths if not options else ():  # shutil gives names relative to an open folder
            if _is_open(path):
                raise PermissionError(errno.EACCES, "The file is being used by another process", str(path))
        original(*paths, **options)

    return strict


def _is_open(path: Any) -> bool:
    try:
        wanted = os.stat(path)  # noqa: PTH116 - also bytes
    except OSError:
        return False
    return any((one.st_dev, one.st_ino) == (wanted.st_dev, wanted.st_ino) for one in _open_files())


def _open_files() -> Iterator[os.stat_result]:
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    yield descriptor.stat()
