"""What part of the suite a run covered: what was selected, and why the run was not complete."""

from __future__ import annotations

import pytest

from pytest_caio.checks.check import GATES
from pytest_caio.session.run import Run

__all__ = ["may_deselect", "narrowings", "part_of", "repeated", "selection"]

# The packages of plugins that only sort what was collected, unless an option of pytest asks for more.
_LEAVE_NOTHING_OUT = frozenset({"_pytest", "pytest_caio", "pytest_randomly", "_hypothesis_pytestplugin"})


def selection(config: pytest.Config) -> str:
    """Return the paths and the -k and -m expressions of the command line."""
    option = config.option
    parts = [str(a) for a in config.args]
    parts += [f"-k {option.keyword}"] if option.keyword else []
    parts += [f"-m {option.markexpr}"] if option.markexpr else []
    return " ".join(parts)


def repeated(config: pytest.Config) -> list[str]:
    """Return the options of the command line that decide which deployment is asked, and what may be sent.

    `--env` is not among them, nor a token that was given itself.
    """
    option = config.option
    token = option.caio_token or ""
    given = {
        "--base-url": option.base_url,
        "--profiles": option.caio_profiles,
        "--env-file": option.caio_env_file,
        "--token": token if token.startswith("@") else "",
        "--revoked-tokens": option.caio_revoked,
        "--expect-commit": option.caio_commit,
        "--replay-executor": option.caio_executor,
    }
    words = [f"{flag}={value}" for flag, value in given.items() if value]
    words += [f"--fault={name}" for name in option.caio_faults]
    return [*words, *(["--allow-writes"] if option.caio_writes else [])]


def may_deselect(config: pytest.Config) -> bool:
    """Return whether an option of pytest, or another plugin, may leave out checks that were collected."""
    hooks = config.hook.pytest_collection_modifyitems.get_hookimpls()
    others = {str(hook.function.__module__).partition(".")[0] for hook in hooks} - _LEAVE_NOTHING_OUT
    options = ("keyword", "markexpr", "deselect", "lf", "stepwise")
    return bool(others) or any(config.getoption(name, None) for name in options)


def part_of(config: pytest.Config) -> str:
    """Return in words that the command line selects a part of the checks, and how."""
    option = config.option
    given = [f"-k {option.keyword}"] if option.keyword else []
    given += [f"-m {option.markexpr}"] if option.markexpr else []
    return f"only a part was asked ({', '.join(given) or '--deselect or --lf'})"


def narrowings(config: pytest.Config, run: Run, exitstatus: int, stopped_by: str) -> list[str]:
    """Return the ways in which the run was not complete; empty for a complete run.

    `stopped_by` is what interrupted it, such as a signal's name; empty if nothing did.
    """
    narrowed = list(dict.fromkeys(run.narrowed))
    if (config.option.keyword or config.option.markexpr) and not narrowed:
        narrowed.append(part_of(config))
    if any("::" in str(argument) for argument in config.args):
        narrowed.append("only single checks were asked")
    gates = {result.gate for result in run.tally.results}
    missing = [gate for gate in GATES if gate not in gates]
    if missing and not narrowed:
        narrowed.append(f"these gates were not asked: {', '.join(missing)}")
    lacking = run.planned - len({result.nodeid for result in run.tally.results})
    if lacking > 0:
        narrowed.append(f"{lacking} case{'s' * (lacking > 1)} did not run: the run was stopped early")
    if exitstatus not in (0, 1, 5) or stopped_by:
        broke = "an internal error" if exitstatus == pytest.ExitCode.INTERNAL_ERROR else ""
        by = stopped_by or broke
        narrowed.append("the run was interrupted" + (f": {by}" if by else ""))
    return narrowed
