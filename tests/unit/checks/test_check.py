"""A check is declared once and expands to the cases of an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pytest_caio.checks.check import GATES, MARK, Case, Check, cases, check, check_of
from pytest_caio.checks.probe import Probe, get, post
from pytest_caio.environments.environment import Environment
from pytest_caio.outcomes import MissingInput, NotApplicable


def declared(function: Callable) -> Check:
    """Return the check that `function` was made."""
    [mark] = [mark for mark in function.pytestmark if mark.name == MARK]
    return mark.args[0]


def test_a_check_is_declared_beside_its_assertion() -> None:
    """Id, title, fix, flags and probes are what the decorators say."""

    @check("AUTH-01", fix="Mend it.", blocking=False, waivable=True, writes=True)
    @get("/a")
    @post("/b")
    def test_function() -> None:
        """The first paragraph,
        over two lines, is the title.

        The rest is not.
        """

    assert declared(test_function) == Check(
        "AUTH-01",
        "The first paragraph, over two lines, is the title",
        "Mend it.",
        blocking=False,
        waivable=True,
        writes=True,
        gate="check",
        probes=(get("/a"), post("/b")),
        fixes={"": "Mend it."},
    )


def test_blocking_is_the_default() -> None:
    """A check that says nothing blocks, cannot be waived, and writes nothing."""

    @check("X-01", fix="")
    def test_function() -> None:
        """Title."""

    made = declared(test_function)
    assert (made.blocking, made.waivable, made.writes, made.probes, made.cases) == (
        True,
        False,
        False,
        (),
        None,
    )


@pytest.mark.parametrize("check_id", ["", "AUTH", "AUTH-1", "AUTH-001", "auth-01", "AUTH-01 ", "AUTH_01"])
def test_a_check_has_an_id_of_the_catalogue(check_id: str) -> None:
    """An id of another form is a mistake of who wrote the check."""
    with pytest.raises(TypeError, match="is not of the form AUTH-01"):
        check(check_id, fix="x")


def test_a_check_has_a_title() -> None:
    """A check without a docstring is a mistake of who wrote it."""

    def test_function() -> None: ...

    with pytest.raises(TypeError, match=r"^check AUTH-01 has no docstring"):
        check("AUTH-01", fix="x")(test_function)


def expand(made: Callable | Mapping | None, environment: Environment, *probes: Probe) -> list[Case]:
    """Expand a check of these cases and probes."""
    return Check("X-01", "Title", "Fix", probes=probes, cases=made).expand(environment)


def test_a_check_without_cases_is_one(make_environment: Callable) -> None:
    """Without cases there is one, without a name, of the check's own probes."""
    environment = make_environment()
    assert expand(None, environment, get("/a")) == [Case(environment, "", (get("/a"),))]


def test_a_case_a_name(make_environment: Callable) -> None:
    """Each name is a case, of the check's own probes and the case's, one or several."""
    environment = make_environment()
    found = expand({"one": get("/1"), "two": (get("/2"), get("/3"))}, environment, get("/a"))
    assert [(case.name, [p.target for p in case.probes]) for case in found] == [
        ("one", ["/a", "/1"]),
        ("two", ["/a", "/2", "/3"]),
    ]


def test_cases_may_depend_on_the_environment(make_environment: Callable) -> None:
    """A function of the environment makes the cases."""
    made = expand(lambda environment: {environment.name: get("/")}, make_environment(name="staging"))
    assert [case.name for case in made] == ["staging"]


@pytest.mark.parametrize("obstacle", [MissingInput("KEY"), NotApplicable("not here")])
def test_an_obstacle_is_a_case(make_environment: Callable, obstacle: Exception) -> None:
    """What cannot be asked is still one case, which says why."""

    def made(environment: Environment) -> Mapping[str, Probe]:
        raise obstacle

    [case] = expand(made, make_environment(), get("/a"))
    assert (case.obstacle, case.probes, case.name) == (obstacle, (), "")


@pytest.mark.parametrize("made", [{}, lambda _: {}])
def test_no_cases_are_a_missing_input(make_environment: Callable, made: object) -> None:
    """A check with no case does not go missing in silence: it blocks."""
    [case] = expand(made, make_environment())
    assert isinstance(case.obstacle, MissingInput)
    assert "X-01" in str(case.obstacle)


@pytest.mark.parametrize(
    "made",
    [
        lambda _: {}["x"],
        lambda environment: environment.cors_origins[99],
        lambda _: ["no", "mapping"],
        lambda _: {7: get("/")},
        lambda _: {"case": None},
    ],
)
def test_a_fault_in_a_check_is_its_own(make_environment: Callable, made: object) -> None:
    """A case function that raises anything is that check's error, never the run's end."""
    [case] = expand(made, make_environment())
    assert isinstance(case.obstacle, KeyError | IndexError | AttributeError | TypeError)
    assert case.probes == ()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("//api/x;y", "//api/x;y"),
        ("/a/%2e%2e/b?c=d&e", "/a/%2e%2e/b?c=d_e"),
        ("<script>", "_script_"),
        ('a"b\\c[d]', "a_b_c_d_"),
        ("caf\u00e9 (x)", "caf\u00e9 (x)"),
        ("a\nb\x1b\u202e", "a_b__"),
    ],
)
def test_names_are_harmless(make_environment: Callable, name: str, shown: str) -> None:
    """A case's name stands in test ids and reports, where markup and brackets mean something."""
    [case] = expand({name: get("/")}, make_environment())
    assert case.name == shown.replace("\n", "_")


def test_cases_decorate() -> None:
    """The decorator for cases gives them to the check above it."""

    @check("X-01", fix="")
    @cases({"a": get("/")})
    def test_function() -> None:
        """Title."""

    assert declared(test_function).cases == {"a": get("/")}


def test_an_ordinary_test_is_no_check(request: pytest.FixtureRequest) -> None:
    """A collected test without the mark is none of ours; with it, the check is found."""
    assert check_of(request.node) is None
    made = Check("X-01", "Title", "Fix")
    request.node.add_marker(getattr(pytest.mark, MARK)(made))
    assert check_of(request.node) is made


def test_gates_are_distinct() -> None:
    """Each gate is one marker."""
    assert len(set(GATES)) == len(GATES)
    assert all(gate.isidentifier() for gate in GATES)
