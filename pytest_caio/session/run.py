"""The state of one run of the suite, from the command line to the finished record."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pytest_caio.checks.credentials import SESSION, sign_from
from pytest_caio.checks.probe import Request
from pytest_caio.checks.shared import READINESS
from pytest_caio.commandline import Options
from pytest_caio.environments.environment import Environment, load_environment
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.environments.profiles import SECTIONS, Profile, read_profiles
from pytest_caio.environments.rules import env_diff
from pytest_caio.environments.tokens import read_revoked
from pytest_caio.gates.jobs import Job
from pytest_caio.gates.leaks import find_leaks
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.plan import Plan, Planned
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.session.beginning import Beginning
from pytest_caio.session.secrets import RunSecrets
from pytest_caio.system.jobs import Jobs
from pytest_caio.system.waiting import REMINDER, wait_for
from pytest_caio.text import printable
from pytest_caio.verdict.record import Record, RunRecord
from pytest_caio.verdict.tally import Tally

if TYPE_CHECKING:
    from pytest_caio.probing.asker import Asker
    from pytest_caio.probing.prober import Prober

__all__ = ["Given", "Run"]

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Given:
    """The address and files of a running reference deployment, as the controller passes them to workers."""

    base_url: str
    env_file: str
    revoked_file: str
    profiles: str

    def complete(self, profile: Profile) -> Profile:
        """Return the profile, its missing sections filled in from the deployment's own profile."""
        (ready,) = read_profiles(Path(self.profiles)).values()
        own = {name: getattr(profile, name) or getattr(ready, name) for name in SECTIONS}
        return msgspec.structs.replace(profile, **own)


class Run:
    """The state of one run; `say` prints a progress line.

    A worker is given the controller's `results_folder`, which holds the findings of the background jobs (see
    `Jobs`), and the time at which the run `started`.
    """

    def __init__(
        self,
        options: Options,
        say: Callable[[str], None],
        beginning: Beginning,
        results_folder: str = "",
        started: datetime | None = None,
    ) -> None:
        self.options = options
        self.say = say
        self.jobs = Jobs(say, results_folder)
        self.environments: tuple[Environment, ...] = options.environments
        self.redactor = Redactor()
        self._secrets = RunSecrets(self.redactor)
        if options.signing_key is not None:
            for name, value in options.signing_key.secrets.items():
                self.redactor.add(name, value)
        self.plan = Plan()
        self.tally = Tally()
        self.narrowed: list[str] = []
        self.started = started or datetime.now(UTC)
        sign_from(int(self.started.timestamp()))
        self.id = uuid.uuid4().hex
        self.planned = 0  # number of cases; a run with workers takes it from them
        self.worker_stopped_by = ""
        self.comparison: tuple[str, Any, Any] | None = None
        # Answers to --wait-ready that show what they may not, by environment, status code and what it is.
        self.leaking_polls: dict[tuple[str, int, tuple[str, ...]], Exchange] = {}
        self._unreachable: dict[str, str] = {}  # by origin: why it cannot be reached, empty when it can
        self._written: dict[int, dict[str, Exchange]] = {}  # what the deployment acted on, by id of its case
        self.beginning = beginning
        self._prober: Prober | Asker | None = None
        self._reference = beginning.reference

    @property
    def today(self) -> date:
        """The UTC date of the run's start; it decides which waivers are valid until the run's end."""
        return self.started.astimezone(UTC).date()

    def open(self, given: Given | None) -> None:
        """Use the reference deployment `given`, or this run's, for each environment without a base URL."""
        if self._reference is not None:
            self._reference.locate()
        opened = []
        for environment in self.environments:
            if environment.base_url:
                opened.append(environment)
                continue
            given = given or self.given
            assert given is not None
            opened.append(
                load_environment(
                    environment.name,
                    given.complete(environment.profile),
                    Path(),
                    keys=RUNTIME_KEYS,
                    process={},
                    base_url=given.base_url,
                    env_file=Path(given.env_file),
                    revoked=environment.revoked
                    if any(environment.revoked)
                    else read_revoked(Path(given.revoked_file)),
                    expect_commit=environment.expect_commit,
                )
            )
        self.environments = tuple(opened)
        self.learn_environments()

    def learn_environments(self) -> None:
        """Register the secrets of the environments and of the process environment for redaction."""
        self._secrets.learn_environments(self.environments)

    def learn_plan(self) -> None:
        """Register the secrets of the planned requests for redaction."""
        for planned in self.plan.cases.values():
            for request in planned.requests.values():
                self._secrets.learn_request(request)

    @property
    def given(self) -> Given | None:
        """The reference deployment of this process, once it is open, to pass to workers; None without one."""
        reference = self._reference
        if reference is None:
            return None
        return Given(
            reference.base_url,
            str(reference.env_file),
            str(reference.revoked_file),
            str(reference.profiles_file),
        )

    @property
    def prober(self) -> Prober | Asker:
        """The prober, created on first use, so that a run without requests opens no connection."""
        if self._prober is None:
            self._prober = self.beginning.prober(self._secrets.learn_answer)
        return self._prober

    @property
    def desk(self) -> str:
        """The address where all workers have their requests sent; empty in a run without workers."""
        if self.beginning.desk:
            _ = self.prober  # which serves them
        return self.beginning.desk

    def wait_for_reference(self, meanwhile: Callable[[], None]) -> None:
        """Wait until the reference deployment of this process, if there is one, answers and has its state."""
        if self._reference is not None:
            if not self._reference.answers():
                meanwhile()
            self._reference.wait_until_ready()

    def wait_ready(self) -> None:
        """Poll the readiness of each environment when --wait-ready is given."""
        if self.options.wait_ready:
            for environment in self.environments:
                self._wait_ready(environment)

    def begin(self, jobs: Iterable[Job]) -> None:
        """Start these background jobs for each environment that has their inputs."""
        for environment in self.environments:
            for job in jobs:
                if job.can_start(environment):
                    work = job.make(environment)
                    self.jobs.start(job.name(environment), work.do, work.end)

    def import_ahead(self) -> None:
        """Import the modules of the jobs, while workers or the reference deployment start.

        It must be the main thread: an import may create a logger, and pytest iterates over all loggers before
        each test, without their lock.
        """
        from pytest_caio.gates import queue, redis_server, state  # noqa: F401, PLC0415 - imported for its side effect

    def ask_ahead(self) -> None:
        """Send all planned requests that only read, without waiting for responses; learn their secrets."""
        if self.options.wait_ready:
            self.plan.renew()
        if polls := self.plan.polls():
            # Alone for a moment: among all others they are answered late, and the end waits for the second.
            self.prober.ask(polls)
            self.learn_plan()
        self.prober.ask(self.plan.ahead())
        # While the first responses are waited for: nothing shows a request before a test does.
        self.learn_plan()

    def _wait_ready(self, environment: Environment) -> None:
        deadline = time.monotonic() + self.options.wait_ready
        reported = 0.0
        while True:
            exchange = self.prober.send(READINESS.resolve(environment))
            leaks = find_leaks(exchange, environment, self.redactor.secrets_in)
            if leaks:
                known = (environment.name, exchange.status_code, tuple(leaks))
                self.leaking_polls.setdefault(known, exchange)
            if exchange.status_code == 200 or time.monotonic() >= deadline:
                return
            if time.monotonic() - reported > REMINDER:
                reported = time.monotonic()
                self.say(f"caio: waiting for {environment.name} to be ready ({exchange.summary})")
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))

    def unreachable(self, planned: Planned) -> str:
        """Wait for the first response of the case's deployment; return why there is none, else empty."""
        origin = planned.case.environment.base_url
        if origin in self._unreachable or planned.writes or planned.obstacle is not None:
            return self._unreachable.get(origin, "")
        own = next((r for r in planned.requests.values() if r.origin == origin), None)
        if own is None:
            return ""
        self.prober.exchange(own)
        self._unreachable[origin] = self._wait(self.prober.reached(origin))
        return self._unreachable[origin]

    def answers(self, planned: Planned) -> dict[str, Exchange]:
        """Return the exchanges of `planned` by label, waiting for pending ones.

        Requests that the deployment acts on are sent here, one after the other, and never twice.
        """
        if planned.obstacle is not None:
            return {}
        if planned.writes:
            if not self.options.writes:
                return {}
            if id(planned) in self._written:  # as a plugin that repeats failed tests asks for them
                return self._written[id(planned)]
            answers: dict[str, Exchange] = {}
            self._written[id(planned)] = answers
            for label, request in planned.requests.items():
                opened = (exchange.opened_session for exchange in reversed(answers.values()))
                session = next(filter(None, opened), "")
                answers[label] = self.prober.send(self._in_session(request, session))
            return answers
        futures = {label: self.prober.exchange(request) for label, request in planned.requests.items()}
        return {label: self._wait(future) for label, future in futures.items()}

    def _in_session(self, request: Request, session: str) -> Request:
        """Return a request with the cookie of a session, if it is to be sent in one and one was opened."""
        if request.credential != SESSION.name or not session:
            return request
        carrying = request.carry(SESSION.name, ("Cookie", session))
        self._secrets.learn_request(carrying)
        return carrying

    def _wait(self, future: Future[_Value]) -> _Value:
        def say(waited: float) -> None:
            self.say(f"caio: waiting for {self.prober.open_count} slow answers ({waited:.0f} s so far)")

        return wait_for(future, say)

    def finish(self, selection: str, repeated: list[str], narrowed: list[str]) -> Record:
        """Judge the run and return the finished, redacted record; `session.narrowing` has the arguments."""
        options, redact = self.options, self.redactor.redact
        narrowed = [printable(redact(reason)) for reason in narrowed]  # -k and -m may hold anything
        run = RunRecord(
            id=self.id,
            started=self.started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            tool={
                "name": "pytest-caio",
                "version": _version("pytest-caio"),
                "pytest": _version("pytest"),
                "python": platform.python_version(),
                "platform": platform.platform(terse=True),
            },
            selection=printable(redact(selection)),
            options={
                "environments": [environment.name for environment in self.environments],
                "allow_writes": options.writes,
                "max_connections": options.connections,
                "request_rate": options.rate,
                "http_timeout": options.timeout,
                "faults": list(options.faults),
                "repeated": [printable(redact(word)) for word in repeated],
                "digests": dict(options.digests),
            },
            narrowed=narrowed,
        )
        names = {environment.name for environment in self.environments}
        waivers = options.waivers.review(
            self.tally.results, self.today, names, whole=not narrowed, redact=redact
        )
        record = self.tally.close(self.environments, run, narrowed, waivers)
        record.env_diff = self.redactor.redact_all(env_diff(self.environments))
        return record

    def begin_close(self) -> None:
        """Let the reference deployment stop while the evidence is written: nothing is asked any more."""
        if self._reference is not None:
            self._reference.begin_stop()

    def close(self) -> None:
        """Stop the background jobs, the prober and the reference deployment; idempotent."""
        prober, self._prober = self._prober, None
        reference, self._reference = self._reference, None
        with ExitStack() as stack:  # each is stopped, even if stopping another fails
            if reference is not None:
                stack.callback(reference.stop)
            if prober is not None:
                stack.callback(prober.close)
            stack.callback(self.jobs.close)


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:  # run from a checkout that is not installed
        return "checkout"
