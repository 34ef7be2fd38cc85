"""Waivers hold until the end of their last day in UTC, and every invalid one is reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.errors import InputError
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result, WaiverRecord
from pytest_caio.verdict.waivers import MOST_DAYS, Waiver, Waivers, parse_waivers, read_waivers

TODAY = date(2026, 2, 24)
NAMES = ("demo", "staging", "production")
GOOD = {
    "check": '"WH-08"',
    "environment": '"production"',
    "owner": '"PTO"',
    "reason": '"HeyReach cannot sign"',
    "expires": "2026-03-10",
}
QUICK = settings(derandomize=True, database=None, deadline=None)
DATES = st.dates(date(1990, 1, 1), date(2190, 1, 1))


def text(**given: str) -> str:
    """Return a waiver in TOML; the value `-` leaves a key out."""
    lines = [f"{key} = {value}" for key, value in {**GOOD, **given}.items() if value != "-"]
    return "\n".join(["[[waiver]]", *lines, ""])


def waivers(*written: str) -> Waivers:
    """Return the waivers in TOML texts that are joined."""
    return Waivers("waivers.toml", parse_waivers("".join(written), NAMES))


def result(name: str = "unsigned", outcome: str = "passed", **details: Any) -> Result:
    """Return the result of a case of WH-08 in production, which waiver 1 covers."""
    fixed = {"environment": "production", "check": "WH-08", "waivable": True, "waivers": [1], "of": 1}
    told = {"gate": "webhooks", "title": "T", "fix": "F", "blocking": True, "nodeid": name}
    return Result(name=name, outcome=Outcome(outcome), **{**fixed, **told, **details})


def review(held: Waivers, *results: Result, whole: bool = True, today: date = TODAY) -> list[WaiverRecord]:
    """Review waivers after a run against production."""
    return held.review(results, today, {"production"}, whole=whole)


def problem(held: Waivers, *results: Result, whole: bool = True, today: date = TODAY) -> str:
    """Return the problem of the only waiver."""
    (record,) = review(held, *results, whole=whole, today=today)
    return record.problem


def test_a_waiver_is_read() -> None:
    """Every key is read; a waiver covers all cases unless it names one."""
    one, two = waivers("# ours\n", text(), text(case='"unsigned"')).listed
    assert one == Waiver(
        1, 2, "", "WH-08", "production", "PTO", "HeyReach cannot sign", date(2026, 3, 10), "*"
    )
    assert (two.number, two.line, two.case, two.fault) == (2, 8, "unsigned", "")


MALFORMED = {
    "no check": ({"check": "-"}, "check is missing"),
    "no environment": ({"environment": "-"}, "environment is missing"),
    "no owner": ({"owner": "-"}, "owner is missing"),
    "no reason": ({"reason": "-"}, "reason is missing"),
    "no day": ({"expires": "-"}, "expires is missing"),
    "blank owner": ({"owner": '""'}, "owner is blank"),
    "owner of spaces": ({"owner": '" \\t\\n "'}, "owner is blank"),
    "owner of nothing visible": ({"owner": '"\\u200b\\u3000"'}, "owner is blank"),
    "reason of dashes": ({"reason": '"---"'}, "reason is blank"),
    "owner is a number": ({"owner": "3"}, "owner is no text"),
    "reason is a list": ({"reason": '["a"]'}, "reason is no text"),
    "case is a list": ({"case": '["unsigned"]'}, "case is no text"),
    "blank case": ({"case": '" "'}, "case is blank"),
    "no id": ({"check": '"heyreach"'}, "check heyreach is no id"),
    "id in lower case": ({"check": '"wh-08"'}, "check wh-08 is no id"),
    "two ids": ({"check": '"WH-08 ENV-11"'}, "is no id"),
    "id with a line end": ({"check": '"WH-08\\n"'}, "is no id"),
    "all checks": ({"check": '"*"'}, "check * is no id"),
    "no profile": ({"environment": '"prod"'}, "environment prod is no profile; there are demo, staging"),
    "all environments": ({"environment": '"*"'}, "environment * is no profile"),
    "a moment": ({"expires": "2026-03-10T12:00:00Z"}, "expires is no plain date"),
    "a local moment": ({"expires": "2026-03-10 12:00:00"}, "expires is no plain date"),
    "a time": ({"expires": "12:00:00"}, "expires is no plain date"),
    "a quoted day": ({"expires": '"2026-03-10"'}, "expires is no plain date"),
    "a number of days": ({"expires": "90"}, "expires is no plain date"),
    "for ever": ({"expires": "inf"}, "expires is no plain date"),
    "unknown key": (
        {"ownr": '"PTO"'},
        "unknown key ownr; the keys are check, environment, owner, reason, expires, case",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_waiver_is_reported_with_its_number_and_line(name: str) -> None:
    """A malformed waiver is reported by number and line, covers nothing, and leaves others valid."""
    given, said = MALFORMED[name]
    held = waivers(text(check='"ENV-11"'), text(**given))
    malformed = review(held, result(), whole=False)[-1]
    assert malformed.problem.startswith("waiver 2 (waivers.toml, line 7)")
    assert said in malformed.problem
    assert not malformed.used
    assert held.covering("production", "WH-08", "unsigned", TODAY) == []
    assert [w.number for w in held.covering("production", "ENV-11", "", TODAY)] == [1]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[[waivers]]\n", "waivers (waivers.toml, line 1): unknown key waivers"),
        ("\n[waiver]\ncheck = 'WH-08'\n", "waivers (waivers.toml, line 2): unknown key waiver;"),
        ("waiver = 'WH-08'\n", "waivers (waivers.toml, line 1): unknown key waiver;"),
        ("waiver = [3]\n", "waiver 1 (waivers.toml, line 1): is no table"),
        ("expires = 2026-03-10\n", "waivers (waivers.toml, line 1): unknown key expires"),
    ],
)
def test_an_unknown_table_or_key_is_reported(written: str, said: str) -> None:
    """A table or key that is not `[[waiver]]` is a problem, since it was meant to be a waiver."""
    assert problem(waivers(written)).startswith(said)
    assert "[[waiver]]" in problem(waivers(written))


def test_an_array_written_inline_is_read() -> None:
    """An inline array of tables, TOML's other notation, is read as well."""
    inline = ", ".join(f"{key} = {value}" for key, value in GOOD.items())
    (waiver,) = waivers(f"\nwaiver = [{{ {inline} }}]\n").listed
    assert (waiver.line, waiver.fault, waiver.check) == (2, "", "WH-08")


def test_a_duplicate_waiver_is_reported() -> None:
    """The second waiver for the same check, case and environment is reported."""
    held = waivers(text(), text(case='"unsigned"'), text(environment='"staging"'), text(case='"*"'))
    assert [w.fault for w in held.listed] == ["", "", "", "says the same as waiver 1; remove one of them"]


@pytest.mark.parametrize("broken", ["[[waiver]\n", "a = \n", "a = 1\na = 2\n", "a = 2026-02-30\n"])
def test_invalid_toml_is_an_input_error(write: Callable[..., Path], broken: str) -> None:
    """For invalid TOML the error names the option, the file and the line, in one line."""
    path = write("w.toml", broken)
    with pytest.raises(InputError, match=r"^--waivers .*w\.toml, line \d: ") as raised:
        read_waivers(path, NAMES, required=True)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_an_input_error(write: Callable[..., Path], tmp_path: Path) -> None:
    """A folder, or a file that is not UTF-8, is an input error."""
    for path in (tmp_path, write("wide.toml", text().encode("utf-16"))):
        with pytest.raises(InputError, match=r"^waivers "):
            read_waivers(path, NAMES, required=False)


def test_only_a_required_file_must_exist(tmp_path: Path) -> None:
    """A missing file means no waivers, unless --waivers names it."""
    assert read_waivers(tmp_path / "none.toml", NAMES, required=False) == Waivers()
    with pytest.raises(InputError, match=r"--waivers .*none\.toml: No such file"):
        read_waivers(tmp_path / "none.toml", NAMES, required=True)


def test_a_byte_order_mark_does_no_harm(write: Callable[..., Path]) -> None:
    """A byte order mark, which Windows editors write, is skipped."""
    held = read_waivers(write("w.toml", b"\xef\xbb\xbf" + text().encode()), NAMES, required=True)
    assert [(w.check, w.fault) for w in held.listed] == [("WH-08", "")]
    assert held.source == "w.toml"


ANYTHING = st.recursive(
    st.sampled_from(
        ["1", "inf", '"a"', "'WH-08'", "true", "2026-03-10", "2026-03-10T00:00:00Z", "''", '"*"']
    ),
    lambda inner: st.lists(inner, max_size=2).map(lambda found: f"[{', '.join(found)}]"),
    max_leaves=3,
)


@QUICK
@given(
    st.lists(st.dictionaries(st.sampled_from([*GOOD, "case", "x", '"a`b\\n"']), ANYTHING), max_size=4),
    st.sampled_from(["[[waiver]]", "[[waivers]]", "[waiver]", "[[ 'waiver' ]]"]),
    DATES,
)
def test_any_toml_is_parsed_or_refused(tables: list[dict[str, str]], heading: str, today: date) -> None:
    """Any TOML text gives waivers, each valid or reported with its line, or raises InputError."""
    written = "\n".join(
        "\n".join([heading, *(f"{key} = {value}" for key, value in table.items())]) for table in tables
    )
    try:
        held = waivers(written)
    except InputError:
        assert heading == "[waiver]"
        assert len(tables) > 1  # defining [waiver] twice is invalid TOML
        return
    records = review(held, today=today, whole=False)
    assert all(r.problem or r.environment == "production" for r in records)
    assert all(1 <= w.line <= max(1, len(written.splitlines())) for w in held.listed)


@QUICK
@given(st.text() | st.text("[]{}=\"'.#\n\\uwaiver0123456789-:TZ"))
def test_any_text_is_read_or_refused(written: str) -> None:
    """No text raises anything but InputError, whose message is one line."""
    said = ""
    try:
        parse_waivers(written, NAMES)
    except InputError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize("written", ["a = " + "[" * 100_000, "a = " + "9" * 10_000])
def test_texts_beyond_the_parsers_limits_are_refused(written: str) -> None:
    """Arrays nested too deep and numbers too long are input errors."""
    with pytest.raises(InputError):
        parse_waivers(written, NAMES)


@QUICK
@given(
    DATES,
    st.times(),
    st.integers(-14 * 60, 14 * 60),
    st.integers(-200, 200),
)
def test_a_waiver_holds_to_the_end_of_its_day_in_utc(day: date, at: time, offset: int, days: int) -> None:
    """In any time zone, a waiver holds from 90 days before its last day in UTC until the end of that day."""
    now = datetime.combine(day, at, timezone(timedelta(minutes=offset)))
    today = now.astimezone(UTC).date()
    expires = today + timedelta(days=days)
    held = waivers(text(expires=expires.isoformat()))
    (waiver,) = held.listed
    assert waiver.days_left(today) == days
    holds = today <= expires <= today + timedelta(days=MOST_DAYS)
    assert bool(held.covering("production", "WH-08", "unsigned", today)) is holds
    assert (waiver.trouble(today) == "") is holds
    failed = result(outcome="waived" if holds else "failed", waivers=[1] if holds else [])
    (record,) = review(held, failed, today=today)
    assert (record.used, bool(record.problem), record.days_left) == (holds, not holds, days)


def test_the_bounds_of_a_waiver() -> None:
    """A waiver holds on its last day and 90 days before it, not one day later or earlier."""
    waiver = Waiver(1, 1, expires=TODAY)
    ends = {days: waiver.trouble(TODAY - timedelta(days=days)) for days in (-1, 0, MOST_DAYS, MOST_DAYS + 1)}
    assert ends[-1].startswith("expired on 2026-02-24")
    assert (ends[0], ends[MOST_DAYS]) == ("", "")
    assert ends[MOST_DAYS + 1].startswith("expires in 91 days, on 2026-02-24; 90 are the most")


def test_a_waiver_covers_its_check_environment_and_case() -> None:
    """A waiver covers only its check, environment and case; one that names a case takes precedence."""
    held = waivers(text(), text(case='"unsigned"'))

    def numbers(*asked: str) -> list[int]:
        return [waiver.number for waiver in held.covering(*asked, today=TODAY)]

    assert numbers("production", "WH-08", "unsigned") == [2, 1]
    assert numbers("production", "WH-08", "allowlist") == [1]
    assert numbers("production", "WH-08", "Unsigned") == [1]
    assert numbers("staging", "WH-08", "unsigned") == []
    assert numbers("production", "WH-07", "unsigned") == []


def test_a_used_waiver_has_no_problem() -> None:
    """A waiver that one of its cases needed counts as used, whatever the other cases did."""
    record = review(waivers(text()), result("a", "waived", of=2), result("b", of=2))[0]
    assert (record.used, record.problem, record.days_left) == (True, "", 14)
    assert (record.check, record.case, record.environment) == ("WH-08", "*", "production")
    assert (record.owner, record.reason, record.expires) == ("PTO", "HeyReach cannot sign", "2026-03-10")


@pytest.mark.parametrize("whole", [True, False])
def test_an_unused_waiver_has_a_problem(whole: bool) -> None:
    """If all cases that it covers passed or did not apply, a waiver must be removed."""
    results = [result("a", of=2), result("b", "not-run", of=2, applicable=False)]
    assert problem(waivers(text()), *results, whole=whole).endswith(
        "is unused, all that it covers passed; remove it"
    )


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result("a", of=2)],
        [result("", "missing-input")],
        [result("", "not-run", applicable=False)],
        [result("a", "not-run", unreachable="gone")],
        [result("a"), result("x", "not-run", check="AUTH-01", unreachable="gone")],
        [result("a", of=2), result("b", "error", of=2)],
        [result("a", of=2), result("b", "missing-input", of=2)],
    ],
    ids=[
        "not selected",
        "in part",
        "lacks an input",
        "not applicable",
        "unreachable",
        "judged without asking",
        "broke",
        "lacks one input",
    ],
)
def test_unused_is_reported_only_if_all_cases_were_judged(results: list[Result]) -> None:
    """If a check was left out, or not all of its cases were judged, its waiver is not called unused."""
    assert problem(waivers(text()), *results, whole=False) == ""


@pytest.mark.parametrize(
    ("days", "fact"), [(-1, "expired on 2026-02-23"), (92, "expires in 92 days, on 2026-05-27")]
)
def test_another_day_is_not_asked_for_in_vain(days: int, fact: str) -> None:
    """Where all that it covers passed, a waiver of a wrong day must go: a right day would not help."""
    held = waivers(text(expires=str(TODAY + timedelta(days=days)), case='"a"'))
    failed = result("b", "failed", of=2, waivers=[])
    assert problem(held, result("a", of=2, waivers=[]), failed).endswith(
        f": {fact}, and is unused, all that it covers passed; remove it"
    )
    assert problem(held, result("a", "failed", of=2, waivers=[]), failed).partition(fact)[2].startswith("; ")
    assert problem(held, result("b", of=2, waivers=[]), whole=False).partition(fact)[2].startswith("; ")


def test_a_waiver_of_an_unknown_check_is_reported_by_whole_runs() -> None:
    """A whole run reports a waiver of an unknown check; a part cannot know, and does not."""
    held = waivers(text(check='"WH-80"'))
    assert "is unused, there is no check WH-80" in problem(held, result())
    assert problem(held, result(), whole=False) == ""


def test_a_waiver_of_an_unknown_check_is_malformed() -> None:
    """A waiver for an unknown check, or one that may not be waived, is malformed, whatever was selected."""
    allowed = {("WH-08", "production"): True, ("AUTH-01", "production"): False}
    for check, said in {
        "WH-80": "is unused, there is no check WH-80; correct its id, or remove it",
        "AUTH-01": "AUTH-01 cannot be waived in production; mend what it found, and remove the waiver",
        "WH-08": "",
    }.items():
        (read,) = parse_waivers(
            text(check=f'"{check}"'), ["production"], may_be_waived=lambda *of: allowed.get(of)
        )
        assert read.fault == said
        (record,) = Waivers("w.toml", (read,)).review([], TODAY, {"production"}, whole=False)
        assert record.problem.endswith(said)
        assert bool(record.problem) == bool(said)


def test_a_waiver_of_an_unknown_case_is_reported() -> None:
    """A waiver of an unknown case is reported with the existing cases, if all of them ran."""
    held = waivers(text(case='"unsinged"'))
    here = result("unsigned", waivers=[], of=2)
    assert problem(held, here, result("allowlist", waivers=[], of=2), whole=False).endswith(
        "is unused, there is no case unsinged; correct its name, or remove it. Cases: allowlist, unsigned"
    )
    assert problem(held, here, whole=False) == ""


@pytest.mark.parametrize("outcome", ["passed", "failed", "not-run"])
def test_a_check_that_may_not_be_waived(outcome: str) -> None:
    """A waiver of a check that cannot be waived is reported, whatever the check's outcome."""
    said = problem(waivers(text()), result(outcome=outcome, waivable=False), whole=False)
    assert "WH-08 cannot be waived" in said


def test_other_environments_are_left_alone() -> None:
    """A waiver for an environment that is not checked is reported only if malformed, not if expired."""
    expired = text(environment='"staging"', expires="2020-01-01")
    assert review(waivers(expired)) == []
    (record,) = review(waivers(text(environment='"staging"', owner='""')))
    assert "in staging: owner is blank" in record.problem


def test_texts_of_a_waiver_are_redacted() -> None:
    """Every text of a waiver is redacted."""
    written = text(owner='"hunter2hunter2"', reason='"since hunter2hunter2"', case='"hunter2hunter2"')
    held = waivers(written, text(check='"hunter2hunter2"'), text(hunter2hunter2="1"))
    records = held.review(
        [result()], TODAY, {"production"}, whole=True, redact=lambda t: t.replace("hunter2", "*")
    )
    assert len(records) == 3
    assert "hunter2" not in repr(records)
