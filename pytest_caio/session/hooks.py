"""The hooks that carry out a run; each delegates to the Run or to a report writer."""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from pytest_metadata.plugin import metadata_key

from pytest_caio.arguments import asks_nothing
from pytest_caio.checks.check import GATES, MARK, asked_last, case_of, check_of
from pytest_caio.commandline import Options
from pytest_caio.errors import own_fault
from pytest_caio.evidence.file import ready_folder
from pytest_caio.gates.jobs import JOBS, Job
from pytest_caio.probing.asker import ProberGoneError
from pytest_caio.redaction.hooks import RedactionHooks
from pytest_caio.session.beginning import Beginning, usage_errors
from pytest_caio.session.cases import CaseHooks
from pytest_caio.session.failures import without_judged
from pytest_caio.session.fixtures import CheckFixtures
from pytest_caio.session.leaks import LeakWatch, polled
from pytest_caio.session.narrowing import may_deselect, narrowings, part_of
from pytest_caio.session.pytest_options import (
    asks_for_tracebacks,
    leave_out_hypothesis,
    pass_over_strictness,
)
from pytest_caio.session.run import Run
from pytest_caio.session.xdist import Assignment, WorkerHooks, is_stop_at_failure, report_back
from pytest_caio.text import encodable, printable
from pytest_caio.verdict.judge import NO_GO

if TYPE_CHECKING:
    from pytest_caio.evidence.files import Writer
    from pytest_caio.evidence.ledger import Entry
    from pytest_caio.session.ending import Ending

__all__ = ["RUN", "AcceptanceSession"]

RUN: pytest.StashKey[Run] = pytest.StashKey()


class AcceptanceSession:
    """The hooks of an acceptance run; other pytest runs do not register them."""

    def __init__(self, config: pytest.Config, options: Options, beginning: Beginning) -> None:
        self._config = config
        self._assignment = Assignment(config)
        given = self._assignment
        self._run = config.stash[RUN] = Run(
            options, self._say, beginning, given.results_folder, given.started
        )
        self._signals = beginning.signals
        self._interrupted = ""
        self._stopped_at_failure = False  # with workers, which are stopped as at an interruption
        self._quiet = options.plan or asks_nothing(config.option)
        # Long jobs that have not begun, by fixture: each begins when a test that needs it is collected,
        # or before the first test if checks may still be left out until then.
        none = self._quiet or self._assignment.worker
        self._early = {} if none else {job.fixture: job for job in JOBS if job.long}
        # No worker runs tests.
        self._alone = not self._assignment.worker and getattr(config.option, "dist", "no") == "no"
        # The evidence files by path, each with its writer; none in a worker.
        self._evidence: dict[Path, Writer] = {}
        self._against: Entry | None = None  # the run of --against

    @classmethod
    def register(cls, config: pytest.Config, options: Options, beginning: Beginning) -> Self:
        """Register the session, its fixtures and the report writers. Raises InputError."""
        pass_over_strictness(config)
        session = cls(config, options, beginning)
        if session._quiet:
            config.option.dist = "no"  # what is shown is shown by this process: no workers, also with -n
        run, worker = session._run, session._assignment.worker
        fixtures = CheckFixtures(run.redactor, run.jobs, lambda: run.environments)
        for name, plugin in (
            ("caio-session", session),
            *([] if session._quiet else [("caio-cases", CaseHooks(run, fixtures, worker=worker))]),
            ("caio-workers", WorkerHooks(run)),
            ("caio-fixtures", fixtures),
        ):
            config.pluginmanager.register(plugin, name)
        run.learn_environments()
        RedactionHooks(config, run.redactor).install()
        if not worker and not session._quiet:
            ready_folder(options.evidence, "--evidence-dir", f"{options.stem}.completion.txt")
            from pytest_caio.evidence.files import register_files  # noqa: PLC0415 - it needs pytest-html

            session._evidence = register_files(config, options.evidence, options.stem)
            ready_folder(options.ledger.parent, "--ledger", options.ledger.name)
            if options.against:
                from pytest_caio.evidence.since import read_against  # noqa: PLC0415 - few runs need it now

                session._against = read_against(options.against)
        return session

    @cached_property
    def _ending(self) -> Ending:
        from pytest_caio.session.ending import Ending  # noqa: PLC0415 - the start of a run need not wait for it

        return Ending(self._config, self._run, self._evidence, self._against, self._say)

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self._assignment.worker:
            reporter.ensure_newline()
            reporter.write_line(line)

    # --- from the start to the tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Learn where the reference deployment is, if a profile needs it; it may still be starting."""
        # pytest-base-url would show the ini file's URL, and request it itself, with credentials of .netrc.
        self._config.option.base_url = self._run.options.base_url or None
        if not self._run.options.base_url and metadata_key in self._config.stash:
            self._config.stash[metadata_key].pop("Base URL", None)
        self._config.option.verify_base_url = False
        self._signals.raise_if_interrupted()
        with usage_errors():
            self._run.open(self._assignment.given)

    def pytest_report_header(self) -> list[str]:
        """List the environments and their waivers."""
        run = self._run
        names = {environment.name for environment in run.environments}
        waivers = [w for w in run.options.waivers.listed if w.environment in names]
        return [
            *(f"caio: {e.name} at {e.base_url or 'loopback'}" for e in run.environments),
            *(
                printable(run.redactor.redact(f"caio: waiver {w.number}: {w.check} in {w.environment}"))
                for w in waivers
            ),
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize a check with its cases in every environment."""
        mark = metafunc.definition.get_closest_marker(MARK)
        if mark is None:
            return
        found = [case for environment in self._run.environments for case in mark.args[0].expand(environment)]
        redact = self._run.redactor.redact
        ids = [redact(f"{case.environment.name}-{case.name}".rstrip("-")) for case in found]
        metafunc.parametrize("_caio_case", found, ids=ids, indirect=True)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Mark a check with its gate, let -k select it by its id, begin its job; raise if interrupted."""
        self._signals.raise_if_interrupted()
        check = check_of(item)
        if check:
            item.extra_keyword_matches.add(check.id)
        if check and check.gate in GATES:
            item.add_marker(check.gate)
        if check and self._early and isinstance(item, pytest.Function):
            needed = self._early.keys() & set(item.fixturenames)
            if needed and not may_deselect(self._config):
                self._run.begin([self._early.pop(name) for name in needed])

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note that the run was narrowed."""
        if any(check_of(item) for item in items):
            self._run.narrowed.append(part_of(self._config))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that checks may be missing, even if the run continues."""
        if report.failed:
            self._run.narrowed.append(f"{report.nodeid or 'the suite'} could not be collected")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run each case once, and those whose requests are sent last at the end, so that no other waits."""
        # --count of pytest-repeat and --keep-duplicates select a case several times, and every worker would
        # send its requests again: six wrong logins, for example.
        seen: set[object] = set()
        once = []
        for item in items:
            own = {item.nodeid, id(case)} if (case := case_of(item)) else set()
            if not own & seen:
                once.append(item)
            seen |= own
        items[:] = sorted(once, key=asked_last)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the requests of the selected cases."""
        run = self._run
        places: dict[tuple[object, str], pytest.Function] = {}
        for item in session.items:
            check = check_of(item)
            case = case_of(item)
            if check and case:
                run.plan.add(item.nodeid, check, case)
            if check and isinstance(item, pytest.Function):
                # pytest would look for the file of the same function for each case of a check.
                first = places.setdefault((item.parent, item.originalname), item)
                item.location = (*first.location[:2], item.getmodpath())
        run.planned = len(run.plan.cases)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """With --plan, print the plan and run nothing; else start jobs and send requests that only read."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        if self._run.options.plan:
            self._run.learn_plan()
            lines = self._run.plan.table(writes=self._run.options.writes)
            sys.stdout.write(encodable("\n" + "\n".join(lines) + "\n", sys.stdout.encoding))
            return True
        if self._quiet:
            return None
        self._signals.raise_if_interrupted()
        if not self._assignment.worker:
            used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
            wanted = [job for job in JOBS if job.fixture in used]
            try:
                with usage_errors():
                    self._run.wait_for_reference(lambda: self._make_ready(wanted))
            except Exception:
                self._quiet = True  # a run whose reference deployment does not start has no verdict
                raise
            self._run.begin([job for job in wanted if job.fixture in self._early])
            try:
                self._run.wait_ready()
            except ProberGoneError as gone:
                pytest.exit(str(gone))
            for result in polled(self._run, LeakWatch(self._run).places()):
                self._run.tally.add(result)
            (self._run.ask_ahead if self._alone else self._run.import_ahead)()
            self._run.begin([job for job in wanted if not job.long])
            if self._alone:
                self._make_ready(wanted)
        self._run.beginning.keep()
        return None

    def _make_ready(self, jobs: list[Job]) -> None:
        """Fill the caches that every judgement uses, and import what jobs need, while nothing is answered."""
        self._run.redactor.redact("")
        _ = self._ending
        if any(not job.long for job in jobs):
            self._run.import_ahead()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Raise if interrupted, between two cases."""
        self._signals.raise_if_interrupted()

    # --- from the last test to the verdict

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note what interrupted the run: a signal, pytest.exit, or a plugin."""
        self._signals.ending = True
        if not self._signals.arrived and is_stop_at_failure(excinfo.value):
            self._stopped_at_failure = True
            return
        told = self._run.worker_stopped_by or str(excinfo.value)  # xdist says only which worker was stopped
        reason = self._signals.arrived or next(iter(told.splitlines()), "")
        self._interrupted = self._run.redactor.redact(reason) or "SIGINT"

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Say above the traceback whose fault it is, if it is ours."""
        if told := own_fault(excinfo.value):
            self._say(f"caio: {told}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Judge the run, set the exit status, write the evidence, and print the verdict last."""
        self._signals.ending = True
        run, config = self._run, self._config
        run.beginning.keep()
        leave_out_hypothesis(config)
        if self._stopped_at_failure and not self._stopped_by():
            exitstatus = session.exitstatus = pytest.ExitCode.TESTS_FAILED
        carried_through = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if self._assignment.worker:
            report_back(config, run, self._stopped_by())
        asked = not self._assignment.worker and not self._quiet
        narrowed: list[str] = []
        record = None
        if asked:
            narrowed = narrowings(config, run, exitstatus, self._stopped_by())
            record = self._ending.judge(narrowed)
            if carried_through and (record.verdict == NO_GO or not self._others_failed(session)):
                session.exitstatus = 1 if record.verdict == NO_GO else 0
            if self._stopped_by():
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERRUPTED
                run.jobs.close()  # workers may be waiting for a job
        try:
            yield
        except BaseException as error:
            if record is not None:
                narrowed.append(f"the run broke at its end ({type(error).__name__})")
                record = self._ending.judge(narrowed)
            raise
        finally:
            run.begin_close()
            try:
                if record is not None:
                    self._ending.leave_evidence(session, record, narrowed)
            finally:
                run.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        """Leave failed checks out of pytest's own sections: the verdict tells them by cause, in plain words.

        A check that broke stays: its traceback is for whoever maintains the suite.
        """
        with without_judged(terminalreporter.stats, everything=asks_for_tracebacks(self._config)):
            return (yield)

    def pytest_unconfigure(self) -> None:
        """Stop what the run started, even if the session did not finish, and restore the signal handlers."""
        self._signals.ending = True
        try:
            self._run.close()
        finally:
            self._signals.end()

    def _stopped_by(self) -> str:
        return self._interrupted or self._signals.arrived

    def _others_failed(self, session: pytest.Session) -> bool:
        """Return whether an ordinary test beside the checks failed, or something could not be collected."""
        return session.testsfailed > sum(result.outcome.bad for result in self._run.tally.results)
