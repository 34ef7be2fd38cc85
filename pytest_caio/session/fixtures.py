"""The fixtures that a check may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.check import Case
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.jobs import JOBS, Job
from pytest_caio.gates.leaks import find_leaks
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.system.jobs import Jobs
from pytest_caio.verdict.record import Table

__all__ = ["ANSWERS", "TABLES", "CheckFixtures"]

ANSWERS: pytest.StashKey[dict[str, Exchange]] = pytest.StashKey()
TABLES: pytest.StashKey[list[Table]] = pytest.StashKey()
_MOST_ROWS = 200


class CheckFixtures:
    """The fixtures of an acceptance run; pytest runs without the suite do not have them."""

    def __init__(self, redactor: Redactor, jobs: Jobs, asked: Callable[[], Sequence[Environment]]) -> None:
        self._redactor = redactor
        self._jobs = jobs
        self._asked = asked

    def fill(self, item: pytest.Function, case: Case, answers: Mapping[str, Exchange]) -> None:
        """Give a case the values of the fixtures that most checks use.

        pytest takes them as they are, where it would build a request object for each, and another for each
        fixture that this depends on: a tenth of a run. Fixtures of other plugins and tests still find them
        below. Session fixtures that an earlier case has set up keep their value, and many plugins have some
        that all tests use.
        """
        item.funcargs |= {
            **dict(_set_up_before(item)),
            "request": item._request,
            "_caio_case": case,
            "environment": case.environment,
            "case": case.name,
            "responses": answers,
        }
        if len(answers) <= 1:
            item.funcargs["response"] = _only(answers)

    @pytest.fixture(autouse=True)
    def _caio_case(self, request: pytest.FixtureRequest) -> Case | None:
        """The case of a check, from its parametrization; None for an ordinary test."""
        return getattr(request, "param", None)

    @pytest.fixture
    def environment(self, _caio_case: Case) -> Environment:
        """The environment of this case."""
        return _caio_case.environment

    @pytest.fixture
    def environments(self) -> Sequence[Environment]:
        """All environments of the run, including this case's."""
        return self._asked()

    @pytest.fixture
    def case(self, _caio_case: Case) -> str:
        """The name of this case."""
        return _caio_case.name

    @pytest.fixture
    def leaks_in(self, _caio_case: Case) -> Callable[[Exchange], list[str]]:
        """A function that returns what a response shows that its caller may not see, in words."""
        return lambda answer: find_leaks(answer, _caio_case.environment, self._redactor.secrets_in)

    @pytest.fixture
    def responses(self, request: pytest.FixtureRequest) -> Mapping[str, Exchange]:
        """The exchanges of this case's probes by label: a probe's name, or else its method and target."""
        answers: Mapping[str, Exchange] = request.node.stash.get(ANSWERS, {})
        return answers

    @pytest.fixture
    def response(self, request: pytest.FixtureRequest) -> Exchange | None:
        """The exchange of this case's only probe."""
        responses = request.node.stash.get(ANSWERS, {})
        if len(responses) > 1:
            raise LookupError(f"a check of {len(responses)} probes takes `responses`, not `response`")
        return _only(responses)

    @pytest.fixture
    def show_table(
        self, request: pytest.FixtureRequest
    ) -> Callable[[str, Sequence[str], Iterable[Sequence[object]]], None]:
        """A function of title, columns and rows that adds a table to the report, even if the check passes.

        The report shows the first 200 rows.
        """
        tables = request.node.stash.setdefault(TABLES, [])

        def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
            cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
            more = f" (the first {_MOST_ROWS} of {len(cells)})" if len(cells) > _MOST_ROWS else ""
            tables.append(Table(title + more, list(columns), cells[:_MOST_ROWS]))

        return show

    def found(self, job: Job, case: Case) -> msgspec.Struct | None:
        """Wait for a job in the case's environment and return its findings.

        None for a case that cannot be judged: it is skipped or fails before its function is called.
        """
        if case.obstacle:
            return None
        environment = case.environment
        return self._jobs.result(job.name(environment), job.make(environment).findings)


def _set_up_before(item: pytest.Function) -> Iterator[tuple[str, object]]:
    """Yield the session fixtures of a case that have their value already, as pytest would find it again."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    for name, (*_, fixture) in item._fixtureinfo.name2fixturedefs.items():
        if fixture.scope == "session" and not fixture.params and name not in parameters:
            value, _, fault = fixture.cached_result or (None, None, fixture)
            if fault is None:
                yield name, value


def _only(answers: Mapping[str, Exchange]) -> Exchange | None:
    # None for a case that could not be sent: it is skipped or fails before its function is called.
    return next(iter(answers.values()), None)


def _result_of(job: Job) -> Any:
    """Return a fixture that gives the findings of a background job."""

    def result(self: CheckFixtures, _caio_case: Case) -> msgspec.Struct | None:
        return self.found(job, _caio_case)

    result.__doc__ = f"What the {job.told} this case's environment found."
    return pytest.fixture(name=job.fixture)(result)


for _job in JOBS:
    setattr(CheckFixtures, _job.fixture, _result_of(_job))
