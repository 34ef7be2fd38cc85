"""The inputs that checks beyond HTTP require of an environment.

Each `needs_...` function is passed to `cases` (or to a `Job`): it returns one case without probes, or raises
MissingInput naming the key to set, or NotApplicable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pytest_caio.checks.probe import Probe
from pytest_caio.contract.cards import zoned
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import PackSection, ReplaySection, StateSection
from pytest_caio.errors import InputError
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.system.paths import is_file, is_folder, is_there

__all__ = [
    "needs_baseline",
    "needs_cutover",
    "needs_env_file",
    "needs_files",
    "needs_golden_set",
    "needs_pack",
    "needs_redis",
    "needs_replay",
    "needs_runner",
    "needs_summary",
    "needs_twins",
]

_One = Mapping[str, tuple[Probe, ...]]
_ONE: _One = {"": ()}


def needs_redis(environment: Environment) -> _One:
    """Require the deployment's REDIS_URL."""
    if not environment.value("REDIS_URL").strip():
        raise MissingInput("REDIS_URL")
    return _ONE


def needs_env_file(environment: Environment) -> _One:
    """Require an env file; not applicable when the values come from the process environment."""
    if environment.file is None:
        raise NotApplicable("there is no env file: the values come from the process environment")
    return _ONE


def needs_files(environment: Environment) -> _One:
    """Require the file state's folder; not applicable when the profile declares all file state removed."""
    folder = _state(environment).hive_dir
    key = f"hive_dir of [{environment.name}.state]"
    if folder is None:
        raise MissingInput(key)
    if not folder:
        raise NotApplicable("the profile says that all file state was removed (hive_dir is empty)")
    if not is_folder(folder):
        raise MissingInput(
            f"{key} ({'a file, not a folder' if is_file(folder) else 'no such folder'}: {folder})"
        )
    return _ONE


def needs_twins(environment: Environment) -> _One:
    """Require both the file state and Redis, which the state gate compares."""
    return {**needs_files(environment), **needs_redis(environment)}


def needs_cutover(environment: Environment) -> _One:
    """Require the file state and the cutover time, after which no file may change.

    Before that time there is nothing to see.
    """
    needs_files(environment)
    cutover = _state(environment).cutover
    if cutover is None:
        raise MissingInput(f"cutover of [{environment.name}.state]")
    if zoned(cutover) > datetime.now(UTC):
        raise NotApplicable(f"the cutover is still to come ({zoned(cutover):%Y-%m-%d %H:%M %Z})")
    return _ONE


def needs_summary(environment: Environment) -> _One:
    """Require a migration's summary, if the profile names one, and Redis; not applicable otherwise."""
    if not _state(environment).summary:
        raise NotApplicable("the profile names no migration's summary (summary)")
    return needs_redis(environment)


def needs_golden_set(environment: Environment) -> _One:
    """Require the golden set's file."""
    _file(environment, "golden_set")
    return _ONE


def needs_replay(environment: Environment) -> _One:
    """Require the golden set, recorded answers or a runner, and the baseline when the profile names one."""
    _file(environment, "golden_set")
    section = _replay(environment)
    if section.baseline:
        _file(environment, "baseline")
    if section.answers:
        _file(environment, "answers")
        return _ONE
    return needs_runner(environment)


def needs_runner(environment: Environment) -> _One:
    """Require the golden set and a runner command: recorded answers cannot prove the runner's honesty."""
    _file(environment, "golden_set")
    section = _replay(environment)
    key = f"runner of [{environment.name}.replay]"
    if not section.runner:
        raise MissingInput(key)
    if not is_folder(section.cwd):
        raise MissingInput(f"cwd of [{environment.name}.replay] (no such folder: {section.cwd})")
    from pytest_caio.replay.runners import missing_script  # noqa: PLC0415 - only runs with a replay need it

    try:
        lacking = missing_script(section.runner, Path(section.cwd))
    except InputError as error:
        raise MissingInput(f"{key} ({error})") from None
    if lacking:
        raise MissingInput(f"{key} (no such file: {lacking})")
    return _ONE


def needs_baseline(environment: Environment) -> _One:
    """Require a replay and a baseline to compare it with; not applicable when no baseline is named."""
    if _replay(environment).golden_set and not _replay(environment).baseline:
        raise NotApplicable("the profile names no earlier answers (baseline)")
    return needs_replay(environment)


def needs_pack(environment: Environment) -> _One:
    """Require the critical tests and the checkout that holds them."""
    section = environment.profile.pack or PackSection()
    if not section.tests:
        raise MissingInput(f"tests of [{environment.name}.pack]")
    if not is_folder(section.cwd):
        raise MissingInput(f"cwd of [{environment.name}.pack] (no such folder: {section.cwd})")
    paths = [Path(section.cwd) / test.partition("::")[0] for test in section.tests]
    lacking = [path for path in paths if not is_there(path)]
    if lacking:
        raise MissingInput(f"tests of [{environment.name}.pack] (no such file: {lacking[0]})")
    return _ONE


def _state(environment: Environment) -> StateSection:
    return environment.profile.state or StateSection()


def _replay(environment: Environment) -> ReplaySection:
    return environment.profile.replay or ReplaySection()


def _file(environment: Environment, key: str) -> None:
    path = getattr(_replay(environment), key)
    name = f"{key} of [{environment.name}.replay]"
    if not path:
        raise MissingInput(name)
    if not is_file(path):
        raise MissingInput(f"{name} (no such file: {path})")
