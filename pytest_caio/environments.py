"""What is asked for: a profile, its env file and the command line become one frozen Environment."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from pytest_caio.envfile import EnvFile
from pytest_caio.errors import InputError
from pytest_caio.secret import Secret
from pytest_caio.sections import SECTIONS, OperatorSection, PackSection, ReplaySection, StateSection

__all__ = ["Environment", "Profile", "checked_url", "load_environment", "read_profiles", "read_revoked"]

_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{64}$")]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `environments.toml`; relative paths are relative to that file."""

    base_url: str = ""
    env_file: str = ""
    environment: str = ""  # what the deployment must say it is; the profile's name if left out
    reference: bool = False  # start the embedded reference deployment and ask that
    query_token: bool = False  # is the deprecated ?token= still enabled
    probe_query_token: bool = True  # send ?token= once, or rely on the reported flag
    inngest_functions: int | None = None
    ready_budget_ms: int = 1500
    revoked_sha256: tuple[_Sha256, ...] = ()  # of secrets that must not be used again, in hex
    state: StateSection | None = None
    replay: ReplaySection | None = None
    operator: OperatorSection | None = None
    pack: PackSection | None = None


@dataclass(frozen=True)
class Environment:
    """What to probe, with which secrets, and what to expect of it."""

    name: str
    base_url: str
    profile: Profile
    values: Mapping[str, Secret] = field(repr=False)
    revoked: tuple[Secret, ...] = field(default=(), repr=False)
    expect_commit: str = ""
    file: EnvFile | None = field(
        default=None, repr=False
    )  # the env file as it is written, where one was read

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


def read_profiles(path: Path) -> dict[str, Profile]:
    """Read a profiles file. Raises InputError naming the file, the line and the key that is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"profiles {path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise InputError(f"profiles {path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"profiles {path}: {error}") from None
    profiles = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            line = _line_of(text, "", name)
            raise InputError(f"profiles {path}, line {line}: {name} is no table; keys stand under [NAME]")
        try:
            profiles[name] = _anchored(msgspec.convert(table, Profile), path.parent)
        except msgspec.ValidationError as error:
            section, key, reason = _explained(str(error))
            heading = f"{name}.{section}" if section else name
            where = f"profiles {path}, line {_line_of(text, heading, key)}: [{heading}]"
            raise InputError(f"{where} {reason}") from None
    return profiles


def _anchored(profile: Profile, folder: Path) -> Profile:
    """Return the profile with its sections' relative paths starting at `folder`, where its file is."""
    sections = {
        name: section.anchored(folder) for name in SECTIONS if (section := getattr(profile, name)) is not None
    }
    return msgspec.structs.replace(profile, **sections)


def _explained(message: str) -> tuple[str, str, str]:
    """Return the section (empty for the profile itself), the key and the reason of a validation error."""
    path = re.search(r" - at `\$\.?([^`\[]*)([^`]*)`", message)
    *sections, key = path[1].split(".") if path else [""]
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown:
        keys = SECTIONS.get(key, Profile).__struct_fields__
        return key, unknown[1], f"unknown key {unknown[1]}; the keys are {', '.join(keys)}"
    return ".".join(sections), key, re.sub(r" - at `.*`", f" (key {key}{path[2] if path else ''})", message)


def _line_of(text: str, heading: str, key: str) -> int:
    """Return the line of `key` under a heading, that of the heading, or else of the profile's."""
    inside, start, known = not heading, 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            name = ".".join(part.strip().strip("\"'") for part in header[1].split("."))
            inside = f"{name}.".startswith(f"{heading}.")
            if f"{heading}.".startswith(f"{name}.") and len(name) > len(known):
                start, known = number, name
        if inside and key and re.match(rf"\s*(\[+|\[.*\.)?[\"']?{re.escape(key)}\b", line):
            return number
    return start


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
    base_url: str = "",
    env_file: Path | None = None,
    token: str = "",
    revoked: tuple[Secret, ...] = (),
    expect_commit: str = "",
) -> Environment:
    """Build the Environment of profile `name`, whose relative paths start at `folder`.

    A value comes from the command line, then the env file, then `<NAME>_<KEY>` and then `<KEY>` of
    `process`; `keys` are those looked for there. Raises InputError where there is no usable base URL, or
    where `env_file`, given by the user, is not there; a profile's own env file may be missing (CI has none).
    """
    values: dict[str, Secret] = {}
    prefix = re.sub(r"\W", "_", name).upper()
    for key in keys:
        found = process.get(f"{prefix}_{key}", process.get(key, ""))
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
