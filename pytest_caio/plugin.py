"""The pytest plugin: hooks that only delegate. Runs that test no deployment are left unchanged."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator

import pytest

from pytest_caio.checks.check import GATES, MARK
from pytest_caio.commandline import Options, add_options, find_suite, join_files
from pytest_caio.errors import InputError

__all__ = [
    "pytest_addoption",
    "pytest_cmdline_main",
    "pytest_configure",
    "pytest_list_faults",
    "pytest_load_initial_conftests",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the acceptance suite."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> None:
    """Keep pytest from reading `@FILE` files of secrets as command-line arguments."""
    join_files(args)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and, if this run tests a deployment, the plugin of the acceptance session."""
    config.addinivalue_line("markers", f"{MARK}(check): a check of the acceptance catalogue")
    for gate in GATES:
        config.addinivalue_line("markers", f"{gate}: the checks of this gate of the runbook")
    suite = find_suite(config)
    if not _tests_a_deployment(config):
        return
    from pytest_caio.session.hooks import AcceptanceSession  # noqa: PLC0415 - other runs need no import

    try:
        AcceptanceSession.register(config, Options.read(config, suite))
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(specname="pytest_cmdline_main", tryfirst=True)
def pytest_list_faults(config: pytest.Config) -> int | None:
    """Print the faults where `list` is among those asked for, in place of the run."""
    if "list" not in config.option.caio_faults:
        return None
    try:
        from pytest_caio.reference.faults import FAULTS  # noqa: PLC0415 - other runs pay nothing
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"--fault needs {error.name}: pip install 'pytest-caio[demo]'") from None
    sys.stdout.writelines(f"{fault.name}: {fault.says}\n" for fault in FAULTS.values())
    return 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(
    config: pytest.Config,
) -> Generator[None, int | pytest.ExitCode | None, int | pytest.ExitCode | None]:
    """Redact any exception that ends the run, and remove what --debug left before it was refused."""
    if getattr(config.option, "looponfail", False) and _tests_a_deployment(config):
        raise pytest.UsageError("--looponfail: would ask again at each change of a file; leave it out")
    try:
        return (yield)
    except BaseException as error:
        redaction = config.pluginmanager.get_plugin("caio-outlets")
        if redaction is not None:
            redaction.redact_error(error)
        raise
    finally:
        if config.option.debug and _tests_a_deployment(config):
            log = (config.invocation_params.dir / config.option.debug).resolve()
            if log.is_file():  # no device, which `--debug=/dev/stderr` names
                with contextlib.suppress(OSError):
                    log.unlink()


def _tests_a_deployment(config: pytest.Config) -> bool:
    return bool(config.option.caio_env) or find_suite(config) is not None
