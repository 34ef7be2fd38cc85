"""Atomic replacement of a file of secrets: for its owner only, with a backup of the previous content."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically

__all__ = ["backup_of", "locate", "narrow", "put_in_place", "read"]


def locate(path: Path) -> Path:
    """Return the file to write: `path`, or the target of a link, so that the link is not replaced.

    Raises InputError if it cannot be a file: a folder, a device, a missing parent folder.
    """
    try:
        target = path.resolve()
        mode = target.stat().st_mode if target.exists() else None
    except (OSError, RuntimeError):  # a link that leads to itself, a folder that may not be entered
        raise InputError(f"--env-file {path}: cannot be reached") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise InputError(f"--env-file {path}: is a folder; name a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise InputError(f"--env-file {path}: is no ordinary file")
    if not target.parent.is_dir():
        raise InputError(f"--env-file {path}: there is no folder {target.parent}; make it first")
    return target


def read(target: Path) -> bytes | None:
    """Return the content of the file, or None if it does not exist."""
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"--env-file {target}: {error.strerror or 'cannot be read'}") from None


def backup_of(target: Path) -> Path:
    """Return the path of the backup of the file."""
    return target.with_name(f"{target.name}.bak")


def put_in_place(target: Path, before: bytes | None, after: bytes) -> bool:
    """Replace the content of the file; return whether the previous content was kept as a backup.

    A killed process leaves the old file or the new one, never a part. The backup is the file before the
    latest change and replaces an earlier backup; a file without any content is not backed up. Raises
    InputError, with nothing changed, if a file cannot be written, or if its content is no longer `before`.
    """
    worth_keeping = before is not None and bool(before.strip(b"\xef\xbb\xbf \t\r\n"))
    if read(target) != before:
        raise InputError(f"--env-file {target}: was changed by another program meanwhile; run again")
    if worth_keeping and before is not None:
        _write(backup_of(target), before)
    _write(target, after)
    return worth_keeping


def narrow(target: Path) -> bool:
    """Restrict the file to its owner; return whether others had permissions. POSIX only."""
    if os.name != "posix" or not target.stat().st_mode & 0o077:
        return False
    try:
        target.chmod(0o600)
    except OSError as error:
        raise InputError(
            f"--env-file {target}: others may read it, and that cannot be changed ({error.strerror})"
        ) from None
    return True


def _write(place: Path, content: bytes) -> None:
    try:
        write_atomically(place, content, mode=0o600)
    except OSError as error:
        reason = error.strerror or "is in use"
        raise InputError(f"--env-file {place}: cannot be written ({reason})") from None
