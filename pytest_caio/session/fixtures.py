"""What a check may ask for by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from pytest_caio.checks.check import Case
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.jobs import JOBS, Job
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.system.jobs import Jobs
from pytest_caio.verdict.record import Table

__all__ = ["ANSWERS", "TABLES", "CheckFixtures"]

ANSWERS: pytest.StashKey[dict[str, Exchange]] = pytest.StashKey()
TABLES: pytest.StashKey[list[Table]] = pytest.StashKey()
_MOST_ROWS = 200


class CheckFixtures:
    """The fixtures of a run that asks a deployment; other runs do not see them."""

    def __init__(self, redactor: Redactor, jobs: Jobs, asked: Callable[[], Sequence[Environment]]) -> None:
        self._redactor = redactor
        self._jobs = jobs
        self._asked = asked

    @pytest.fixture(autouse=True)
    def _caio_case(self, request: pytest.FixtureRequest) -> Case | None:
        """Carry the case of a check; None for an ordinary test."""
        return getattr(request, "param", None)

    @pytest.fixture
    def environment(self, _caio_case: Case) -> Environment:
        """The environment that this case asks."""
        return _caio_case.environment

    @pytest.fixture
    def environments(self) -> Sequence[Environment]:
        """Every environment of the run, this case's among them."""
        return self._asked()

    @pytest.fixture
    def case(self, _caio_case: Case) -> str:
        """The name of this case."""
        return _caio_case.name

    @pytest.fixture
    def secrets_in(self) -> Callable[[str], list[str]]:
        """What returns the names of the run's secrets that a text holds, in whatever encoding."""
        return self._redactor.secrets_in

    @pytest.fixture
    def responses(self, request: pytest.FixtureRequest) -> Mapping[str, Exchange]:
        """The answers of this case's probes by label: a probe's name, else method and target."""
        answers: Mapping[str, Exchange] = request.node.stash.get(ANSWERS, {})
        return answers

    @pytest.fixture
    def response(self, request: pytest.FixtureRequest) -> Exchange | None:
        """The answer of this case's only probe."""
        responses = request.node.stash.get(ANSWERS, {})
        if len(responses) > 1:
            raise LookupError(f"a check of {len(responses)} probes takes `responses`, not `response`")
        # A case that cannot be asked has no answer; it ends before its function is called.
        return next(iter(responses.values()), None)

    @pytest.fixture
    def show_table(
        self, request: pytest.FixtureRequest
    ) -> Callable[[str, Sequence[str], Iterable[Sequence[object]]], None]:
        """What puts a table into the report, whether the check passes or not: title, columns, rows.

        Of more than 200 rows the first are shown.
        """
        tables = request.node.stash.setdefault(TABLES, [])

        def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
            cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
            more = f" (the first {_MOST_ROWS} of {len(cells)})" if len(cells) > _MOST_ROWS else ""
            tables.append(Table(title + more, list(columns), cells[:_MOST_ROWS]))

        return show

    def found(self, job: Job, case: Case) -> msgspec.Struct | None:
        """Return what a job found in a case's environment, waiting for it.

        None where the case cannot be judged: it ends before its function is called.
        """
        if case.obstacle:
            return None
        environment = case.environment
        return self._jobs.result(job.name(environment), job.make(environment, False).findings)


def _result_of(job: Job) -> Any:
    """Make the fixture that gives what a background job found."""

    def result(self: CheckFixtures, _caio_case: Case) -> msgspec.Struct | None:
        return self.found(job, _caio_case)

    result.__doc__ = f"What the {job.told} this case's environment found."
    return pytest.fixture(name=job.fixture)(result)


for _job in JOBS:
    setattr(CheckFixtures, _job.fixture, _result_of(_job))
