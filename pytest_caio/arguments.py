"""The arguments of the command line: what they ask for, and where pytest would misread them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_caio.system.paths import is_file, is_there

__all__ = ["PROFILES", "asks_for_reference", "asks_nothing", "find_suite", "join_files", "joined_paths"]

PROFILES = "environments.toml"

# Options whose value may be the path of an existing file or folder.
_WITH_PATH = (
    "--env",
    "--env-file",
    "--profiles",
    "--waivers",
    "--evidence-dir",
    "--html",
    "--sign",
    "--ledger",
    "--against",
)
_INI = ("pytest.ini", "pyproject.toml")
# Options of runs that only show something.
_SHOWING = (
    "collectonly",
    "setupplan",
    "help",
    "markers",
    "showfixtures",
    "show_fixtures_per_test",
    "cacheshow",
)


def join_files(args: list[str]) -> None:
    """Join `--token @FILE` and `--revoked-tokens @FILE` with a `=`, in place.

    Otherwise pytest would replace `@FILE` with the lines of the file, and every token after the first would
    become a test path.
    """
    for index in reversed(range(len(args) - 1)):
        if args[index] in ("--token", "--revoked-tokens") and args[index + 1].startswith("@"):
            args[index : index + 2] = [f"{args[index]}={args[index + 1]}"]


def joined_paths(config: pytest.Config) -> list[str] | None:
    """Return the arguments with `--option PATH` as `--option=PATH` if such a PATH misled pytest, else None.

    pytest looks for its ini file before it knows the options of plugins. It takes an existing PATH for that
    of tests, and may find another ini file above it, or none.
    """
    option, here = config.option, config.invocation_params.dir
    arguments = [str(argument) for argument in config.invocation_params.args]
    joined = _joined(arguments, here)
    ours = (
        option.caio_env,
        option.caio_env_file,
        option.caio_profiles,
        option.caio_waivers,
        option.caio_evidence,
        option.caio_sign,
        option.caio_ledger,
        option.caio_against,
    )
    if joined == arguments or not any(ours) or option.inifilename or option.rootdir:
        return None
    start = (here / str(config.args[0]).partition("::")[0]).resolve()
    folders = (folder for folder in (start, *start.parents) if any(is_file(folder / name) for name in _INI))
    return joined if next(folders, None) != config.rootpath else None


def _joined(arguments: Sequence[str], here: Path) -> list[str]:
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _WITH_PATH and is_there(here / argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def find_suite(config: pytest.Config) -> Path | None:
    """Return the folder of the acceptance suite that this run selects, or None.

    It is the first test path, or the folder of one, that contains a profiles file.
    """
    return _folder_of_suite(config.args, config.invocation_params.dir)


def _folder_of_suite(paths: Sequence[str], here: Path) -> Path | None:
    for argument in paths:
        path = here / str(argument).split("::")[0]
        for folder in (path, path.parent):
            if is_file(folder / PROFILES):
                return folder
    return None


def asks_nothing(option: argparse.Namespace) -> bool:
    """Return whether a run with these options only shows something, and sends and judges nothing."""
    return any(getattr(option, name, None) for name in _SHOWING)


def asks_for_reference(config: pytest.Config, parser: pytest.Parser) -> bool:
    """Return whether the command line asks for the demo, before options of other plugins are known.

    It is a guess: options in an ini file or a variable, or a profile with a base URL, may prove it wrong.
    """
    arguments = list(map(str, config.invocation_params.args))
    # A worker is given its controller's deployment. To parse @FILE would read the file.
    if "PYTEST_XDIST_WORKER" in os.environ or any(one.startswith(("@", "--base-url")) for one in arguments):
        return False
    with suppress(pytest.UsageError):  # which pytest raises in its own time
        known = parser.parse_known_args(arguments)
        other = known.caio_faults or known.caio_plan or set(known.caio_env or ["demo"]) != {"demo"}
        if not (other or known.version or asks_nothing(known)):
            return _folder_of_suite(known.file_or_dir, config.invocation_params.dir) is not None
    return False
