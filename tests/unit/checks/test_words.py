"""The words in which checks judge make sentences, and choose the fix for the way in which a check failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from docs.checks_table import declared
from pytest_caio.checks.check import GENERAL_FIXES, MARK, Case, Check, check
from pytest_caio.checks.words import must, no, says, word
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.outcomes import Advice, Mismatch, MissingInput, who_acts
from tests.support.gate_runs import SUITE
from tests.support.plain_words import PLACES, unplain_fact, unplain_fix

CHECKS = declared(Path(SUITE))
ENVIRONMENT = Environment("staging", "https://a.example", Profile(), {})


class Report(msgspec.Struct):
    """The report of a test."""

    ready: Any = True
    status: Any = "up"


BROKEN = 'Hand to the developer, with the deploy logs from Railway: "GET / is answered 500."'


def raised(function: Callable[..., None], *given: Any, **named: Any) -> Mismatch:
    """Return the mismatch that a function raises."""
    with pytest.raises(Mismatch) as caught:
        function(*given, **named)
    return caught.value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "true"),
        (None, "nothing"),
        ("", "nothing"),
        ([], "nothing"),
        (["a", "b"], "a, b"),
        (5, "5"),
        ({"a": None}, "an object with a"),
        ("up", "up"),
    ],
)
def test_a_value_is_told_as_people_write_it(value: object, told: str) -> None:
    """A value is told without quotes, brackets or the words of Python."""
    assert word(value) == told


def test_each_word_makes_a_sentence() -> None:
    """What was expected and observed are sentences, and name the way in which it failed."""
    says("Redis", Report(), ready=True, status="up")
    must([1], "", "")
    no("files", ())
    wrong = raised(says, "Redis", Report(ready=1), ready=True)
    assert (wrong.expected, wrong.observed) == ("Redis must say ready: true", "it says ready: 1")
    assert wrong.ways == ("ready",)
    several = raised(no, "late files", ("a.json", "b.json"))
    assert (several.expected, several.observed) == ("no late files", "2 of them, the first: a.json")
    assert raised(no, "late files", ["a.json"]).observed == "a.json"
    long = raised(must, False, "short", "word " * 200)
    assert long.observed.endswith("word …")


def _declared(**fixes: Any) -> Check:
    @check("AUTH-01", fix="Set {key} in Railway.", fixes=fixes.get("fixes"))
    def test_function() -> None:
        """A fact."""

    (mark,) = [mark for mark in test_function.pytestmark if mark.name == MARK]  # type: ignore[attr-defined]
    made: Check = mark.args[0]
    return made


@pytest.mark.parametrize(
    ("ways", "fix", "by"),
    [
        ((), "Set A_B in Railway.", "you"),
        ((200, "2xx"), "Set A_B in Railway.", "you"),
        ((401, "4xx"), "Give staging.", "you"),
        (
            (500, "5xx"),
            BROKEN,
            "developer",
        ),
        (("", 500), "Set A_B in Railway.", "you"),
        (
            ("unknown", "5xx"),
            BROKEN,
            "developer",
        ),
    ],
)
def test_the_fix_is_that_of_the_way_it_failed(ways: tuple[Any, ...], fix: str, by: str) -> None:
    """A failure gets the fix declared for its way, else the general one, else the check's own, filled in."""
    made = _declared(fixes={401: "Give {environment}."})
    error = Mismatch("x", "y", "", *ways, key="A_B", request="GET /", status=500)
    made.advise(error, Case(ENVIRONMENT, ""))
    assert (error.fix, error.by) == (fix, by)
    assert made.fix == "Set the variable named in Railway."


def test_a_fix_of_its_own_stays() -> None:
    """A failure that brings a fix keeps it, and says who acts."""
    error = Mismatch("x", "y", 'Hand to the developer: "z"', 500)
    _declared().advise(error, Case(ENVIRONMENT, ""))
    assert (error.fix, error.by) == ('Hand to the developer: "z"', "developer")
    assert Advice("see that it runs").fix == "See that it runs."


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (
            ("REDIS_URL",),
            "Copy REDIS_URL from the service's Variables in Railway to the env file",
        ),
        (
            ("cutover of [a.state]",),
            "Set cutover under [a.state] in the profiles file (acceptance/",
        ),
        (
            ("cwd of [a.pack] (no such folder: /x)",),
            "Correct cwd under [a.pack] in the profiles file: no such folder",
        ),
        (("A", "B", "C", "D", "E"), "Give the deployment's env file with --env-file FILE"),
    ],
)
def test_a_missing_input_says_what_to_give(names: tuple[str, ...], fix: str) -> None:
    """The fix for a missing input names it and its place, and never what the check would have said."""
    missing = MissingInput(*names)
    assert missing.fix.startswith(fix)
    assert (missing.by, unplain_fix(missing.fix)) == ("you", "")


def test_every_fix_names_a_place() -> None:
    """Every fix of the suite names a variable, a file, a setting, a page or the developer, in few words."""
    texts = [text for one in CHECKS for text in one.fixes.values()] + list(GENERAL_FIXES.values())
    assert [text for text in texts if not PLACES.search(text) or "openssl" in text] == []
    assert median(len(text.split()) for text in texts) < 30
    assert {who_acts(one.fix) for one in CHECKS} == {"you", "developer"}


def test_every_title_is_a_plain_fact() -> None:
    """Every title is one sentence of plain English, and no riddle in few words."""
    assert [one.title for one in CHECKS if unplain_fact(one.title)] == []
    assert len({one.title for one in CHECKS}) == len(CHECKS)
