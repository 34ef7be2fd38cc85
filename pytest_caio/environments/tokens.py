"""Tokens that a person hands in by themselves: that of the dashboard, and those that must no longer work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pytest_caio.environments.keys import RUNTIME_KEYS, odd_character
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret, names_secret
from pytest_caio.system.textfile import read_text

__all__ = [
    "Revoked",
    "given_revoked",
    "given_token",
    "is_text",
    "read_revoked",
    "read_token",
    "without_line_end",
]

_SESSION = "caio_session="
# Not the padding of base64, which is all `=` up to the end.
_ASSIGNED = re.compile(r"([A-Za-z_][\w-]*)[=:](?!=*$)")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
# Of a shell, of PowerShell, and of cmd.exe.
_REFERENCE = re.compile(r"\$\{[^}]*\}|^\$(?:env:)?[A-Za-z_]\w*$|^%\w+%$|^\$\(.*\)$")
_CUT = re.compile(r"\*{3}|\.{3}$|^[xX]{8,}$")  # as consoles show a secret
_NOTHING = ("null", "none", "nil", "undefined", "n/a", "-")  # what programs print in place of a missing value


class Revoked(NamedTuple):
    """What must no longer open the dashboard: tokens, and values of the session cookie."""

    tokens: tuple[Secret, ...] = ()
    sessions: tuple[Secret, ...] = ()


def is_text(value: str) -> bool:
    """Return whether a value of the process, which may be any bytes, is text."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def without_line_end(value: str) -> str:
    """Return a value without its last line end, which a secret of CI has if it was pasted from a file."""
    return value.removesuffix("\n").removesuffix("\r")


def read_token(path: Path) -> str:
    """Return the dashboard's token from the file of `--token=@FILE`, which holds it alone.

    Raises InputError if the file cannot be read, or holds none, or more than that.
    """
    source = "--token @FILE"
    lines = [
        (number, line.strip())
        for number, line in enumerate(read_text(path, source).splitlines(), 1)
        if line.strip()
    ]
    if not lines:
        raise InputError("--token: is empty")
    if any(_assigned(line) for _, line in lines):
        number = next(number for number, line in lines if _assigned(line))
        raise InputError(
            f"{source}, line {number}: is a name and its value; write the token alone, or give an env file "
            "as --env-file"
        )
    if len(lines) > 1:
        raise InputError(f"{source}: has {len(lines)} lines; write the token alone, on one line")
    return lines[0][1]


def read_revoked(path: Path) -> Revoked:
    """Read revoked tokens and sessions (`caio_session=VALUE`), one per line.

    Blank lines and lines that start with # are skipped. Raises InputError, naming the file, if it cannot be
    read or holds neither, and naming the line, but not its text, if a line cannot be a token.
    """
    source = f"--revoked-tokens {path}"
    given = [(number, line.strip()) for number, line in enumerate(read_text(path, source).splitlines(), 1)]
    given = [(number, line) for number, line in given if line and not line.startswith("#")]
    if not given:
        raise InputError(f"{source}: holds no token; write one per line")
    for number, line in given:
        fault = _unlike_a_token(line.removeprefix(_SESSION))
        if fault:
            raise InputError(f"{source}, line {number}: {fault}; write the token alone, or {_SESSION}VALUE")
    return Revoked(
        tuple(Secret(line) for _, line in given if not line.startswith(_SESSION)),
        tuple(Secret(line.removeprefix(_SESSION)) for _, line in given if line.startswith(_SESSION)),
    )


def _unlike_a_token(line: str) -> str:
    """Return why a line cannot be a token or session, or an empty string; it is not quoted.

    Sent as it is, it would be refused even where the token in it still works.
    """
    odd = odd_character(line)
    if odd:
        return f"there is {odd} in it"
    if _assigned(line):
        return "it is a name and its value"
    if "://" in line:
        return "it is a URL"
    separator = next((mark for mark in ",;" if mark in line), "")
    if separator:
        return f"there is a {'comma' if separator == ',' else 'semicolon'} in it"
    if not line or line[0] + line[-1] in ("<>", "{}", "[]", "()"):
        return "it is in brackets" if line else "the session is empty"
    if _REFERENCE.search(line):
        return "it is the name of a variable, whose value nobody filled in"
    if _CUT.search(line):
        return "a part of it is left out"
    if line.lower() in _NOTHING:
        return "it says that there is none"
    return ""


def _assigned(line: str) -> bool:
    """Return whether a line is one of an env file, or a header."""
    line = line.removeprefix("export ")
    found = _ASSIGNED.match(line)
    if found is None:
        return False
    name = found[1]
    variable = line[found.end(1)] == "=" and _VARIABLE.fullmatch(name)
    return bool(variable or name in RUNTIME_KEYS or names_secret(name, ""))


def given_revoked(given: str | None, here: Path) -> Revoked:
    """Return the tokens of `--revoked-tokens=@FILE`, none without it. Raises InputError if it is no file."""
    if given is None:
        return Revoked()
    if not given.startswith("@"):
        # Not quoted: if a conftest.py loaded the plugin, pytest has already replaced @FILE with the file's
        # first line, which is a token.
        raise InputError('--revoked-tokens: takes a file, written "--revoked-tokens=@FILE"')
    return read_revoked(here / given[1:])


def given_token(given: str | None, here: Path) -> str:
    """Return the token of `--token VALUE|@FILE`, empty without it. Raises InputError if it cannot be used."""
    if given is None:
        return ""
    if given.startswith("@"):
        return read_token(here / given[1:])
    if not given.strip():
        raise InputError("--token: is empty")
    if not is_text(given):
        raise InputError("--token: is not UTF-8 text")
    return without_line_end(given)
