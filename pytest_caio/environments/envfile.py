"""Env files, read as the product reads them: python-dotenv's grammar, `${NAME}` from the same file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret
from pytest_caio.system.textfile import decode_text, read_text

__all__ = ["Entry", "EnvFile"]

_LONGEST = 32_767  # characters of a variable, on Windows
_MOST = 1000  # definitions
_POWERSHELL = "$env:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A secret in base64, or its last line: with one = at its end it looks like a name without a value.
_TAIL = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{8,}")


def _defines(binding: Binding) -> bool:
    """Return whether a line gives a variable a value: a secret alone on it would be shown as a key."""
    key, value = binding.key or "", binding.value
    padded = value == "=" and f"{key}==" in binding.original.string and not key.isupper()
    alone = padded or (not value and _TAIL.fullmatch(key))
    return value is not None and bool(_NAME.fullmatch(key)) and not alone


@dataclass(frozen=True)
class Entry:
    """One definition: the key, its value, and its line (from 1).

    `undefined` are the names that the value refers to and that no line before defines: each was taken for
    empty.
    """

    key: str
    value: Secret
    line: int
    undefined: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvFile:
    """An env file: its path, and its definitions in order, including repeated keys."""

    path: Path
    entries: tuple[Entry, ...]

    @property
    def values(self) -> dict[str, Secret]:
        """The values by key; the last definition of a repeated key counts."""
        return {entry.key: entry.value for entry in self.entries}

    @classmethod
    def read(cls, path: Path) -> EnvFile:
        """Read `path`. Raises InputError, naming the file and line, if it cannot be read or parsed.

        `${NAME}` is resolved from the same file only, because the product reads a file instead of the
        process environment, not in addition to it.
        """
        return cls._of(read_text(path, f"env file {path}"), path)

    @classmethod
    def parse(cls, raw: bytes, path: Path) -> EnvFile:
        """Parse the content of an env file, also of one not yet written. Raises InputError like `read`."""
        return cls._of(decode_text(raw, f"env file {path}"), path)

    @classmethod
    def _of(cls, text: str, path: Path) -> EnvFile:
        entries: list[Entry] = []
        known: dict[str, str | None] = {}
        for binding in parse_stream(StringIO(text, newline=None)):  # as a file of text is read
            # The text of a binding begins with the blank lines before it.
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string.count("\n", 0, blank)
            where = f"env file {path}, line {line}"
            if binding.key is None and not binding.error:
                continue
            if (binding.key or "").lower().startswith(_POWERSHELL):
                raise InputError(
                    f"{where}: is a command of PowerShell; write KEY=value, without {_POWERSHELL}"
                )
            if binding.key is None or not _defines(binding):
                raise InputError(f"{where}: is not KEY=value")
            atoms = list(parse_variables(binding.value or ""))
            parts = [atom.resolve(known) for atom in atoms]
            # Values that refer to values that refer to others would fill the memory in a few lines.
            if sum(map(len, parts)) > _LONGEST:
                raise InputError(f"{where}: has more than {_LONGEST:,} characters, with what it refers to")
            if len(entries) == _MOST:
                raise InputError(f"{where}: defines more than {_MOST:,} keys; is this an env file?")
            value = "".join(parts)
            undefined = tuple(
                atom.name
                for atom in atoms
                if isinstance(atom, Variable) and atom.default is None and atom.name not in known
            )
            known[binding.key] = value
            entries.append(Entry(binding.key, Secret(value), line, undefined))
        return cls(path, tuple(entries))
