"""Options of pytest and of common plugins that change what a run would ask, judge or show."""

from __future__ import annotations

import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.arguments import asks_nothing
from pytest_caio.errors import InputError
from pytest_caio.evidence.file import ready_folder

__all__ = [
    "asks_for_tracebacks",
    "check_options",
    "leave_out_hypothesis",
    "pass_over_strictness",
    "too_many_workers",
]

# Options by their names in `config.option`: that of the command line, and why a run must not have it.
_REFUSED = {
    "debug": ("--debug", "writes every value into a file, secrets too; leave it out"),
    "pastebin": ("--pastebin", "puts the run on a public site; leave it out"),
}
_MOST_WORKERS = 256
_SURROGATE = re.compile("[\ud800-\udfff]")  # what Python makes of a byte that is no text


def check_options(config: pytest.Config) -> None:
    """Adapt options that mean something else for a run. Raises InputError for those it must not have."""
    option = config.option
    if sys.flags.optimize:
        raise InputError(
            "PYTHONOPTIMIZE (or python -O) leaves out every assertion, so that no check could fail: "
            "unset it, and run python without -O"
        )
    for name, (flag, reason) in _REFUSED.items():
        if getattr(option, name, None):
            raise InputError(f"{flag}: {reason}")
    if getattr(option, "dist", "no") == "each":
        raise InputError("--dist each: every worker would send every request; give -n with a number instead")
    _check_workers(config)
    if getattr(option, "setuponly", False):  # would run the fixtures, which wait for responses
        option.setupplan = True
    for flag, path in _files(config).items():
        ready_folder(path.parent, flag, path.name)
    # Not in pytest.ini, where it would be unknown with -p no:terminal.
    if getattr(option, "tbstyle", "") == "auto" and "--tb=auto" not in config.invocation_params.args:
        option.tbstyle = "short"


def _check_workers(config: pytest.Config) -> None:
    """Raise InputError for workers that pytest-xdist could not start, over which the run would break."""
    specs = getattr(config.option, "tx", None) or ()
    for spec in specs:
        count, star, how = str(spec).rpartition("*")
        kind, *more = how.split("//")
        python = next((part.partition("=")[2] for part in more if part.startswith("python=")), "")
        if star and not (count.isdecimal() and int(count) <= _MOST_WORKERS):
            raise InputError(f"--tx {spec}: give at most {_MOST_WORKERS} workers, as in --tx 3*popen")
        if kind.partition("=")[0] not in ("popen", "ssh", "socket"):
            raise InputError(f"--tx {spec}: unknown kind of worker; give --tx popen, or -n with a number")
        if kind == "popen" and python and not shutil.which(python):
            raise InputError(f"--tx {spec}: there is no program {python}")
    # A worker is told these, as text.
    given = config.invocation_params
    told = " ".join(map(str, (*given.args, given.dir, config.rootpath, *sys.path)))
    if specs and _SURROGATE.search(told):
        raise InputError(
            "-n or --tx: this locale lacks letters of the folders' names, so that no worker could be told of "
            "them; set PYTHONUTF8=1, or leave the workers out"
        )


def too_many_workers(option: Any) -> str:
    """Return why a run may not have that many workers, else empty; xdist lists them before it starts any."""
    asked = getattr(option, "numprocesses", None)
    most = getattr(option, "maxprocesses", None) or _MOST_WORKERS + 1
    if isinstance(asked, int) and min(asked, most) > _MOST_WORKERS:
        return f"-n {asked}: each worker is a process; give at most {_MOST_WORKERS}"
    return ""


def _files(config: pytest.Config) -> dict[str, Path]:
    """Return the files that pytest will write: after the run, where it then could not."""
    if hasattr(config, "workerinput") or asks_nothing(config.option):
        return {}
    here, option = config.invocation_params.dir, config.option
    log = hasattr(option, "log_file") and (option.log_file or config.getini("log_file"))
    given = {"--junitxml": getattr(option, "xmlpath", None), "--log-file": log}
    return {flag: here / Path(path).expanduser() for flag, path in given.items() if path}


def asks_for_tracebacks(config: pytest.Config) -> bool:
    """Return whether pytest's own sections are to show failed checks too: with --tb, or -r and a letter."""
    given = [str(argument) for argument in config.invocation_params.args]
    asked = any(one == "--tb" or one.startswith("--tb=") or re.match(r"-[a-z]*r", one) for one in given)
    option = config.option
    return asked or getattr(option, "reportchars", "fE") != "fE" or getattr(option, "verbose", 0) > 1


def leave_out_hypothesis(config: pytest.Config) -> None:
    """Leave out the summary of hypothesis where no test used it, as in most runs.

    It imports all of the library, which takes a tenth of a run, to find that it has nothing to say.
    """
    manager, plugin = config.pluginmanager, sys.modules.get("_hypothesis_pytestplugin")
    used = "hypothesis" in sys.modules or getattr(config.option, "dist", "no") != "no"  # in a worker, perhaps
    if plugin is not None and manager.is_registered(plugin) and not used:
        manager.unregister(plugin)


def pass_over_strictness(config: pytest.Config) -> None:
    """Let no warning end the run: pytest shows those that -W, PYTHONWARNINGS or an ini file makes errors.

    Somebody's unclosed file says nothing about the deployment.
    """
    for lines in (config.getini("filterwarnings"), config.known_args_namespace.pythonwarnings or []):
        lines[:] = [_shown(line) for line in lines]
    # Those already in force, from pytest's options and from the interpreter's.
    filters: list[Any] = warnings.filters  # type: ignore[assignment]  # typeshed calls it a sequence
    filters[:] = [("default", *rest) if action == "error" else (action, *rest) for action, *rest in filters]


def _shown(line: str) -> str:
    action, colon, rest = line.partition(":")
    return f"default{colon}{rest}" if action.strip() and "error".startswith(action.strip()) else line
