"""Text files that people write: read as UTF-8, with one-line errors that name the line and the correction."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_caio.errors import InputError

__all__ = ["UTF16", "decode_text", "is_utf16", "native_path", "read_text"]

_LARGEST = 16 * 1024 * 1024  # bytes; people write no such file by hand
UTF16 = "is UTF-16; save it as UTF-8 (Set-Content -Encoding utf8)"


def is_utf16(raw: bytes) -> bool:
    """Return whether a file is UTF-16, as PowerShell 5 writes it, with a byte order mark or without."""
    return raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:2].count(0) == 1


def decode_text(raw: bytes, source: str) -> str:
    """Return the text of a file's content, without a byte order mark.

    Raises InputError, starting with `source` and naming the line, if it is not UTF-8, or has a NUL in it.
    """
    if is_utf16(raw):
        raise InputError(f"{source}: {UTF16}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{source}, line {line}: is not UTF-8 text; save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{source}, line {line}: has a NUL character in it; remove it")
    return text


def native_path(text: str) -> str:
    """Return a path that stands in a text file as this system takes it: on POSIX its bytes are UTF-8.

    Without a locale (`LC_ALL=C`) Python would refuse letters that are not ASCII.
    """
    return os.fsdecode(text.encode("utf-8", "surrogateescape")) if os.name == "posix" else text


def read_text(path: Path, source: str, *, optional: bool = False) -> str:
    """Return the text of a file, without a byte order mark.

    Raises InputError, starting with `source`, if it cannot be read or is not UTF-8. A missing file that is
    `optional` gives an empty string.
    """
    try:
        with path.open("rb") as file:  # a device, such as /dev/zero, may have no end
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        if optional:
            return ""
        raise InputError(f"{source}: {error.strerror}") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise InputError(f"{source}: {getattr(error, 'strerror', None) or 'cannot be read'}") from None
    if len(raw) > _LARGEST:
        raise InputError(f"{source}: is larger than {_LARGEST // 1024 // 1024} MiB; is it the right file?")
    return decode_text(raw, source)
