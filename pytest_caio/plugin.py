"""The pytest plugin: hooks that only delegate. Runs that test no deployment are left unchanged."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Generator

import pytest

from pytest_caio.arguments import asks_for_reference, find_suite, join_files, joined_paths
from pytest_caio.checks.check import GATES, MARK
from pytest_caio.commandline import Options, add_options
from pytest_caio.errors import InputError, own_fault
from pytest_caio.system.streams import open_streams
from pytest_caio.text import printable

__all__ = [
    "load_needed",
    "pytest_addoption",
    "pytest_cmdline_main",
    "pytest_configure",
    "pytest_list_faults",
    "pytest_load_initial_conftests",
    "pytest_start_over",
]


# The plugins that a run needs, by the names under which pytest loads them.
_NEEDED = {
    "metadata": "pytest_metadata.plugin",
    "base_url": "pytest_base_url.plugin",
    "html": "pytest_html.plugin",
}


def load_needed(plugins: pytest.PytestPluginManager) -> None:
    """Load the plugins that a run needs where pytest does not, as with --disable-plugin-autoload."""
    for name, module in _NEEDED.items():
        if not plugins.hasplugin(name) and not plugins.hasplugin(module) and not plugins.is_blocked(name):
            plugins.register(importlib.import_module(module), name)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options of the acceptance suite."""
    open_streams()
    add_options(parser)
    config = pluginmanager.get_plugin("pytestconfig")
    assert isinstance(config, pytest.Config)
    if asks_for_reference(config, parser):
        from pytest_caio.session.head_start import HeadStart  # noqa: PLC0415 - other runs need no import

        HeadStart(config)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load needed plugins, and keep pytest from reading `@FILE` files of secrets as arguments."""
    load_needed(early_config.pluginmanager)
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
    blocked = [name for name in _NEEDED if config.pluginmanager.is_blocked(name)]
    if blocked:
        raise pytest.UsageError(f"-p no:{blocked[0]}: a run needs that plugin; leave this option out")
    from pytest_caio.session.beginning import Beginning  # noqa: PLC0415 - other runs need no import
    from pytest_caio.session.pytest_options import check_options  # noqa: PLC0415 - the same

    try:
        options = Options.read(config, suite)
        check_options(config)
        beginning = Beginning(config, options)
        # After the start of the reference deployment, which so runs beside this import.
        from pytest_caio.session.hooks import AcceptanceSession  # noqa: PLC0415 - the same

        AcceptanceSession.register(config, options, beginning)
    except InputError as error:
        raise pytest.UsageError(printable(str(error))) from None
    except Exception as error:
        # The line alone: a traceback could quote a secret, and perhaps nothing is redacted yet.
        if not (told := own_fault(error)):
            raise
        raise pytest.UsageError(told) from None


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


@pytest.hookimpl(specname="pytest_cmdline_main", tryfirst=True)
def pytest_start_over(config: pytest.Config) -> int | None:
    """Start over, in place of this run, if pytest took the path in an option for one of tests."""
    arguments = joined_paths(config)
    return None if arguments is None else pytest.main(arguments, config.invocation_params.plugins)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(
    config: pytest.Config,
) -> Generator[None, int | pytest.ExitCode | None, int | pytest.ExitCode | None]:
    """Redact any exception that ends the run, and remove what --debug left before it was refused."""
    if getattr(config.option, "looponfail", False) and _tests_a_deployment(config):
        raise pytest.UsageError("--looponfail: would ask again at each change of a file; leave it out")
    if _tests_a_deployment(config):
        from pytest_caio.session.pytest_options import too_many_workers  # noqa: PLC0415 - other runs need no import

        if trouble := too_many_workers(config.option):
            raise pytest.UsageError(trouble)
    try:
        return (yield)
    except BaseException as error:
        meant = isinstance(error, pytest.UsageError | pytest.exit.Exception) or not isinstance(
            error, Exception
        )
        if not meant and (told := own_fault(error)):
            sys.stderr.write(f"ERROR: {told}\n")  # above the traceback that Python shows
        redaction = config.pluginmanager.get_plugin("caio-outlets")
        if redaction is not None:
            redaction.redacted(error)
        raise
    finally:
        if config.option.debug and _tests_a_deployment(config):
            log = (config.invocation_params.dir / config.option.debug).resolve()
            if log.is_file():  # no device, which `--debug=/dev/stderr` names
                with contextlib.suppress(OSError):
                    log.unlink()


def _tests_a_deployment(config: pytest.Config) -> bool:
    return bool(config.option.caio_env) or find_suite(config) is not None
