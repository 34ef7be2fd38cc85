"""Carries a run out through pytest's hooks; each hook delegates to the Run or to a writer."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Self

import pytest

from pytest_caio.checks.check import GATES, MARK, Case, check_of, measures_time
from pytest_caio.commandline import Options
from pytest_caio.errors import InputError
from pytest_caio.evidence import jsonfile, terminal
from pytest_caio.evidence.file import ready_folder
from pytest_caio.gates.jobs import JOBS
from pytest_caio.redaction.hooks import RedactionHooks
from pytest_caio.session.cases import CaseHooks
from pytest_caio.session.fixtures import CheckFixtures
from pytest_caio.session.narrowing import narrowings, selection
from pytest_caio.session.run import Run
from pytest_caio.session.xdist import Assignment, WorkerHooks, report_back
from pytest_caio.system.signals import SignalHandler
from pytest_caio.text import printable
from pytest_caio.verdict.expectation import expected_of
from pytest_caio.verdict.judge import NO_GO
from pytest_caio.verdict.record import Record

__all__ = ["RUN", "AcceptanceSession"]

RUN: pytest.StashKey[Run] = pytest.StashKey()


class AcceptanceSession:
    """The hooks of a run that asks a deployment, registered for such a run alone."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._assignment = Assignment(config)
        self._run = config.stash[RUN] = Run(
            options, self._say, self._assignment.results_folder, self._assignment.started
        )
        self._signals = SignalHandler()
        self._interrupted = ""
        path = options.evidence / f"{options.stem}.json"
        # Where each part of the evidence goes, and what writes it there.
        self._evidence: dict[Path, Callable[[Record], str]] = {path: lambda r: jsonfile.write(r, path)}

    @classmethod
    def register(cls, config: pytest.Config, options: Options) -> Self:
        """Register the session, its fixtures and the report writers. Raises InputError."""
        session = cls(config, options)
        run, worker = session._run, session._assignment.worker
        fixtures = CheckFixtures(run.redactor, run.jobs, lambda: run.environments)
        for name, plugin in (
            ("caio-session", session),
            ("caio-cases", CaseHooks(run, worker=worker)),
            ("caio-workers", WorkerHooks(run)),
            ("caio-fixtures", fixtures),
        ):
            config.pluginmanager.register(plugin, name)
        run.learn_environments()
        RedactionHooks(config, run.redactor).install()
        quiet = options.plan or config.option.collectonly or config.option.help
        if not worker and not quiet:
            ready_folder(options.evidence, "--evidence-dir")
            if config.pluginmanager.hasplugin("html"):
                from pytest_caio.evidence import html  # noqa: PLC0415 - a run without pytest-html has none

                report = html.register(config, options.evidence / f"{options.stem}.html")
                session._evidence = {Path(config.option.htmlpath): report.write, **session._evidence}
        return session

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self._assignment.worker:
            reporter.ensure_newline()
            reporter.write_line(line)

    # --- the way in

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Start the reference deployment where it is the one to ask."""
        self._signals.begin()
        try:
            self._run.open(self._assignment.given)
        except InputError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_report_header(self) -> list[str]:
        """Name what is asked, and the waivers that the file holds for it."""
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
        """Make one test case a case of a check and environment."""
        mark = metafunc.definition.get_closest_marker(MARK)
        if mark is None:
            return
        found = [case for environment in self._run.environments for case in mark.args[0].expand(environment)]
        redact = self._run.redactor.redact
        ids = [redact(f"{case.environment.name}-{case.name}".rstrip("-")) for case in found]
        metafunc.parametrize("_caio_case", found, ids=ids, indirect=True)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Mark a check with its gate, the module it is in; obey a signal between two items."""
        self._signals.raise_if_interrupted()
        check = check_of(item)
        if check and check.gate in GATES:
            item.add_marker(check.gate)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note that the run was narrowed."""
        if any(check_of(item) for item in items):
            self._run.narrowed.append("checks were deselected (-k, -m, --deselect or --lf)")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that a check may be missing, however the run goes on."""
        if report.failed:
            self._run.narrowed.append(f"{report.nodeid} could not be collected")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put checks that measure time last: their samples are sent last, and others would wait for them."""
        items.sort(key=measures_time)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Make the plan of what was selected."""
        run = self._run
        for item in session.items:
            check = check_of(item)
            if check and isinstance(item, pytest.Function):
                case = item.callspec.params["_caio_case"]
                assert isinstance(case, Case)
                run.plan.add(item.nodeid, check, case)
        run.planned = len(run.plan.cases)
        run.learn_plan()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Print the plan and run nothing under --plan; else send what only reads."""
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return None
        if self._run.options.plan:
            lines = self._run.plan.table(writes=self._run.options.writes)
            sys.stdout.write("\n" + "\n".join(lines) + "\n")
            return True
        self._signals.raise_if_interrupted()
        if not self._assignment.worker:
            asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
            wanted = [job for job in JOBS if job.fixture in asked]
            self._run.begin([job for job in wanted if job.long])
            self._run.wait_ready()
            # A worker is told its tests one by one, and asks for each when it comes; two workers asking
            # everything would ask it twice.
            alone = getattr(self._config.option, "dist", "no") == "no"
            if alone:
                self._run.ask_ahead()
            else:
                self._run.import_ahead()
            self._run.begin([job for job in wanted if not job.long])
            if alone:
                self._make_ready(session.items)
            # What stands by now stays to the end; looking through it for garbage, again and again while
            # answers come in, would take longer than judging them.
            gc.freeze()
        return None

    def _make_ready(self, items: list[pytest.Item]) -> None:
        """Do what every judgement needs while the first answers are on their way."""
        self._run.redactor.redact("")
        for item in items:
            if item.nodeid in self._run.plan.cases and isinstance(item, pytest.Function):
                expected_of(item.function)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Obey a signal between two cases."""
        self._signals.raise_if_interrupted()

    # --- the way out

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note what ended the run before its time: a signal, pytest.exit, or a plugin."""
        self._signals.ending = True
        said = self._signals.arrived or next(iter(str(excinfo.value).splitlines()), "")
        self._interrupted = self._run.redactor.redact(said) or "SIGINT"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Judge, set the exit status, leave the evidence, and end the terminal with the verdict."""
        self._signals.ending = True
        run, config = self._run, self._config
        carried_through = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if self._assignment.worker:
            report_back(config, run)
        asked = not self._assignment.worker and not (run.options.plan or config.option.collectonly)
        narrowed: list[str] = []
        record = None
        if asked:
            narrowed = narrowings(config, run, exitstatus, self._stopped_by())
            record = run.finish(selection(config), narrowed)
            if carried_through and (record.verdict == NO_GO or not self._others_failed(session)):
                session.exitstatus = 1 if record.verdict == NO_GO else 0
            if self._stopped_by():
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERRUPTED
                run.jobs.close()  # workers may be waiting for one
        try:
            yield
        except BaseException as error:
            if record is not None:
                narrowed.append(f"the run broke at its end ({type(error).__name__})")
                record = run.finish(selection(config), narrowed)
            raise
        finally:
            try:
                if record is not None:
                    self._leave_evidence(session, record, narrowed)
            finally:
                run.close()

    def _leave_evidence(self, session: pytest.Session, record: Record, narrowed: list[str]) -> None:
        """Write every part, without which no run is GO, and end the terminal."""
        troubles = [trouble for write in self._evidence.values() if (trouble := write(record))]
        if troubles:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            record = self._run.finish(selection(self._config), [*narrowed, *troubles])
            for write in self._evidence.values():
                write(record)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            terminal.write(record, [path for path in self._evidence if path.is_file()], reporter)

    def pytest_unconfigure(self) -> None:
        """Stop what was started, also where the session came to no end, and give the signals back."""
        self._signals.ending = True
        try:
            self._run.close()
        finally:
            self._signals.end()

    def _stopped_by(self) -> str:
        return self._interrupted or self._signals.arrived

    def _others_failed(self, session: pytest.Session) -> bool:
        """Say whether an ordinary test beside the checks failed, or something could not be collected."""
        return session.testsfailed > sum(result.outcome.bad for result in self._run.tally.results)
