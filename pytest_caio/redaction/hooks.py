"""What pytest shows, hands on and keeps, redacted before anything else sees it."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from typing import Any

import pytest
from pytest_metadata.plugin import metadata_key

from pytest_caio.errors import InputError
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.streams import Streams

__all__ = ["RedactionHooks"]


class RedactionHooks:
    """The hooks through which text leaves a run: reports, warnings, errors of its own, cache, metadata."""

    def __init__(self, config: pytest.Config, redactor: Redactor) -> None:
        self._config = config
        self._redactor = redactor
        self._streams = Streams(redactor)

    def install(self) -> None:
        """Stand guard until pytest has shown its last. Raises InputError for options that go around it."""
        if self._config.option.debug:
            raise InputError("--debug: writes every value into a file, secrets too; leave it out")
        if getattr(self._config.option, "pastebin", None):
            raise InputError("--pastebin: puts the run on a public site; leave it out")
        self._streams.install()
        self._config.add_cleanup(self._streams.close)
        self._config.pluginmanager.register(self, "caio-outlets")

    def redact_error(self, error: BaseException | None) -> None:
        """Redact an exception that Python or pytest shows once nobody stands guard, and what it came of."""
        while error is not None:
            error.args = self._redactor.redact_all(error.args)
            vars(error).update(self._redactor.redact_all(vars(error)))
            error = error.__cause__ or error.__context__

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Redact what is kept for the next run, and the report's table of versions and variables."""
        if hasattr(self._config, "cache") and self._config.cache is not None:
            self._streams.redact_arguments(self._config.cache, "set")
        for plugin in self._config.pluginmanager.get_plugins():
            if hasattr(plugin, "add_global_property"):  # pytest's JUnit XML; all else it takes from reports
                self._streams.redact_arguments(plugin, "add_global_property")
        metadata: dict[str, Any] = self._config.stash.get(metadata_key, {})
        metadata.update(self._redactor.redact_all(metadata))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report of a test; what carries a result of ours is redacted where it is made."""
        report = yield
        self._clean(report)
        report.location = self._redactor.redact_all(report.location)
        report.user_properties = self._redactor.redact_all(report.user_properties)
        if hasattr(report, "wasxfail"):
            report.wasxfail = self._redactor.redact_all(report.wasxfail)
        for extra in getattr(report, "extras", ()):  # pytest-html's
            extra.update(self._redactor.redact_all(extra))
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Redact why something could not be collected."""
        report = yield
        self._clean(report)
        return report

    def _clean(self, report: Any) -> None:
        tree = self._redactor.redact_all
        report.longrepr = tree(report.longrepr)
        report.sections = tree(report.sections)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Redact a test's name, which its parameters are in."""
        # A worker's must stay: its controller knows the test by it, and comes here too.
        if not hasattr(self._config, "workerinput"):
            report.nodeid = self._redactor.redact(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning."""
        if isinstance(warning_message.message, Warning):
            warning_message.message.args = self._redactor.redact_all(warning_message.message.args)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Redact what pytest, a plugin or we ourselves broke with."""
        self._redactor.redact_all(excrepr)
