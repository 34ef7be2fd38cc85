"""Carries a run out through pytest's hooks; each hook delegates to the Run or to a writer."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest

from pytest_caio.checks.check import GATES, MARK, Case, check_of, measures_time
from pytest_caio.commandline import Options
from pytest_caio.errors import InputError
from pytest_caio.evidence import jsonfile as document
from pytest_caio.evidence import terminal
from pytest_caio.evidence.file import ready_folder
from pytest_caio.outcomes import NoAnswer, NotApplicable
from pytest_caio.redaction.hooks import Outlets
from pytest_caio.session.fixtures import ANSWERS, TABLES, CheckFixtures
from pytest_caio.session.narrowing import narrowings, selection
from pytest_caio.session.reports import NOT_APPLICABLE, UNREACHABLE, observe
from pytest_caio.session.run import Given, Run
from pytest_caio.system.signals import Interruption
from pytest_caio.text import explained, printable
from pytest_caio.verdict.expectation import expected_of
from pytest_caio.verdict.record import WRITES, Record, result_of

__all__ = ["RUN", "AcceptanceSession"]

RUN: pytest.StashKey[Run] = pytest.StashKey()
# What the checks of a gate ask for that is done once, in the background: the fixture's name.
_BACKGROUND = {"environment": "store", "state": "twins", "replay": "rehearsal", "pack": "pack"}


class AcceptanceSession:
    """The hooks of a run that asks a deployment, registered for such a run alone."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        meeting = self._worker["caio_meeting"] if self._worker else ""
        started = datetime.fromisoformat(self._worker["caio_started"]) if self._worker else None
        self._run = config.stash[RUN] = Run(options, self._say, meeting, started)
        self._planned = 0
        self._interruption = Interruption()
        self._interrupted = ""
        path = options.evidence / f"{options.stem}.json"
        # Where each part of the evidence goes, and what writes it there.
        self._evidence: dict[Path, Callable[[Record], str]] = {path: lambda r: document.write(r, path)}

    @classmethod
    def register(cls, config: pytest.Config, options: Options) -> Self:
        """Register the session, its fixtures and the report writers. Raises InputError."""
        session = cls(config, options)
        config.pluginmanager.register(session, "caio-session")
        config.pluginmanager.register(
            CheckFixtures(session._run.redactor, session._run.background, lambda: session._run.environments),
            "caio-fixtures",
        )
        session._run.learn_environments()
        Outlets(config, session._run.redactor).stand()
        quiet = options.plan or config.option.collectonly or config.option.help
        if session._worker is None and not quiet:
            ready_folder(options.evidence, "--evidence-dir")
            if config.pluginmanager.hasplugin("html"):
                from pytest_caio.evidence import html  # noqa: PLC0415 - a run without pytest-html has none

                report = html.register(config, options.evidence / f"{options.stem}.html")
                session._evidence = {Path(config.option.htmlpath): report.write, **session._evidence}
        return session

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._worker is None:
            reporter.ensure_newline()
            reporter.write_line(line)

    # --- the way in

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Start the reference deployment where it is the one to ask."""
        self._interruption.begin()
        given = (
            Given(**self._worker["caio_given"]) if self._worker and self._worker.get("caio_given") else None
        )
        try:
            self._run.open(given)
        except InputError as error:
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the reference deployment is."""
        given = self._run.given
        node.workerinput["caio_given"] = asdict(given) if given else None
        node.workerinput["caio_started"] = self._run.started.isoformat()
        node.workerinput["caio_meeting"] = self._run.background.share()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Start what a worker will ask for, here, where it is done once."""
        gates = {Path(nodeid.partition("::")[0]).stem.removeprefix("test_") for nodeid in ids}
        self._run.begin({_BACKGROUND[gate] for gate in gates & _BACKGROUND.keys()})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over what a worker alone could see: what was deselected, and how many cases there were."""
        told = getattr(node, "workeroutput", {}).get("caio")
        if told:
            self._run.narrowed += told["narrowed"]
            self._planned = max(self._planned, told["planned"])
        elif error and error != "keyboard-interrupt":
            self._run.narrowed.append("a worker of the run died")

    def pytest_report_header(self) -> list[str]:
        """Name what is asked, and the waivers that the file holds for it."""
        run = self._run
        names = {environment.name for environment in run.environments}
        waivers = [w for w in run.options.waivers.listed if w.environment in names]
        return [
            *(f"caio: {e.name} at {e.base_url or 'loopback'}" for e in run.environments),
            *(
                printable(run.redactor.text(f"caio: waiver {w.number}: {w.check} in {w.environment}"))
                for w in waivers
            ),
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test case a case of a check and environment."""
        mark = metafunc.definition.get_closest_marker(MARK)
        if mark is None:
            return
        found = [case for environment in self._run.environments for case in mark.args[0].expand(environment)]
        redact = self._run.redactor.text
        ids = [redact(f"{case.environment.name}-{case.name}".rstrip("-")) for case in found]
        metafunc.parametrize("_caio_case", found, ids=ids, indirect=True)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Mark a check with its gate, the module it is in; obey a signal between two items."""
        self._interruption.obey()
        gate = item.path.stem.removeprefix("test_")
        if gate in GATES and check_of(item):
            item.add_marker(gate)

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
        for item in session.items:
            check = check_of(item)
            if check and isinstance(item, pytest.Function):
                case = item.callspec.params["_caio_case"]
                assert isinstance(case, Case)
                self._run.plan.add(item.nodeid, check, case)
        self._planned = len(self._run.plan.cases)
        self._run.learn_plan()

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
        self._interruption.obey()
        if self._worker is None:
            wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
            longest = wanted & {"rehearsal", "pack"}  # processes of their own
            self._run.begin(longest)
            self._run.wait_ready()
            # A worker is told its tests one by one, and asks for each when it comes; two workers asking
            # everything would ask it twice.
            alone = getattr(self._config.option, "dist", "no") == "no"
            if alone:
                self._run.ask_ahead()
            else:
                self._run.import_ahead()
            self._run.begin(wanted - longest)
            if alone:
                self._make_ready(session.items)
            # What stands by now stays to the end; looking through it for garbage, again and again while
            # answers come in, would take longer than judging them.
            gc.freeze()
        return None

    def _make_ready(self, items: list[pytest.Item]) -> None:
        """Do what every judgement needs while the first answers are on their way."""
        self._run.redactor.text("")
        for item in items:
            if item.nodeid in self._run.plan.cases and isinstance(item, pytest.Function):
                expected_of(item.function)

    # --- one test case

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Obey a signal between two cases."""
        self._interruption.obey()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Wait for the answers of a check."""
        planned = self._run.plan.cases.get(item.nodeid)
        if planned is None:
            return
        self._run.comparison = None
        reason = self._run.unreachable(planned)
        if reason:
            pytest.skip(UNREACHABLE + reason)
        item.stash[ANSWERS] = self._run.answers(planned)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """End a check that cannot be judged before its assertions are."""
        __tracebackhide__ = True  # where it was raised says nothing of the deployment
        planned = self._run.plan.cases.get(pyfuncitem.nodeid)
        if planned is None:
            return (yield)
        if isinstance(planned.obstacle, NotApplicable):
            pytest.skip(NOT_APPLICABLE + str(planned.obstacle))
        if planned.obstacle is not None:
            raise planned.obstacle
        if planned.writes and not self._run.options.writes:
            pytest.skip(WRITES)
        for label, answer in pyfuncitem.stash[ANSWERS].items():
            if answer.error and label not in planned.tolerates_silence:
                raise NoAnswer(f"{label}: {answer.error}")
        try:
            return (yield)
        except NotApplicable as reason:
            pytest.skip(NOT_APPLICABLE + printable(str(reason)))
        except Exception as error:
            # Whatever shows it, what a deployment said in it steers no terminal and forges no line.
            error.args = tuple(explained(arg) if isinstance(arg, str) else arg for arg in error.args)
            raise

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Remember the comparison that failed last; its sides are what was observed and expected."""
        self._run.comparison = (op, left, right)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the result of a check."""
        report = yield
        planned = self._run.plan.cases.get(item.nodeid)
        if planned is not None and isinstance(item, pytest.Function):
            seen = item.stash.get(ANSWERS, {}), item.stash.get(TABLES, [])
            observe(self._run, item, call, report, planned, *seen)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Enter the result, from this process or a worker, into the ledger."""
        result = result_of(report)
        if result is not None and self._worker is None:
            self._run.ledger.add(result)

    # --- the way out

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note what ended the run before its time: a signal, pytest.exit, or a plugin."""
        self._interruption.ending = True
        said = self._interruption.arrived or next(iter(str(excinfo.value).splitlines()), "")
        self._interrupted = self._run.redactor.text(said) or "SIGINT"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Judge, set the exit status, leave the evidence, and end the terminal with the verdict."""
        self._interruption.ending = True
        run, config = self._run, self._config
        carried_through = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if self._worker is not None:
            told = {"narrowed": run.narrowed, "planned": self._planned}
            config.workeroutput["caio"] = told  # type: ignore[attr-defined]  # xdist's way back
        asked = self._worker is None and not (run.options.plan or config.option.collectonly)
        narrowed: list[str] = []
        record = None
        if asked:
            narrowed = narrowings(config, run, self._planned, exitstatus, self._stopped_by())
            record = run.finish(selection(config), narrowed)
            if carried_through and (record.verdict == "NO-GO" or not self._others_failed(session)):
                session.exitstatus = 1 if record.verdict == "NO-GO" else 0
            if self._stopped_by():
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERRUPTED
                run.background.close()  # workers may be waiting for it
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
        self._interruption.ending = True
        try:
            self._run.close()
        finally:
            self._interruption.end()

    def _stopped_by(self) -> str:
        return self._interrupted or self._interruption.arrived

    def _others_failed(self, session: pytest.Session) -> bool:
        """Say whether an ordinary test beside the checks failed, or something could not be collected."""
        bad = sum(r.outcome in ("failed", "error", "missing-input") for r in self._run.ledger.results)
        return session.testsfailed > bad
