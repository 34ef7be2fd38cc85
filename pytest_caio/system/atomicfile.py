"""Atomic writing of files: a file is complete or unchanged, however the writing process ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from pytest_caio.system.paths import is_file, is_there

__all__ = ["once_free", "open_at_once", "write_atomically"]

_Value = TypeVar("_Value")
_PATIENCE = 2.0  # seconds: a virus scanner or an indexer holds a file for much less
_PAUSE = 0.02  # seconds between two tries


def once_free(action: Callable[[], _Value]) -> _Value:
    """Return `action()`, tried again for up to two seconds while another program holds the file open.

    Windows refuses to replace, remove or read a file that another program has open in certain ways. Raises
    the last PermissionError, or at once any other error.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return action()
        except PermissionError:
            if time.monotonic() >= until:
                raise
        time.sleep(_PAUSE)


def open_at_once(path: Path, flags: int = 0) -> BinaryIO:
    """Open a path for writing, with further flags of `os.open`.

    Raises OSError, also for a pipe that nobody reads, where `open` would wait for a reader.
    """
    handle = os.open(path, os.O_WRONLY | flags | _BINARY | _AT_ONCE, 0o666)
    if _AT_ONCE:
        os.set_blocking(handle, True)
    return os.fdopen(handle, "wb")


def write_atomically(path: Path, content: bytes | Iterable[bytes], mode: int = 0o666) -> None:
    """Write `content` to a temporary file beside `path` and rename it, so that no reader sees a partial file.

    Content in parts is written part by part, so that memory need not hold the whole. A link is followed, and
    a device or a pipe is written to, not replaced.
    `mode` is the file's permissions before the umask. Raises OSError, with `path` unchanged and no temporary
    file left behind.
    """
    parts = (content,) if isinstance(content, bytes) else content
    if is_there(path) and not is_file(path):
        with open_at_once(path) as device:
            device.writelines(parts)
        return
    path = Path(os.path.realpath(path))
    # The temporary name starts with the file's name, so that git's ignore patterns for the file match it too.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Created with its final permissions, so that others can never read a private file. On Windows it
        # inherits those of its folder.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        once_free(lambda: os.replace(beside, path))  # noqa: PTH105 - replaces on Windows too
    except BaseException:
        with contextlib.suppress(OSError):
            once_free(beside.unlink)
        raise
    _sync_folder(path.parent)


_BINARY = getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


def _sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename in it survives a power failure, if the system supports that."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
