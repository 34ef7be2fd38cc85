"""Profiles: one table of `environments.toml` per deployment, with sections for the gates beyond HTTP."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec

from pytest_caio.environments.urls import web_url
from pytest_caio.errors import InputError
from pytest_caio.system.strictjson import misfit
from pytest_caio.system.textfile import native_path, read_text
from pytest_caio.system.toml import line_of, parse_toml

__all__ = [
    "SECTIONS",
    "OperatorSection",
    "PackSection",
    "Profile",
    "ReplaySection",
    "StateSection",
    "executor_fault",
    "profile_named",
    "read_profiles",
]

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]


_LONGEST_PATH, _LONGEST_NAME = 1000, 255  # characters of a path, bytes of one name in it


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sub-table of a profile; relative paths are relative to the profiles file."""

    def anchored(self, folder: Path) -> Self:  # noqa: ARG002
        """Return the section with its relative paths resolved from `folder`; this one has none."""
        return self

    def _anchored(self, folder: Path, *keys: str) -> Self:
        given = {key: native_path(path) for key in keys if (path := getattr(self, key))}
        _refuse_long_paths(given)
        # Not Path.resolve, which raises RuntimeError for a link to itself, up to Python 3.12.
        paths = {key: os.path.realpath(folder / path) for key, path in given.items()}
        return msgspec.structs.replace(self, **paths)


def _refuse_long_paths(paths: Mapping[str, str]) -> None:
    """Raise ValidationError for a path that no file system takes."""
    for key, path in paths.items():
        names = (os.fsencode(part) for part in Path(path).parts)
        names = (os.fsencode(part) for part in Path(path).parts)
        if len(path) > _LONGEST_PATH or any(len(name) > _LONGEST_NAME for name in names):
            raise msgspec.ValidationError(f"The text is too long for a path - at `$.{key}`")


class StateSection(_Section, frozen=True, forbid_unknown_fields=True):
    """`[NAME.state]`: the file state that must also be in Redis.

    `hive_dir` is empty if all file state was removed, and None if it is not given. After the time
    `cutover` nothing may write files; it is UTC if it has no zone.
    """

    hive_dir: str | None = None
    cutover: datetime | None = None
    summary: str = ""  # path of the last migration's summary: `migrate-state --summary`

    def anchored(self, folder: Path) -> Self:
        """Return the section with its relative paths resolved from `folder`."""
        return self._anchored(folder, "hive_dir", "summary")


_EXECUTOR = r"^(dask://(([\w-]{1,63}(\.[\w-]{1,63})*\.?|\[[0-9a-fA-F:.]+\]):\d{1,5})/?)?\Z"
_Executor = Annotated[str, msgspec.Meta(pattern=_EXECUTOR)]


def executor_fault(address: str) -> str:
    """Return why an address names no executor of a replay, or an empty string."""
    form = re.match(_EXECUTOR, address)
    usable = form and form[2] and web_url(f"http://{form[2]}")
    return "" if usable else "write dask://HOST:PORT, the address of a Dask scheduler"


class ReplaySection(_Section, frozen=True, forbid_unknown_fields=True):
    """`[NAME.replay]`: the golden set, and what answers it: a runner's command, or recorded answers."""

    golden_set: str = ""
    runner: str = ""
    cwd: str = "."  # the runner's working directory
    protocol: Literal["process", "lines"] = "process"
    answers: str = ""  # recorded answers, in place of a runner
    baseline: str = ""  # an earlier release's answers
    min_pass_rate: _Share = 0.95
    min_cases: _Count = 50
    workers: _Count = 4
    case_seconds: _Seconds = 60.0
    total_seconds: _Seconds = 900.0  # for all cases
    executor: _Executor = ""  # dask://HOST:PORT: where the runner runs, and recorded answers are judged

    def __post_init__(self) -> None:
        """Raise ValueError for both `runner` and `answers`, and for an `executor` that is no address."""
        if self.runner and self.answers:
            raise ValueError("give runner or answers, not both")
        if self.executor and (fault := executor_fault(self.executor)):
            raise ValueError(f"executor: {fault}")

    @property
    def runner_options(self) -> dict[str, Any]:
        """How the runner's command is run: the keyword arguments of `CommandRunner`."""
        keys = ("protocol", "workers", "case_seconds", "total_seconds")
        return {"cwd": Path(self.cwd), **{key: getattr(self, key) for key in keys}}

    def anchored(self, folder: Path) -> Self:
        """Return the section with its relative paths resolved from `folder`."""
        found = self._anchored(folder, "golden_set", "cwd", "answers", "baseline")
        return msgspec.structs.replace(found, runner=native_path(self.runner))


class OperatorSection(_Section, frozen=True, forbid_unknown_fields=True):
    """`[NAME.operator]`: how many emails a supervised day may send at most, and the record of those sent."""

    daily_limit: _Count = 5
    sends: str = ""  # a record of supervised sends: JSON or JSON lines of `to`, `sent_at`, `conversation_id`

    def anchored(self, folder: Path) -> Self:
        """Return the section with its relative paths resolved from `folder`."""
        return self._anchored(folder, "sends")


class PackSection(_Section, frozen=True, forbid_unknown_fields=True):
    """`[NAME.pack]`: the product's critical tests, and the checkout they are run in.

    `tests` are pytest node ids or paths, relative to `cwd`. `python` is the name or path of an interpreter;
    by default the one in the checkout's `.venv` or, without one, the interpreter that runs the checks.
    `seconds` is the timeout of the whole test run, `min_tests` how many must run, and not be skipped.
    """

    cwd: str = "."
    tests: tuple[str, ...] = ()
    min_tests: _Count = 1
    python: str = ""
    seconds: _Seconds = 600.0

    def __post_init__(self) -> None:
        """Raise ValueError for a test that pytest would read as an option."""
        if any(not test.strip() or test.startswith("-") for test in self.tests):
            raise ValueError("tests are pytest's ids or paths, not options")

    def anchored(self, folder: Path) -> Self:
        """Return the section with its relative paths resolved from `folder`; a mere program name is none."""
        tests = tuple(native_path(test) for test in self.tests)
        python = native_path(self.python)
        if Path(python).name != python:
            # Links are not resolved: an interpreter of a virtual environment finds that by its own path.
            python = str(folder.resolve() / python)
        return msgspec.structs.replace(self._anchored(folder, "cwd"), tests=tests, python=python)


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "state": StateSection,
    "replay": ReplaySection,
    "operator": OperatorSection,
    "pack": PackSection,
}


# As browsers send it: none has a path, a wildcard, an upper-case letter or the usual port, and the refusal of
# what nobody sends would show nothing.
_ORIGIN = r"^(?!https:.*:443$|http:.*:80$)https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:\d+)?$"
_Origin = Annotated[str, msgspec.Meta(pattern=_ORIGIN)]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{64}$")]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `environments.toml`; relative paths are relative to that file."""

    base_url: str = ""
    env_file: str = ""
    environment: str = ""  # the name that the deployment must report, by default the profile's
    reference: bool = False  # start the embedded reference deployment and test that
    query_token: bool = False  # whether the deprecated ?token= is still enabled
    probe_query_token: bool = True  # whether to send what a server logs: ?token=, bearers in queries
    inngest_functions: _Count | None = None
    former_origins: tuple[_Origin, ...] = ()  # sites that once might call the API, and no longer may
    ready_budget_ms: _Count = 1500
    required_keys: tuple[str, ...] = ()  # further keys that sending needs, beside GHL's
    revoked_sha256: tuple[_Sha256, ...] = ()  # hex digests of secrets that must not be used again
    state: StateSection | None = None
    replay: ReplaySection | None = None
    operator: OperatorSection | None = None
    pack: PackSection | None = None


_NAME = re.compile(r"\w[\w.-]*")
# How to write a value of a type, by the name that msgspec gives it.
_MENDS = {
    "int": "write a whole number without quotes",
    "float": "write a number without quotes",
    "bool": "write true or false, without quotes",
    "str": "write it in quotes",
    "array": 'write a list, ["...", "..."]',
    "object": "write a table of its own, [NAME.KEY]",
    "datetime": "write day, time and offset without quotes, as in 2026-02-24T18:00:00Z",
    "RFC3339": "write day, time and offset without quotes, as in 2026-02-24T18:00:00Z",
    "": "write it on one line, and a path in single quotes or with / in place of each \\",
}


def profile_named(name: str, profiles: Mapping[str, Profile], path: Path) -> Profile:
    """Return the profile of `--env`. Raises InputError if the file at `path` has none of that name."""
    if name not in profiles:
        raise InputError(f"--env {name}: no such profile in {path}; there are {', '.join(profiles)}")
    return profiles[name]


def read_profiles(path: Path) -> dict[str, Profile]:
    """Return the profiles of a file by name, one at least.

    Raises InputError naming the file, and the line and key at fault.
    """
    source = f"profiles {path}"
    text = read_text(path, source)
    tables = parse_toml(text, source)
    profiles = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise InputError(
                f"{source}, line {line_of(text, name)}: {name} is no table; keys stand under [NAME]"
            )
        if not _NAME.fullmatch(name):
            where = f"{source}, line {line_of(text, '', name)}"
            raise InputError(f"{where}: a profile is named with letters, digits, - and _, as in [production]")
        try:
            _refuse_control_characters(table)
            profiles[name] = _anchored(msgspec.convert(table, Profile), path.parent)
        except msgspec.ValidationError as error:
            section, key, reason = _explained(str(error))
            heading = f"{name}.{section}" if section else name
            where = f"{source}, line {line_of(text, key, heading)}: [{heading}]"
            raise InputError(f"{where} {reason}") from None
        except RecursionError:
            raise InputError(f"{source}, line {line_of(text, '', name)}: is nested too deeply") from None
    if not profiles:
        raise InputError(f"{source}: has no profile; a profile is a table, as in [production]")
    return profiles


def _refuse_control_characters(value: object, at: str = "$") -> None:
    """Raise ValidationError for a text with a control character, such as the tab in "C:\\tools"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_control_characters(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_control_characters(inner, f"{at}[{number}]")
    elif isinstance(value, str) and any(unicodedata.category(character) == "Cc" for character in value):
        raise msgspec.ValidationError(f"There is a control character in the text - at `{at}`")


def _anchored(profile: Profile, folder: Path) -> Profile:
    """Return the profile with the relative paths of its sections resolved from `folder`."""
    profile = msgspec.structs.replace(profile, env_file=native_path(profile.env_file))
    _refuse_long_paths({"env_file": profile.env_file})
    sections = {
        name: section.anchored(folder) for name in SECTIONS if (section := getattr(profile, name)) is not None
    }
    return msgspec.structs.replace(profile, **sections)


# msgspec's own messages; others are ours, in the models above.
_OF_MSGSPEC = re.compile(r"Expected |Invalid |[A-Z]\w* (?:value )?(?:is )?out of range")
# How to write a value of which not every text will do, by its key.
_FORMS = {
    "former_origins": "write scheme and host in lower case, and no path and no usual port, as in "
    "https://old.example.com",
    "revoked_sha256": "write the 64 hex digits of a secret's SHA-256",
    "executor": executor_fault(""),
    "protocol": 'write "process" or "lines"',
}


def _explained(message: str) -> tuple[str, str, str]:
    """Return the section (empty for the profile itself), the key and the reason of a validation error."""
    path = re.search(r" - at `\$\.?([^`\[]*)([^`]*)`", message)
    *sections, key = path[1].split(".") if path else [""]
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown:
        keys = SECTIONS.get(key, Profile).__struct_fields__
        return key, unknown[1], f"unknown key {unknown[1]}; the keys are {', '.join(keys)}"
    wanted = re.match(r"Expected `(\w+)[^`]*`, got|Invalid (RFC3339)|There is a control character", message)
    mend = _MENDS.get(wanted[1] or wanted[2] or "", "") if wanted else _FORMS.get(key, "")
    # As TOML names them: it has no null.
    told = message.replace(" | null", "").replace("`object`", "`table`").replace("`array`", "`list`")
    reason = f"the value {misfit(told)}" if _OF_MSGSPEC.match(message) else message.partition(" - at ")[0]
    at = f" (key {key}{path[2]})" if path else ""
    return ".".join(sections), key, f"{reason}{at}" + (f"; {mend}" if mend else "")
