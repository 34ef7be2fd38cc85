"""The end of the terminal output: what to do first, counts that add up, and no source code."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.evidence import terminal
from pytest_caio.verdict.causes import causes_of
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CheckRecord,
    EnvironmentRecord,
    Record,
    RunRecord,
    WaiverRecord,
)
from tests.support.in_process import options_of

# Source code, Python values, pytest's words and libraries' quotes, which no reader should have to know.
FORBIDDEN = re.compile(
    r" == |!=|\bis (True|False|None)\b|\bnot [a-z]+\.[a-z]|\['|\[\]|Traceback|XFailed|xfailed|deselected|"
    r"`[A-Za-z]*(Error|object|null)"
)
WORDS = {
    "GO": "The release may go ahead",
    "NO-GO": "Do not release.",
    "INCOMPLETE": "This is no release decision.",
}
REASONS = ("", *AdvisedBecause)


class Lines:
    """What is written, without colours."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write_line(self, line: str, **_: bool) -> None:
        """Keep a line."""
        self.written.append(line)

    def write_sep(self, sign: str, title: str, **_: bool) -> None:
        """Keep a heading."""
        self.written.append(f"{sign} {title} {sign}")


def check(
    number: int, outcome: Outcome, because: str = "", *, blocking: bool = True, **more: Any
) -> CheckRecord:
    """Return a check with two cases of this outcome."""
    cases = [
        CaseRecord(
            f"{number}-{n}",
            f"case {n}",
            outcome,
            "must be refused (401)",
            "was let in (200)",
            1.0,
            [],
            advised_because=AdvisedBecause(because) if because else None,
            fix="In Railway, set ENVIRONMENT=production, then redeploy.",
            missing=["hive_dir of [production.state]"] if outcome is Outcome.MISSING_INPUT else [],
            **more,
        )
        for n in range(2)
    ]
    fix = cases[0].fix
    return CheckRecord(
        f"RDY-{number:02}", "readiness", "A caller is refused", blocking, outcome, fix, None, cases
    )


def record(*environments: list[CheckRecord], verdict: str = "NO-GO", **more: Any) -> Record:
    """Return the record of a run of these checks, one list for each environment."""
    names = ("staging", "production") if len(environments) > 1 else ("production",)
    parts = [
        EnvironmentRecord(name, f"https://{name}.example", verdict, verdict, "", "", [], checks, [])
        for name, checks in zip(names, environments, strict=True)
    ]
    run = RunRecord("1", "", "", {}, "", {})
    return Record(verdict, verdict, [], run, parts, causes_of(parts), **more)


def rendered(one: Record, *paths: Path) -> list[str]:
    """Return the lines that the terminal shows of a record."""
    lines = Lines()
    terminal.write(one, paths, lines)
    return lines.written


@pytest.mark.parametrize("verdict", WORDS)
def test_the_verdict_is_first_and_last_with_what_it_means(verdict: str) -> None:
    """The verdict stands in the heading and in the last line, and the second line says what it means."""
    lines = rendered(record([check(1, Outcome.PASSED)], verdict=verdict), Path("a.html"))
    assert f"CAIO acceptance: {verdict}" in lines[0]
    assert WORDS[verdict] in lines[1]
    assert lines[-2:] == [f"evidence: {Path('a.html')}", verdict]


@pytest.mark.parametrize(
    ("outcome", "because", "blocking"), [*itertools.product(Outcome, REASONS, (True, False))]
)
def test_every_outcome_is_in_plain_words(outcome: Outcome, because: str, blocking: bool) -> None:
    """Whatever the outcome, no line has source code or jargon, none stands twice, and the counts add up."""
    because = because if outcome is Outcome.ADVISED else ""
    checks = [check(1, outcome, because, blocking=blocking), check(2, Outcome.PASSED)]
    lines = rendered(record(checks))
    assert [line for line in lines if FORBIDDEN.search(line)] == []
    body = lines[1:-1]
    assert len(set(body)) == len(body)
    (counts,) = [line for line in lines if "https://production.example" in line]
    passed, of, *others = map(int, re.findall(r"\b\d+\b", counts))
    assert of == 2 == passed + sum(others)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.MISSING_INPUT, Outcome.ERROR])
def test_one_cause_is_told_in_twelve_lines(outcome: Outcome) -> None:
    """Beside the verdict lines a run with one cause has twelve lines at most, the action first."""
    checks = [check(n, outcome, cause="the token is refused") for n in range(1, 9)]
    one = record([*checks, check(9, Outcome.ADVISED, AdvisedBecause.NEEDS_WRITES)])
    lines = rendered(one, Path("a.html"), Path("a.json"))
    (cause,) = one.causes
    assert lines[1:4] == ["Do not release. 1 thing to put right.", cause.action, f"   {cause.sentence}"]
    assert lines[4] == f"   checks {', '.join(cause.checks)}"
    assert sum("seen: was let in (200)" in line for line in lines) == 3
    assert len(lines[1:-1]) <= 12


def test_two_environments_share_a_cause() -> None:
    """What both environments have to put right is told once, and the sentence counts it once."""
    both = check(1, Outcome.FAILED)
    lines = rendered(record([both], [both, check(2, Outcome.FAILED)]))
    assert lines[1] == (
        "Do not release. 2 things to put right: 1 in staging and production, 1 in production."
    )
    assert lines[2].startswith("1. In Railway")
    assert sum(line.endswith("(in staging and production)") for line in lines) == 1


def test_what_the_developer_does_is_said() -> None:
    """An action that the developer carries out says so, once."""
    alone = check(1, Outcome.FAILED, by="developer")
    assert rendered(record([alone]))[2].startswith("For the developer: In Railway")


def test_advice_counts_the_cases_that_were_asked() -> None:
    """Cases that were not asked are not counted among those that advise."""
    advised = check(1, Outcome.ADVISED, AdvisedBecause.CHECK_ADVISES, blocking=False)
    advised.cases += check(1, Outcome.ADVISED, AdvisedBecause.NEEDS_WRITES).cases
    (line,) = [line for line in rendered(record([advised], verdict="GO")) if "Does not block" in line]
    assert line.endswith("was let in (200) (and 1 more)")


def test_what_was_not_asked_is_one_line() -> None:
    """Checks that would change something are named together, also those that were asked in part."""
    part = check(2, Outcome.ADVISED, AdvisedBecause.NEEDS_WRITES)
    part.cases[0].outcome, part.cases[0].advised_because = Outcome.PASSED, None
    whole = check(1, Outcome.ADVISED, AdvisedBecause.NEEDS_WRITES)
    lines = rendered(record([whole, part, check(3, Outcome.PASSED)], verdict="GO"))
    assert "production at https://production.example: 1 of 3 passed; 2 were not asked" in lines
    (line,) = [line for line in lines if "Not asked" in line]
    assert "RDY-01, RDY-02 (in part): asking would change something; add --allow-writes" in line


def test_the_files_of_a_profile_with_a_dot_share_a_line(tmp_path: Path) -> None:
    """Where a profile's name has a dot, its evidence files still differ only in their endings."""
    profiles = tmp_path / "environments.toml"
    profiles.write_text('["my.env"]\nbase_url = "https://x.example"\n', "utf-8")
    options = options_of(tmp_path, caio_env=["my.env"], caio_profiles=str(profiles))
    assert re.fullmatch(r"my_env-\d{8}T\d{6}Z", options.stem)
    html, *others = (tmp_path / f"{options.stem}{ending}" for ending in (".html", ".json", ".ctrf.json"))
    lines = rendered(record([check(1, Outcome.PASSED)], verdict="GO"), html, *others)
    assert f"evidence: {html} (also .json, .ctrf.json)" in lines


def test_waivers_are_in_plain_words() -> None:
    """A waiver says whether it is in use, for which cases, until when, by whom and why."""
    waiver = WaiverRecord(1, 1, "WH-08", "*", "production", "PTO", "no signature", "2026-03-10", 3, False, "")
    lines = rendered(record([check(1, Outcome.PASSED)], verdict="GO", waivers=[waiver]))
    until = "until 2026-03-10 (days left: 3)"
    assert (
        f"waiver 1: WH-08, all cases, in production {until}, not needed this time; PTO: no signature" in lines
    )
