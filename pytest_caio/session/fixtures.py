"""What a check may ask for by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from pytest_caio.checks.check import Case
from pytest_caio.environments.environment import Environment
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.system.jobs import Background, name_of
from pytest_caio.verdict.record import Table

if TYPE_CHECKING:
    from pytest_caio.gates.pack import Packed
    from pytest_caio.gates.redis_server import Store
    from pytest_caio.gates.replay import Rehearsal
    from pytest_caio.gates.state import Twins

__all__ = ["ANSWERS", "TABLES", "CheckFixtures"]

ANSWERS: pytest.StashKey[dict[str, Exchange]] = pytest.StashKey()
TABLES: pytest.StashKey[list[Table]] = pytest.StashKey()
_MOST_ROWS = 200
_Found = TypeVar("_Found", bound=msgspec.Struct)


class CheckFixtures:
    """The fixtures of a run that asks a deployment; other runs do not see them."""

    def __init__(
        self, redactor: Redactor, background: Background, asked: Callable[[], Sequence[Environment]]
    ) -> None:
        self._redactor = redactor
        self._background = background
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
    def secrets(self) -> Redactor:
        """What knows every secret of the run, and says which of them a text holds."""
        return self._redactor

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
    def store(self, _caio_case: Case) -> Store | None:
        """What the Redis of this case's environment answered."""
        from pytest_caio.gates.redis_server import Store  # noqa: PLC0415 - the Redis client takes 0.1 s to import

        return self._found("store", Store, _caio_case)

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

    @pytest.fixture
    def twins(self, _caio_case: Case) -> Twins | None:
        """The file state of this case's environment and its twins in Redis."""
        from pytest_caio.gates.state import Twins  # noqa: PLC0415 - the Redis client takes 0.1 s to import

        return self._found("twins", Twins, _caio_case)

    @pytest.fixture
    def rehearsal(self, _caio_case: Case) -> Rehearsal | None:
        """The replay of this case's environment."""
        from pytest_caio.gates.replay import Rehearsal  # noqa: PLC0415 - other runs pay nothing

        return self._found("rehearsal", Rehearsal, _caio_case)

    @pytest.fixture
    def pack(self, _caio_case: Case) -> Packed | None:
        """What came of the critical tests of this case's environment."""
        from pytest_caio.gates.pack import Packed  # noqa: PLC0415 - other runs pay nothing

        return self._found("pack", Packed, _caio_case)

    def _found(self, fixture: str, kind: type[_Found], case: Case) -> _Found | None:
        # A case that cannot be judged ends before its function is called.
        name = name_of(fixture, case.environment.name)
        return None if case.obstacle else self._background.result(name, kind)
