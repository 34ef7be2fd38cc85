"""The environment to test: profile, env file and command line combined in one frozen `Environment`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, STATE_PREFIX
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.tokens import Revoked, is_text, without_line_end
from pytest_caio.environments.urls import web_url
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret
from pytest_caio.system.paths import is_missing

__all__ = ["Environment", "checked_url", "load_environment"]

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
    names: dict[str, str] = {}  # of the variables, by key
    prefix = re.sub(r"\W", "_", name).upper()
    for key in (*keys, *profile.required_keys):
        name_of = f"{prefix}_{key}" if f"{prefix}_{key}" in process or not shared else key
        if found := without_line_end(process.get(name_of, "")):
            values[key] = Secret(found)
            names[key] = name_of
    own = folder / profile.env_file if profile.env_file else None
    path = env_file or (None if own is None or is_missing(own) else own)
    file = EnvFile.read(path) if path else None
    if file:
        values.update(file.values)
    for key, name_of in names.items():
        if not is_text(values[key].reveal()):
            raise InputError(f"{name_of} of the process environment: is not UTF-8 text")
    if token:
        values["DASHBOARD_AUTH_TOKEN"] = Secret(token)
    given = values.get("CAIO_BASE_URL", Secret("")).reveal()
    if base_url:
        url = checked_url(base_url, "--base-url")
    elif profile.base_url:
        url = checked_url(profile.base_url, f"base_url of profile {name}")
    elif given:
        lines = [entry.line for entry in file.entries if entry.key == "CAIO_BASE_URL"] if file else []
        source = f"{path}, line {lines[-1]}" if lines else "the process environment"
        url = checked_url(given, f"CAIO_BASE_URL of {source}")
    elif profile.reference:
        url = ""
    else:
        where = path or own or "the process environment"
        raise InputError(f"--env {name}: no base URL; give --base-url, or CAIO_BASE_URL in {where}")
    return Environment(name, url, profile, values, revoked, expect_commit, file)
