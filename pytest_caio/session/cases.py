"""The hooks of one test case of a check, from waiting for its responses to its result."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_caio.errors import InputError
from pytest_caio.outcomes import Mismatch, MissingInput, NotApplicable
from pytest_caio.probing.asker import ProberGoneError
from pytest_caio.session.failures import without_traceback
from pytest_caio.session.fixtures import ANSWERS, TABLES, CheckFixtures
from pytest_caio.session.leaks import LeakWatch
from pytest_caio.session.reports import attach_leaks, observe
from pytest_caio.session.run import Run
from pytest_caio.text import explained, printable
from pytest_caio.verdict.outcome import NEEDS_WRITES, NOT_APPLICABLE, UNREACHABLE
from pytest_caio.verdict.record import results_of

__all__ = ["CaseHooks"]


class CaseHooks:
    """The hooks that run the cases of checks; in a `worker`, the controller collects the results."""

    def __init__(self, run: Run, fixtures: CheckFixtures, *, worker: bool) -> None:
        self._run = run
        self._fixtures = fixtures
        self._worker = worker
        self._leaks = LeakWatch(run)
        self._to_ask = worker  # a controller starts the first test when the deployment was waited for

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Wait for the responses of a case; skip it when its deployment cannot be reached."""
        planned = self._run.plan.cases.get(item.nodeid)
        if planned is None:
            return
        self._run.comparison = None
        try:
            if self._to_ask:
                self._to_ask = False
                self._run.ask_ahead()
            reason = self._run.unreachable(planned)
            answers = item.stash[ANSWERS] = {} if reason else self._run.answers(planned)
        except ProberGoneError as gone:
            pytest.exit(str(gone))
        if reason:
            pytest.skip(UNREACHABLE + reason)
        if isinstance(item, pytest.Function):
            self._fixtures.fill(item, planned.case, answers)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Run a check's function, unless the case cannot be judged: then skip it or raise the reason."""
        __tracebackhide__ = True  # this frame says nothing about the deployment
        planned = self._run.plan.cases.get(pyfuncitem.nodeid)
        if planned is None:
            return (yield)
        if isinstance(planned.obstacle, NotApplicable):
            pytest.skip(NOT_APPLICABLE + str(planned.obstacle))
        if planned.obstacle is None and planned.writes and not self._run.options.writes:
            pytest.skip(NEEDS_WRITES)
        for label, answer in pyfuncitem.stash[ANSWERS].items():
            if answer.error and label not in planned.tolerates_silence:
                raise answer.unanswered(label)
        try:
            if planned.obstacle is not None:
                raise planned.obstacle  # noqa: TRY301 - as if the check had raised it
            return (yield)
        except NotApplicable as reason:
            pytest.skip(NOT_APPLICABLE + printable(str(reason)))
        except InputError as error:  # a file that the profile names: it is there, and cannot be used
            raise MissingInput(printable(str(error))) from None
        except Exception as error:
            if isinstance(error, Mismatch):
                planned.check.advise(error, planned.case)
            # The message may quote a response, which must not control a terminal or forge a line of output.
            error.args = tuple(explained(arg) if isinstance(arg, str) else arg for arg in error.args)
            raise

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Remember the last failed comparison, from which the observed value is taken."""
        self._run.comparison = (op, left, right)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the case's result to its report."""
        planned = self._run.plan.cases.get(item.nodeid)
        if planned is None:
            return (yield)
        with without_traceback(item.config, call):
            report = yield
        if isinstance(item, pytest.Function):
            seen = item.stash.get(ANSWERS, {}), item.stash.get(TABLES, [])
            observe(self._run, item, call, report, planned, *seen)
            if report.when == "call" or report.failed:
                attach_leaks(report, self._leaks.results(item.nodeid, seen[0]))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a result, from this process or a worker, to the tally."""
        if not self._worker:
            for result in results_of(report):
                self._run.tally.add(result)
