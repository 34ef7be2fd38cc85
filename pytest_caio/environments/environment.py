"""What is asked for: a profile, its env file and the command line become one frozen Environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.profiles import (
    Profile,
)
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret

__all__ = ["Environment", "checked_url", "load_environment", "read_revoked"]


@dataclass(frozen=True)
class Environment:
    """What to probe, with which secrets, and what to expect of it."""

    name: str
    base_url: str
    profile: Profile
    values: Mapping[str, Secret] = field(repr=False)
    revoked: tuple[Secret, ...] = field(default=(), repr=False)
    expect_commit: str = ""
    file: EnvFile | None = field(default=None, repr=False)  # as it is written, where one was read

    def value(self, key: str) -> str:
        """Return the value of a runtime key, empty where it was not given."""
        return self.values.get(key, Secret("")).reveal()

    @property
    def expected_environment(self) -> str:
        """What the deployment must say it is."""
        return self.profile.environment or self.name

    @property
    def host(self) -> str:
        """The host the deployment answers on, without a port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether the deployment is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """The origins of CORS_ALLOWED_ORIGINS, in order."""
        listed = self.value("CORS_ALLOWED_ORIGINS").split(",")
        return tuple(dict.fromkeys(origin.strip() for origin in listed if origin.strip()))


def checked_url(url: str, source: str) -> str:
    """Return `url` without a trailing slash. Raises InputError, naming `source`, where it is no base URL.

    The URL is not quoted: what was pasted in its place may be a secret.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - parsing the port raises where it is no number
    except ValueError:
        raise InputError(f"{source}: is not a URL") from None
    if any(map(str.isspace, url)):
        raise InputError(f"{source}: is not a URL; there is a blank in it")
    if "@" in url:
        raise InputError(f"{source}: has credentials in it; give them in the env file")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{source}: must start with https:// (or http:// on loopback) and name a host")
    if parts.query or parts.fragment or parts.path not in ("", "/"):
        raise InputError(f"{source}: must be scheme and host alone, without path, query or fragment")
    return f"{parts.scheme}://{parts.netloc}"


def read_revoked(path: Path) -> tuple[Secret, ...]:
    """Read revoked tokens, one a line; blank lines and lines that start with # are left out."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(f"--revoked-tokens {path}: {reason}") from None
    return tuple(Secret(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#"))


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
    revoked: tuple[Secret, ...] = (),
    expect_commit: str = "",
) -> Environment:
    """Build the Environment of profile `name`, whose relative paths start at `folder`.

    A value comes from the command line, then the env file, then `<NAME>_<KEY>` and then, where it is
    `shared`, `<KEY>` of the process environment `process`; `keys` are those looked for there. In a run of two
    environments it is not shared: a bare key would serve both with one secret. Raises InputError where there
    is no usable base URL, or where `env_file`, given by the user, is not there; a profile's own env file may
    be missing (CI has none).
    """
    values: dict[str, Secret] = {}
    prefix = re.sub(r"\W", "_", name).upper()
    for key in keys:
        found = process.get(f"{prefix}_{key}", process.get(key, "") if shared else "")
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
