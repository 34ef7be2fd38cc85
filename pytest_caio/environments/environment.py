"""The environment to test: profile, env file and command line combined in one frozen `Environment`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, RUNTIME_KEYS, STATE_PREFIX, odd_character
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.urls import web_url
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret, names_secret

__all__ = ["Environment", "Revoked", "checked_url", "load_environment", "read_revoked"]

_SESSION = "caio_session="
_ASSIGNED = re.compile(r"([A-Za-z_][\w-]*)[=:](?!=*$)")


class Revoked(NamedTuple):
    """What must no longer open the dashboard: tokens, and values of the session cookie."""

    tokens: tuple[Secret, ...] = ()
    sessions: tuple[Secret, ...] = ()


_NONE_REVOKED = Revoked()


@dataclass(frozen=True)
class Environment:
    """A deployment to test: its URL, its secrets, and what is expected of it."""

    name: str
    base_url: str
    profile: Profile
    values: Mapping[str, Secret] = field(repr=False)
    revoked: Revoked = field(default=_NONE_REVOKED, repr=False)
    expect_commit: str = ""
    file: EnvFile | None = field(default=None, repr=False)  # the env file, if one was read

    def value(self, key: str) -> str:
        """Return the value of a runtime key, or an empty string if it was not given."""
        return self.values.get(key, Secret("")).reveal()

    @property
    def expected_environment(self) -> str:
        """The environment name that the deployment must report."""
        return self.profile.environment or self.name

    @property
    def host(self) -> str:
        """The host the deployment answers on, without a port."""
        url = web_url(self.base_url)
        return url.host if url else ""

    @property
    def is_loopback(self) -> bool:
        """Whether the deployment is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")

    @property
    def queue_prefix(self) -> str:
        """The prefix of the cards' keys in Redis."""
        given = (self.value(key).strip() for key in ("CONTEXT_REDIS_PREFIX", STATE_PREFIX))
        return next(filter(None, given), DEFAULT_STATE_PREFIX)

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """The origins of CORS_ALLOWED_ORIGINS, in order."""
        listed = self.value("CORS_ALLOWED_ORIGINS").split(",")
        return tuple(dict.fromkeys(origin.strip() for origin in listed if origin.strip()))

    @property
    def usable_origins(self) -> tuple[str, ...]:
        """Those of `cors_origins` that name a host of the web: without a wildcard."""
        return tuple(origin for origin in self.cors_origins if web_url(origin))


def checked_url(url: str, source: str) -> str:
    """Return the origin of `url`. Raises InputError, naming `source`, if it is not a base URL.

    Case, the scheme's own port, a trailing slash and a dot after the host make no other deployment. The error
    does not quote the URL, because a secret may have been pasted in its place.
    """
    url = url.strip()
    if any(map(str.isspace, url)):
        raise InputError(f"{source}: is not a URL; there is a blank in it")
    if "@" in url:
        raise InputError(f"{source}: has credentials in it; give them in the env file")
    if not re.match(r"https?://[^/?#]", url, re.IGNORECASE):
        raise InputError(f"{source}: must start with https:// (or http:// on loopback) and name a host")
    parts = web_url(url)
    if parts is None:
        raise InputError(f"{source}: is not a URL")
    if parts.path != "/" or re.search("[?#]", url):
        raise InputError(f"{source}: must be scheme and host alone, without path, query or fragment")
    return parts._replace(host=parts.host.rstrip(".")).origin


def read_revoked(path: Path) -> Revoked:
    """Read revoked tokens and sessions (`caio_session=VALUE`), one per line.

    Blank lines and lines that start with # are skipped. Raises InputError, naming the file, if it cannot be
    read or holds neither, and naming the line, but not its text, if a line cannot be a token.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(f"--revoked-tokens {path}: {reason}") from None
    given = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    given = [(number, line) for number, line in given if line and not line.startswith("#")]
    if not given:
        raise InputError(f"--revoked-tokens {path}: holds no token; write one per line")
    for number, line in given:
        fault = _unlike_a_token(line.removeprefix(_SESSION))
        if fault:
            raise InputError(
                f"--revoked-tokens {path}, line {number}: {fault}; write the token alone, or {_SESSION}VALUE"
            )
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
    assigned = _ASSIGNED.match(line)
    if assigned and (assigned[1] in RUNTIME_KEYS or names_secret(assigned[1], "")):
        return "it is a name and its value"
    separator = next((mark for mark in ",;" if mark in line), "")
    if separator:
        return f"there is a {'comma' if separator == ',' else 'semicolon'} in it"
    if not line or line[0] + line[-1] in ("<>", "{}", "[]", "()"):
        return "it is in brackets" if line else "the session is empty"
    return ""


def load_environment(
    name: str,
    profile: Profile,
    folder: Path,
    *,
    keys: Sequence[str],
    process: Mapping[str, str],
    shared: bool = True,
    base_url: str = "",
    env_file: Path | None = None,
    token: str = "",
    revoked: Revoked = _NONE_REVOKED,
    expect_commit: str = "",
) -> Environment:
    """Return the Environment of profile `name`; the profile's relative paths are relative to `folder`.

    A value is taken from the command line, else from the env file, else from `<NAME>_<KEY>` and, if `shared`,
    `<KEY>` of the process environment `process`, which is searched for `keys` and the profile's
    `required_keys` only; a last line end, as CI secrets may have one, is dropped. In a run of two
    environments it is not shared: `<KEY>` would give both the same secret. Raises InputError if there is no
    usable base URL, or if `env_file`, given by the user, cannot be read; the profile's own env file may be
    missing (CI has none).
    """
    values: dict[str, Secret] = {}
    prefix = re.sub(r"\W", "_", name).upper()
    for key in (*keys, *profile.required_keys):
        found = process.get(f"{prefix}_{key}", process.get(key, "") if shared else "")
        found = found.removesuffix("\n").removesuffix("\r")
        if found:
            values[key] = Secret(found)
    own = folder / profile.env_file if profile.env_file else None
    path = env_file or (own if own and own.exists() else None)
    file = EnvFile.read(path) if path else None
    if file:
        values.update(file.values)
    if token:
        values["DASHBOARD_AUTH_TOKEN"] = Secret(token)
    given = values.get("CAIO_BASE_URL", Secret("")).reveal()
    if base_url:
        url = checked_url(base_url, "--base-url")
    elif profile.base_url:
        url = checked_url(profile.base_url, f"base_url of profile {name}")
    elif given:
        url = checked_url(given, f"CAIO_BASE_URL of {path or 'the process environment'}")
    elif profile.reference:
        url = ""
    else:
        where = path or own or "the process environment"
        raise InputError(f"--env {name}: no base URL; give --base-url, or CAIO_BASE_URL in {where}")
    return Environment(name, url, profile, values, revoked, expect_commit, file)
