"""Hooks that redact what pytest shows, passes on and stores, before any other plugin sees it."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from typing import Any

import pytest
from pytest_metadata.plugin import metadata_key

from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.streams import Streams

__all__ = ["RedactionHooks"]


class RedactionHooks:
    """The hooks that redact text leaving a run: reports, warnings, internal errors, cache, metadata."""

    def __init__(self, config: pytest.Config, redactor: Redactor) -> None:
        self._config = config
        self._redactor = redactor
        self._streams = Streams(redactor)

    def install(self) -> None:
        """Redact until pytest's last output."""
        self._streams.install()
        self._config.add_cleanup(self._streams.close)
        self._config.pluginmanager.register(self, "caio-outlets")

    def redact_error(self, error: BaseException | None) -> None:
        """Redact an exception and its causes, which Python or pytest may show after redaction has ended."""
        while error is not None:
            error.args = self._redactor.redact_all(error.args)
            vars(error).update(self._redactor.redact_all(vars(error)))
            error = error.__cause__ or error.__context__

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Redact pytest's cache, the global properties of JUnit XML, and the metadata table of the report."""
        if hasattr(self._config, "cache") and self._config.cache is not None:
            self._streams.redact_arguments(self._config.cache, "set")
        for plugin in self._config.pluginmanager.get_plugins():
            if hasattr(plugin, "add_global_property"):  # pytest's JUnit XML; all else in it is from reports
                self._streams.redact_arguments(plugin, "add_global_property")
        metadata: dict[str, Any] = self._config.stash.get(metadata_key, {})
        metadata.update(self._redactor.redact_all(metadata))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report of a test; a check's `Result` in it is redacted where it is made."""
        report = yield
        self._redact_output(report)
        report.location = self._redactor.redact_all(report.location)
        report.user_properties = self._redactor.redact_all(report.user_properties)
        if hasattr(report, "wasxfail"):
            report.wasxfail = self._redactor.redact_all(report.wasxfail)
        for extra in getattr(report, "extras", ()):  # pytest-html's
            extra.update(self._redactor.redact_all(extra))
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Redact the report of a collection, which contains its error."""
        report = yield
        self._redact_output(report)
        return report

    def _redact_output(self, report: Any) -> None:
        redact_all = self._redactor.redact_all
        report.longrepr = redact_all(report.longrepr)
        report.sections = redact_all(report.sections)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Redact the node id of a test, which contains its parameters."""
        # A worker must not change it: the controller identifies the test by it, and redacts it here itself.
        if not hasattr(self._config, "workerinput"):
            report.nodeid = self._redactor.redact(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning."""
        if isinstance(warning_message.message, Warning):
            warning_message.message.args = self._redactor.redact_all(warning_message.message.args)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Redact the traceback of an internal error of pytest, a plugin or this package."""
        self._redactor.redact_all(excrepr)
