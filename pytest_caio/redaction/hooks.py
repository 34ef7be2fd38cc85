"""Hooks that redact what pytest shows, passes on and stores, before any other plugin sees it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from typing import Any

import pytest
from pytest_metadata.plugin import metadata_key

from pytest_caio.redaction.exceptions import redact_exception
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
        self._streams.redact_sections(pytest.Item)
        self._streams.redact_items(sys.argv)  # a report of another plugin may have the command line
        self._config.add_cleanup(self._streams.close)
        self._config.pluginmanager.register(self, "caio-outlets")

    def redacted(self, error: BaseException) -> BaseException:
        """Return an exception redacted: Python, pytest or another plugin may show it."""
        return redact_exception(error, self._redactor)

    def _redact_call(self, call: pytest.CallInfo[Any]) -> None:
        if call.excinfo is not None:
            error = call.excinfo.value
            shown = self.redacted(error)
            if shown is not error:
                call.excinfo = pytest.ExceptionInfo.from_exception(shown)

    # --- exceptions where they are raised, before a hook of another plugin can catch them

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Redact what a fixture raises."""
        __tracebackhide__ = True
        try:
            return (yield)
        except BaseException as error:
            shown = self.redacted(error)
            if shown is error:
                raise
        raise shown  # here, since Python would make the original its context above

    pytest_pyfunc_call = pytest_runtest_setup = pytest_runtest_teardown = pytest_fixture_setup

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        """Redact an exception of a test or a collection, before others show it."""
        self._redact_call(call)

    # --- reports and everything else, as pytest passes it on

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

    @pytest.hookimpl(specname="pytest_runtest_makereport", wrapper=True, trylast=True)
    def pytest_redact_new_report(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report of a test before a wrapper of another plugin sees it."""
        report = yield
        self._redact_output(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report of a test, as other plugins leave it.

        A check's `Result` in it is redacted where it is made.
        """
        self._redact_call(call)
        report = yield
        self._redact_output(report)
        report.location = self._redactor.redact_all(report.location)
        report.user_properties = self._redactor.redact_all(report.user_properties)
        report.keywords = self._redactor.redact_keys(dict(report.keywords))
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
        if report.longrepr is not None:
            report.longrepr = redact_all(report.longrepr)
        if report.sections:
            report.sections = redact_all(report.sections)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Redact the node id of a test, which contains its parameters."""
        # A worker must not change it: the controller identifies the test by it, and redacts it here itself.
        if not hasattr(self._config, "workerinput"):
            named = report.nodeid
            if (shown := self._redactor.redact(named)) != named:  # pytest takes a new one apart
                report.nodeid = shown

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning."""
        if isinstance(warning_message.message, Warning):
            self.redacted(warning_message.message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Redact the traceback of an internal error of pytest, a plugin or this package."""
        self.redacted(excinfo.value)
        self._redactor.redact_all(excrepr)
