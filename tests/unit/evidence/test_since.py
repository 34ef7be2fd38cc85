"""What changed since an earlier run, and whether the stays are met."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_caio.commands import cli
from pytest_caio.errors import InputError
from pytest_caio.evidence import jsonfile
from pytest_caio.evidence.ledger import Entry, EnvironmentEntry, append
from pytest_caio.evidence.since import changes, entry_of, lines, read_against
from pytest_caio.evidence.stays import RULES, clean_days, stable_hours
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import ExchangeRecord, Table
from tests.support.places import CHECKOUT
from tests.support.records import check, record

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)


def ran(
    hours_ago: float,
    verdict: str = "GO",
    *,
    whole: bool = True,
    commit: str = "c0ffee",
    p95: float | None = None,
    **checks: str,
) -> Entry:
    """Return a run of production that lasted a minute; `checks` are outcomes by id, with `_` for `-`."""
    started = NOW - timedelta(hours=hours_ago)
    outcomes: dict[Outcome, list[str]] = {}
    for name, outcome in checks.items():
        outcomes.setdefault(Outcome(outcome), []).append(name.replace("_", "-"))
    own = EnvironmentEntry("production", "https://x.example", verdict, commit, outcomes, p95)
    ended = started + timedelta(minutes=1)
    return Entry(f"{hours_ago}", started.isoformat(), ended.isoformat(), verdict, verdict, whole, [own])


def test_changes_since_the_latest_whole_run() -> None:
    """Newly failing, fixed, failing since when, and latency are told against the latest whole run."""
    earlier = [
        ran(72, AUTH_01="failed", AUTH_02="failed"),
        ran(48, AUTH_01="passed", AUTH_02="failed"),
        ran(24, "NO-GO", p95=95.0, AUTH_01="passed", AUTH_02="missing-input", AUTH_03="failed"),
        ran(1, "NO-GO", whole=False, AUTH_02="failed"),
    ]
    now = ran(0, "NO-GO", p95=120.4, AUTH_01="failed", AUTH_02="failed", AUTH_03="passed", AUTH_04="failed")
    (one,) = changes(now, earlier)
    assert (one.run, one.verdict) == ("24", "NO-GO")
    assert (one.newly_failing, one.fixed) == (["AUTH-01"], ["AUTH-03"])
    since = {failing.check: failing.since for failing in one.failing}
    assert since["AUTH-02"] == earlier[0].started
    assert since["AUTH-01"] == since["AUTH-04"] == now.started
    assert lines([one]) == [
        "since 2026-02-23 12:00 UTC, production (NO-GO): newly failing AUTH-01; fixed AUTH-03; "
        "readiness p95 120 ms, was 95 ms",
        "  AUTH-02 fails since 2026-02-21 12:00 UTC",
        "  AUTH-04 fails since 2026-02-24 12:00 UTC",
    ]


def test_what_was_not_asked_is_not_told() -> None:
    """A check that one of the runs did not ask is neither fixed nor newly failing."""
    (one,) = changes(ran(0, AUTH_02="failed"), [ran(1, AUTH_01="failed", AUTH_03="passed")])
    assert (one.newly_failing, one.fixed) == ([], [])
    assert changes(ran(0), []) == changes(ran(0), [ran(1, whole=False)]) == []


def test_a_run_that_does_not_ask_a_check_keeps_since_when_it_fails() -> None:
    """A failed check that is then not asked is not fixed, nor newly failing when it is asked again."""
    asked, unasked = ran(2, OPS_02="failed"), ran(1, OPS_02="not-run")
    assert changes(unasked, [asked])[0].fixed == []
    (one,) = changes(ran(0, OPS_02="failed"), [asked, unasked])
    assert (one.newly_failing, one.failing[0].since) == ([], asked.started)


def test_a_waived_check_still_fails() -> None:
    """A failed check that is then waived is not fixed, and fails since then when its waiver ends."""
    failed, waived = ran(2, WH_08="failed"), ran(1, WH_08="waived")
    assert changes(waived, [failed])[0].fixed == []
    (one,) = changes(ran(0, WH_08="failed"), [failed, waived])
    assert (one.newly_failing, one.failing[0].since) == ([], failed.started)
    assert changes(ran(0, WH_08="passed"), [waived])[0].fixed == ["WH-08"]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({"RDY_01": "passed"}, {"RDY_01": "passed", "AUTH_10": "failed"}),
        ({"AUTH_10": "failed"}, {"RDY_01": "passed"}),
        ({"AUTH_10": "failed"}, {"AUTH_10": "failed"}),
    ],
)
def test_no_change_is_told_of_what_both_runs_asked(now: dict[str, str], then: dict[str, str]) -> None:
    """Where nothing fails newly or is fixed, the line says no more than that of what both runs asked."""
    line = lines(changes(ran(0, **now), [ran(1, **then)]))[0]
    assert line.endswith("(GO): of the checks that both runs asked, none fails newly and none is fixed")


def test_against_a_file(tmp_path: Path) -> None:
    """--against takes a JSON evidence file, which says whether its run was whole, and refuses any other."""
    path = tmp_path / "run.json"
    assert jsonfile.write(record(check("AUTH-01", "failed")), path) == ""
    now = entry_of(record(check("AUTH-01", "failed"), started="2026-02-25T03:17:00+00:00"))
    (one,) = changes(now, [], read_against(path))
    assert [(failing.check, failing.since) for failing in one.failing] == [
        ("AUTH-01", "2026-02-24T03:17:00+00:00")
    ]
    for content in (b"", b"{}", b"[1", b'{"verdict": 3}'):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"--against .*: is no JSON evidence of a run"):
            read_against(path)
    narrowed = record(check("AUTH-01", "failed"))
    assert entry_of(narrowed).whole
    narrowed.run.narrowed = ["only a part was asked (-k AUTH-01)"]
    assert jsonfile.write(narrowed, path) == ""
    assert not read_against(path).whole
    with pytest.raises(InputError, match="No such file"):
        read_against(tmp_path / "none.json")


def test_the_entry_of_a_run() -> None:
    """An entry has what became of each check, the 95th percentile of readiness, and the clean days."""
    made = record(check("AUTH-01", "failed"), check("RDY-12", "passed"), check("OPS-09", "advised"))
    _, latency, supervision = made.environments[0].checks
    latency.cases[0].exchanges = list(range(1, 21))
    made.environments[0].exchanges = [
        ExchangeRecord(n, "GET", "", 200, [], [], "", "", [], "", float(n * 10)) for n in range(1, 21)
    ]
    supervision.cases[0].tables = [Table("Clean supervised days", ["completed", "required"], [["2", "3"]])]
    unsent, in_part = check("OPS-02", "advised"), check("OPS-10", "advised")
    for one in (unsent, in_part):
        one.cases[0].advised_because = AdvisedBecause.NEEDS_WRITES
    in_part.cases += check("OPS-10", "passed").cases
    made.environments[0].checks += [unsent, in_part]
    (own,) = entry_of(made).environments
    assert own.outcomes == {
        "AUTH-01": "failed",
        "RDY-12": "passed",
        "OPS-09": "advised",
        "OPS-02": "not-run",
        "OPS-10": "advised",
    }
    assert (own.ready_p95_ms, own.clean_days) == (190.0, (2, 3))


@pytest.mark.parametrize(
    "rows", [[], [[]], [["1"]], [["1" * 5000, "3"]], [["²", "3"]], [["1", "3"], ["1", "3"]]]
)
def test_another_table_counts_no_days(rows: list[list[str]]) -> None:
    """A table that is not the one row of two counts, as in a file that was edited, says nothing of days."""
    made = record(check("OPS-09", "passed"))
    made.environments[0].checks[0].cases[0].tables = [Table("Clean supervised days", [], rows)]
    assert entry_of(made).environments[0].clean_days is None


@pytest.mark.parametrize(
    ("runs", "hours"),
    [
        ([], 0),
        ([ran(24), ran(0.1)], 23),
        ([ran(25), ran(1)], 24),
        ([ran(49), ran(25), ran(1)], 48),
        ([ran(49), ran(25, "NO-GO"), ran(1)], 0),
        ([ran(25), ran(13, "NO-GO", whole=False), ran(1)], 0),
        ([ran(25), ran(13, "INCOMPLETE", whole=False), ran(1)], 24),
        ([ran(25, commit="older"), ran(1)], 0),
        ([ran(25, commit=""), ran(1)], 24),
        ([ran(60), ran(1)], 0),
        ([ran(70), ran(40)], 0),
    ],
)
def test_stable_hours(runs: list[Entry], hours: int) -> None:
    """Hours count from the first of an unbroken row of runs that were GO, of one commit, without a gap."""
    stay = stable_hours(runs, "production", NOW)
    assert (stay.length, stay.met) == (hours, hours >= 24)


@pytest.mark.parametrize(
    ("runs", "days"),
    [
        ([], 0),
        ([ran(48), ran(24), ran(0)], 3),
        ([ran(72), ran(48), ran(24)], 3),
        ([ran(72), ran(48)], 0),
        ([ran(72), ran(24), ran(0)], 2),
        ([ran(48), ran(25, "NO-GO"), ran(24), ran(0)], 1),
        ([ran(24), ran(1, "NO-GO"), ran(0)], 0),
        ([ran(24), ran(1, "INCOMPLETE", whole=False)], 1),
    ],
)
def test_clean_days(runs: list[Entry], days: int) -> None:
    """A day is clean if it had a run and every run was GO; days count in a row until today or yesterday."""
    stay = clean_days(runs, "production", NOW)
    assert (stay.length, stay.met) == (days, days >= 3)


def test_history_shows_the_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`history` prints each run with its latency as a bar, the stays, and what changed last."""
    path = tmp_path / "ledger.jsonl"
    for one in (ran(24, p95=50.0, AUTH_01="failed"), ran(0, p95=100.0, AUTH_01="passed")):
        assert append(path, one) == ""
    assert cli.main(["history", "--ledger", str(path), "--env", "production"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("ledger.jsonl: 2 runs")
    assert shown[4] == f"  2026-02-23 12:00  GO          whole             50 ms  {'█' * 15}"
    assert shown[5].endswith("█" * 30)
    assert "  0 hours stable without interruption; 24 needed: not met" in shown
    assert "  0 clean days in a row; 3 needed: not met" in shown
    assert shown[-6].endswith("production (GO): fixed AUTH-01; readiness p95 100 ms, was 50 ms")
    assert shown[-3:] == [f"  {rule}" for rule in RULES]


def test_one_clean_day_is_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`history` says since when a stay lasts, and of one day that it is one."""
    today = datetime.now(UTC)
    assert append(tmp_path / "ledger.jsonl", ran((NOW - today) / timedelta(hours=1))) == ""
    assert cli.main(["history", "--ledger", str(tmp_path / "ledger.jsonl")]) == 0
    assert (
        f"  1 clean day in a row, since {today:%Y-%m-%d} UTC; 3 needed: not met\n" in capsys.readouterr().out
    )


def test_the_rules_of_the_stays_are_documented() -> None:
    """docs/evidence.md has the rules in the words that `history` prints."""
    documented = " ".join((CHECKOUT / "docs" / "evidence.md").read_text("utf-8").split())
    assert [rule for rule in RULES if f"- {rule}" not in documented] == []


def test_history_tells_a_changed_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`history` shows what can be read of a changed ledger, says so in one line, and ends with 1."""
    path = tmp_path / "ledger.jsonl"
    assert append(path, ran(24)) == append(path, ran(0)) == ""
    path.write_bytes(path.read_bytes().replace(b"GO", b"NO", 1))
    assert cli.main(["history", f"--ledger={path}"]) == 1
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert "ledger.jsonl, line 1: was changed after it was written" in shown.err
    assert "2026-02-24 12:00" in shown.out


@pytest.mark.parametrize(
    "words", [["--ledger={}/none.jsonl"], ["--ledger={}"], ["--env=other"], ["--env="], ["--against={}/no"]]
)
def test_history_refuses_what_it_cannot_use(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger without a run, an unknown environment and a missing file end with 2 and one line."""
    path = tmp_path / "ledger.jsonl"
    assert append(path, ran(0)) == ""
    given = [f"--ledger={path}", *(word.format(tmp_path) for word in words)]
    with pytest.raises(SystemExit) as ended:
        cli.main(["history", *given])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
