"""Tokens that a person hands in by themselves: that of the dashboard, and those that must no longer work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pytest_caio.environments.keys import holds_runtime_key, odd_character
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
_ALONE = "write the token alone, or give an env file as --env-file"
_SEPARATORS = {",": "a comma", ";": "a semicolon"}  # of lists, cookies and cells
# As an env file, a shell, PowerShell, a header, a query or an option has it. No names: JSON in base64, as a
# session begins, what `=` pads at the end, and a part with a digit before a colon, as in `v1:...`.
_ASSIGNED = re.compile(
    r"(?:.*[?&]|-+|\$(?:\w+:)?|(?:export|set|SET)\s+)?(?!eyJ|e30=)"
    r"(?:[A-Za-z_][\w.-]*\s*=(?!=*$)|(?:[A-Za-z]{2,}|[A-Za-z](?=[_-]))(?:[_-]+[A-Za-z0-9]+)*\s*:(?!:*$))"
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_NAMES = ("AUTHORIZATION", "X_DASHBOARD_TOKEN", "CAIO_SESSION", "SESSION", "COOKIE", "TOKEN", "BEARER")
# Of a shell, of PowerShell, and of cmd.exe.
_REFERENCE = re.compile(r"\$\{[^}]*\}|^\$(?:env:)?[A-Za-z_]\w*$|^%\w+%$|^\$\(.*\)$")
# As consoles show a secret.
_CUT = re.compile(r"\*{3}|\.{3}$|^[xX]{8,}$|^(?i:redacted|masked|hidden|removed|omitted|filtered|sensitive)$")
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
    for number, line in lines:
        if fault := _unlike_a_token(line):
            raise InputError(f"{source}, line {number}: {fault}; {_ALONE}")
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
        fault = _several_or_odd(line) or _unlike_a_token(line.removeprefix(_SESSION))
        if fault:
            raise InputError(f"{source}, line {number}: {fault}; write the token alone, or {_SESSION}VALUE")
    return Revoked(
        tuple(Secret(line) for _, line in given if not line.startswith(_SESSION)),
        tuple(Secret(line.removeprefix(_SESSION)) for _, line in given if line.startswith(_SESSION)),
    )


def _several_or_odd(line: str) -> str:
    """Return why a line is more than a revoked token alone; in the token in use ENV-15 names what is odd."""
    if odd := odd_character(line):
        return f"there is {odd} in it"
    return next((f"there is {name} in it" for mark, name in _SEPARATORS.items() if mark in line), "")


def _unlike_a_token(line: str) -> str:
    """Return why a line cannot be a token or session, or an empty string; it is not quoted.

    Sent as it is, it would be refused even where the token in it still works.
    """
    if "://" in line:
        return "it is a URL"
    if not line or line[0] + line[-1] in ("<>", "{}", "[]", "()"):
        return "it is in brackets" if line else "the session is empty"
    if _REFERENCE.search(line) or _is_name(line.rstrip("=:")):
        return "it is the name of a variable, whose value nobody filled in"
    if _ASSIGNED.match(line):
        return "it is a name and its value"
    if _CUT.search(line):
        return "a part of it is left out"
    if line.lower() in _NOTHING:
        return "it says that there is none"
    return ""


def _is_name(line: str) -> bool:
    """Return whether a line is the name of a secret, of a runtime key or of a header, and no value."""
    name = line.upper().replace("-", "_")
    secret = _VARIABLE.fullmatch(line) and names_secret(line, "")
    return bool(secret or holds_runtime_key(name) or name in _NAMES)


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
    if fault := _unlike_a_token(given.strip()):
        raise InputError(f"--token: {fault}; {_ALONE}")
    return without_line_end(given)
