"""Secret values, and which keys and values are secret."""

from __future__ import annotations

import os
import re
import secrets

from pytest_caio.redaction.urls import url_credentials

__all__ = ["Secret", "names_path", "names_secret", "new_secret"]

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|BEARER|JWT|(?:^|_)(?:PASS|PWD|KEYS?)(?:$|_)|API_?KEY|DSN|CREDENTIAL",
    re.IGNORECASE,
)
_SWITCH_NAME = re.compile(r"_(ENABLED|REQUIRED|HEADER|ALLOWLIST|DAYS|SECONDS)$", re.IGNORECASE)
_PATH_NAME = re.compile(r"_(FILE|PATH|DIR|SOCK)$", re.IGNORECASE)
_URL = re.compile(r"\s*[A-Za-z][\w+.-]*://", re.ASCII)
_URL_NAME = re.compile(r"(?:^|_)(?:URL|URI)$", re.IGNORECASE)


class Secret:
    """A text that `repr`, `str` and `format` hide; only `reveal()` returns it.

    Secrets compare and hash by value, so that they can be compared without being revealed.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; call this only where the value is used."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('**********')" if self._value else "Secret('')"

    def __str__(self) -> str:
        return "**********" if self._value else ""


def names_secret(key: str, value: str) -> bool:
    """Return whether `key` names a secret, or `value` is a URL that contains credentials.

    What stands in the place of a connection string and is no URL may be nothing but its password.
    """
    if _SECRET_NAME.search(key) and not _SWITCH_NAME.search(key):
        return True
    if "://" in value and url_credentials(value):
        return True
    whole = _URL_NAME.search(key) and not _URL.match(value) and ("@" in value or key.endswith("REDIS_URL"))
    return bool(value.strip() and whole)


def names_path(key: str, value: str) -> bool:
    """Return whether `key` or `value` names a path on this machine: a secret's location is no secret."""
    if value.startswith(("//", "\\\\")):  # on Windows another machine, which must not be asked for a secret
        return bool(_PATH_NAME.search(key))
    return bool(_PATH_NAME.search(key)) or os.path.exists(os.path.expanduser(value))  # noqa: PTH110, PTH111 - never raises


def new_secret() -> str:
    """Return 43 random characters, 255 bits or more, that need no quotes and do not begin with `-`."""
    while (secret := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return secret
