"""A file of secrets, put in place whole: for its owner alone, with what was there before beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically

__all__ = ["backup_of", "locate", "narrow", "put_in_place", "read"]


def locate(path: Path) -> Path:
    """Return the file to write: `path`, or what it links to, for a link must go on leading there.

    Raises InputError where there can be no such file: a folder, a device, a missing parent folder.
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
    """Return what the file holds, None where there is none."""
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"--env-file {target}: {error.strerror or 'cannot be read'}") from None


def backup_of(target: Path) -> Path:
    """Return where the file as it was is kept."""
    return target.with_name(f"{target.name}.bak")


def put_in_place(target: Path, before: bytes | None, after: bytes) -> bool:
    """Replace the file, and say whether what it held was kept as its backup.

    A process that is killed leaves the old file or the new one, never a part. The backup is the file as
    it was before the newest change; an earlier backup gives way to it, but never to a file without
    anything in it. Raises InputError, with nothing changed, where a file cannot be written, or is no longer
    as it was read.
    """
    worth_keeping = before is not None and bool(before.strip(b"\xef\xbb\xbf \t\r\n"))
    if read(target) != before:
        raise InputError(f"--env-file {target}: was changed by another program meanwhile; run again")
    if worth_keeping and before is not None:
        _write(backup_of(target), before)
    _write(target, after)
    return worth_keeping


def narrow(target: Path) -> bool:
    """Take the file from everybody but its owner; say whether anybody else had it. POSIX only."""
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
