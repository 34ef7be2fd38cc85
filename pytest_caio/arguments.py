"""The arguments of the command line before pytest parses them, where it would misread them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["join_files", "joined_paths"]

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
    folders = (
        folder for folder in (start, *start.parents) if any((folder / name).is_file() for name in _INI)
    )
    return joined if next(folders, None) != config.rootpath else None


def _joined(arguments: Sequence[str], here: Path) -> list[str]:
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _WITH_PATH and (here / argument).exists():
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
