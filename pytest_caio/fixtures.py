"""What a check may ask for by name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_caio.checks import Case
from pytest_caio.environments import Environment
from pytest_caio.exchanges import Exchange
from pytest_caio.redaction import Redactor

__all__ = ["ANSWERS", "CheckFixtures"]

ANSWERS: pytest.StashKey[dict[str, Exchange]] = pytest.StashKey()


class CheckFixtures:
    """The fixtures of a run that asks a deployment; other runs do not see them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @pytest.fixture(autouse=True)
    def _caio_case(self, request: pytest.FixtureRequest) -> Case | None:
        """Carry the case of a check; None for an ordinary test."""
        return getattr(request, "param", None)

    @pytest.fixture
    def environment(self, _caio_case: Case) -> Environment:
        """The environment that this case asks."""
        return _caio_case.environment

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
