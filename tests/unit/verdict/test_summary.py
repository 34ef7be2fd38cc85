"""What terminal and report both say of a run: what its verdict means, and what was not asked."""

from __future__ import annotations

import re
import shlex
from html import unescape
from typing import Any

from docs.checks_table import declared
from pytest_caio.evidence import page, terminal
from pytest_caio.verdict.causes import causes_of
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CauseCase,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    Record,
    RunRecord,
)
from pytest_caio.verdict.summary import not_asked, seen, what_to_do
from tests.support import records
from tests.support.places import CHECKOUT
from tests.support.plain_words import PLACES, unplain_line

TIME = "2026-02-24T03:17:00+00:00"


def of_two(*causes: tuple[str, str]) -> Record:
    """Return the record of staging and production with these causes: environment, and what is wrong."""
    parts = [
        EnvironmentRecord(name, "", "NO-GO", "NO-GO", "", "", [], [], []) for name in ("staging", "live")
    ]
    found = [CauseRecord(name, wrong, f"mend {wrong}", "you", ["AUTH-01"], []) for name, wrong in causes]
    run = RunRecord("1", TIME, TIME, {"version": "1"}, "acceptance", {})
    return Record("NO-GO", "NO-GO", [], run, parts, found)


def test_what_go_relies_on_is_said() -> None:
    """GO names how many waivers it relies on, and when the first ends; one that is not used is left out."""
    plain = records.record(records.check("AUTH-01", "passed"), verdict="GO")
    assert what_to_do(plain) == "The release may go ahead: no blocking check failed."
    waived: Any = records.record(*(records.check(f"AUTH-0{n}", "waived") for n in (1, 2, 3)), verdict="GO")
    waived.waivers[0].used = False
    waived.waivers[1].expires = "2026-04-01"
    assert what_to_do(waived).endswith("It relies on 2 waivers; the first ends on 2026-03-01.")
    del waived.waivers[2]
    assert what_to_do(waived).endswith("It relies on a waiver, which ends on 2026-04-01.")


def test_the_report_has_a_card_for_each_thing_to_put_right() -> None:
    """The sentence counts a cause that both environments share once, and the report shows it once."""
    both = of_two(("staging", "a"), ("live", "a"), ("live", "b"))
    html = page.head(both, 0, 0)
    assert what_to_do(both) == "Do not release. 2 things to put right: 1 in staging and live, 1 in live."
    assert what_to_do(both) in html
    assert re.findall(r'caio-action">(.*?)</p>', html) == ["1. mend a", "2. mend b"]
    assert "<strong>Who:</strong> you. <strong>Where:</strong> staging and live. <strong>Wrong:" in html
    assert "<code>python -m pytest acceptance --env staging --env live -k AUTH-01</code>" in html


def test_the_command_that_asks_again_repeats_the_options_of_the_run() -> None:
    """It asks the same deployment as the run may, each word quoted, and many checks with all others."""
    run = of_two(("staging", "a"))
    run.run.options = {
        "repeated": ["--env-file=my env's", "--revoked-tokens=@.env.revoked", "--allow-writes"]
    }
    run.causes[0].checks = [f"AUTH-{n:02}" for n in range(1, 11)]
    command = unescape(page.head(run, 0, 0)).partition("Ask again: <code>")[2].partition("</code>")[0]
    assert " '--revoked-tokens=@.env.revoked' " in command  # which PowerShell would cut at the dot
    words = ["python", "-m", "pytest", "acceptance", "--env", "staging", *run.run.options["repeated"]]
    assert shlex.split(command) == [*words, "-k", " or ".join(run.causes[0].checks)]
    run.causes[0].checks.append("AUTH-11")
    command = unescape(page.head(run, 0, 0)).partition("Ask again: <code>")[2].partition("</code>")[0]
    assert shlex.split(command) == words


def test_the_report_says_whether_all_was_asked() -> None:
    """The banner names the whole suite only for a run that nothing narrowed, in whatever way."""
    run = records.record(records.check("AUTH-01", "passed"))
    assert "; the whole suite; " in page.head(run, 0, 0)
    run.run.narrowed = ["only a part was asked (--deselect or --lf)"]
    assert "; not a complete run (selected: acceptance); " in page.head(run, 0, 0)


def test_what_was_seen_is_said_once() -> None:
    """Cases with the same facts share a line, and what had to hold is not repeated."""
    cases = [
        CauseCase("AUTH-01", "/a", "must be refused (401)", "was let in: 200"),
        CauseCase("AUTH-01", "/b", "must be refused (401)", "was let in: 200"),
        CauseCase("AUTH-02", "", "must be refused (401)", "answered 302"),
    ]
    assert seen(CauseRecord("live", "", "", "you", ["AUTH-01", "AUTH-02"], cases)) == [
        "AUTH-01 /a, /b: must be refused (401); seen: was let in: 200",
        "AUTH-02: seen: answered 302",
    ]


def test_what_was_not_asked_is_told_by_reason() -> None:
    """Each reason stands once with its checks, first the permission to write; advice is none of them."""
    whole, part, advice, left = (records.check(f"AUTH-0{n}", "advised") for n in (1, 2, 3, 4))
    for one in (whole, part):
        one.cases[0].advised_because = AdvisedBecause.NEEDS_WRITES
    part.cases += records.check("AUTH-02", "passed").cases
    advice.cases[0].advised_because = AdvisedBecause.CHECK_ADVISES
    left.outcome = left.cases[0].outcome = Outcome.NOT_RUN
    left.cases[0].observed = "there is no baseline"
    (environment,) = records.record(left, advice, whole, part).environments
    assert not_asked(environment) == [
        ("asking would change something; add --allow-writes to ask", ["AUTH-01", "AUTH-02 (in part)"]),
        ("there is no baseline", ["AUTH-04"]),
    ]


class Lines:
    """What the terminal is given to write, without colours."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write_line(self, line: str, **_: bool) -> None:
        """Keep a line."""
        self.written.append(line)

    def write_sep(self, _: str, title: str, **__: bool) -> None:
        """Keep a heading."""
        self.written.append(title)


def ended(outcome: Outcome, one: Any, fix: str) -> Record:
    """Return the record of a run of one check, whose only case ended so, with one of its fixes."""
    needs = ["DASHBOARD_AUTH_TOKEN"] if outcome is Outcome.MISSING_INPUT else []
    why = AdvisedBecause.CHECK_ADVISES if outcome is Outcome.ADVISED else None
    facts = ("must be refused (401)", "was let in: 200, empty body", 1.0, [])
    case = CaseRecord("a", "", outcome, *facts, advised_because=why, fix=fix, missing=needs)
    found = CheckRecord(one.id, one.gate, one.title, one.blocking, outcome, fix, None, [case])
    verdict = "NO-GO" if outcome.bad else "GO"
    part = EnvironmentRecord("live", "https://x.example", verdict, verdict, "", "", [], [found], [])
    run = RunRecord("1", TIME, TIME, {"version": "1"}, "acceptance", {})
    return Record(verdict, verdict, [], run, [part], causes_of([part]))


def test_every_outcome_of_every_check_is_told_in_plain_words() -> None:
    """Whatever a check's outcome and fix, no line has source or a library's text, and each action a place."""
    wrong, without, rendered = [], [], 0
    for one in declared(CHECKOUT / "acceptance"):
        for outcome in Outcome:
            for fix in one.fixes.values():
                record, lines = ended(outcome, one, fix), Lines()
                terminal.write(record, [], lines)
                wrong += [line for line in lines.written if unplain_line(line)]
                without += [cause.action for cause in record.causes if not PLACES.search(cause.action)]
                rendered += 1
    assert wrong == []
    assert without == []
    assert rendered > 96 * len(Outcome)
