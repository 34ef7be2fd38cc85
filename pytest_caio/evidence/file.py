"""Evidence files: written atomically, so that none is ever incomplete."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.paths import is_file, is_folder, need_file
from pytest_caio.text import printable

__all__ = ["TEMPLATES", "ready_folder", "spare_of", "write_whole"]

TEMPLATES = Path(__file__).with_name("templates")


def ready_folder(folder: Path, option: str, name: str) -> None:
    """Create a folder for evidence.

    Raises InputError, naming the option, when no file with a name as long as `name` can be written there:
    Windows bounds the length of a whole path, and `name` may be a folder, or a full or endless device.
    """
    path = folder / name
    if path == Path(os.devnull):
        return
    try:
        need_file(path)
    except OSError as error:
        raise InputError(f"{option}: {path} {error.strerror}; name a file") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # With the ending of a temporary file (see `write_atomically`), and a name on every system.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{name}.", suffix=".tmp"):
            pass
    except OSError as error:
        reason = error.strerror or "it is in use"
        if isinstance(error, FileNotFoundError) and is_folder(folder):
            length = len(str(folder / name))
            reason = f"its path is too long for this system ({length} characters with the file's name)"
        raise InputError(f"{option}: {folder} cannot be written to: {reason}") from None


def write_whole(path: Path, content: bytes) -> str:
    """Write a file atomically; return why it could not be written, empty on success.

    After a failure the path does not exist: evidence of an earlier run must not pass for this one's. Only a
    file that another program holds open may be left, since Windows does not let it be replaced or removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        reason = error.strerror or "it is in use"
        if isinstance(error, PermissionError) and is_file(path):
            reason = (
                "the file is of an earlier run, and another program has it open; this run's is "
                f"{spare_of(path).name}. Close that program, and run again"
            )
        # A path need not be valid Unicode, which JSON must be.
        return printable(f"the evidence {path} could not be written: {reason}")
    return ""


def spare_of(path: Path) -> Path:
    """Return where evidence is written if another program holds the file of an earlier run open."""
    return path.with_name(f"{path.stem}-2{path.suffix}")
