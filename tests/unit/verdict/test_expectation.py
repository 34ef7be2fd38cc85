"""What a check expected and observed is put into words from its assertion."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_caio.outcomes import Mismatch
from pytest_caio.verdict.expectation import expected_of, failure_of

response = SimpleNamespace(status_code=503)


def compares() -> None:
    """Fail on a comparison with a value."""
    assert response.status_code == 401


def chains() -> None:
    """Fail on a chained comparison."""
    assert 400 <= response.status_code < 500


def reversed_sides() -> None:
    """Fail on a comparison with the constant first."""
    assert 401 == response.status_code  # noqa: SIM300


def over_several_lines() -> None:
    """Fail on an assertion of several lines."""
    assert response.status_code in (
        401,
        403,
    )


def says_why() -> None:
    """Fail on an assertion with a message."""
    assert response.status_code == 401, "the guard is missing"


def holds_not() -> None:
    """Fail on an assertion without a comparison."""
    assert not response.status_code


def counts() -> None:
    """Fail on a comparison of what a call returns."""
    assert len(str(response.status_code)) == 2


def in_branches() -> None:
    """Fail on an assertion inside other statements."""
    for _ in range(2):
        if response.status_code != 200:
            with pytest.raises(KeyError):
                raise KeyError
            try:
                assert response.status_code in (200, 401)
            finally:
                pass
        else:
            assert response.status_code == 200


def calls() -> None:
    """Fail in a function that is called."""
    compares()


def error_of(function: Callable[[], None]) -> BaseException:
    """Return the error that `function` raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001
        return error
    raise LookupError("no error")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (compares, "Fail on a comparison with a value"),
        (calls, "Fail in a function that is called"),
        (lambda: None, ""),
    ],
)
def test_what_is_expected_is_the_title(function: Callable[[], None], expected: str) -> None:
    """A check that passes expects what its title says, the first sentence of its docstring."""
    assert expected_of(function) == expected


@pytest.mark.parametrize(
    ("function", "comparison", "expected", "observed"),
    [
        (compares, ("==", 503, 401), "status_code == 401", "status_code is 503"),
        (over_several_lines, ("in", 503, (401, 403)), "status_code in (401, 403)", "status_code is 503"),
        (chains, ("<", 503, 500), "400 <= status_code < 500", "status_code is 503"),
        (chains, ("<=", 400, 200), "400 <= status_code < 500", "status_code is 200"),
        (chains, ("<", 500, 500), "400 <= status_code < 500", "status_code is 500"),
        (reversed_sides, ("==", 401, 503), "401 == status_code", "status_code is 503"),
        (calls, ("==", 503, 401), "status_code == 401", "status_code is 503"),
        # With --assert=plain pytest sees no comparison.
        (compares, None, "status_code == 401", "status_code is 503"),
        (chains, None, "400 <= status_code < 500", "status_code is 503"),
        (counts, None, "len(str(status_code)) == 2", "it does not hold"),
        (holds_not, ("==", 1, 2), "not status_code", "it does not hold"),
        (says_why, ("==", 503, 401), "status_code == 401", "the guard is missing"),
        (in_branches, ("in", 503, (200, 401)), "status_code in (200, 401)", "status_code is 503"),
    ],
)
def test_what_was_observed(
    function: Callable[[], None], comparison: Any, expected: str, observed: str
) -> None:
    """A failure states what was expected and the value that was observed."""
    assert failure_of(error_of(function), comparison) == (expected, observed)


def test_a_mismatch_gives_its_own_texts() -> None:
    """The expected and observed texts of a Mismatch are used as they are."""

    def mismatch() -> None:
        raise Mismatch("200 with the report", "404")

    assert failure_of(error_of(mismatch), ("==", 1, 2)) == ("200 with the report", "404")


def test_a_failure_without_an_assertion() -> None:
    """A failure without an assertion is described by its type and message."""

    def raises() -> None:
        raise ValueError("odd")

    assert failure_of(error_of(raises), None) == ("", "ValueError: odd")
    assert failure_of(AssertionError("never raised"), None) == ("", "AssertionError: never raised")


def test_long_values_are_cut() -> None:
    """A long value is cut between words."""
    value = "word " * 1000 + "secret"
    _, observed = failure_of(error_of(compares), ("==", value, 401))
    assert len(observed) < 350
    assert observed.endswith("word …")


def test_missing_source_is_not_an_error() -> None:
    """A check whose source cannot be read has no expectation, and its failure is still described."""
    space: dict[str, Any] = {}
    exec(compile("def gone():\n    assert 1 == 2\n", "/nowhere/gone.py", "exec"), space)
    assert expected_of(space["gone"]) == ""
    # The assertion of a caller would be used if there was one.
    assert failure_of(error_of(space["gone"]), None)[1].startswith("AssertionError")
