"""What changed since an earlier run: newly failing, fixed, failing since when, latency of readiness."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_caio.errors import InputError
from pytest_caio.evidence.ledger import Entry, EnvironmentEntry
from pytest_caio.system.paths import need_file
from pytest_caio.system.strictjson import NotJson, decode_json
from pytest_caio.text import beginning, printable
from pytest_caio.verdict.outcome import NOT_ASKED, Outcome, word_of
from pytest_caio.verdict.record import EnvironmentRecord, FailingSince, Record, SinceRecord

__all__ = ["changes", "entry_of", "lines", "read_against"]

_LATENCY, _SUPERVISION = "RDY-12", "OPS-09"
_CLEAN_DAYS = "Clean supervised days"
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_LONGEST_REASON = 240
# A waiver accepts a failure, which it does not end.
_FAILS = frozenset((Outcome.FAILED, Outcome.ERROR, Outcome.MISSING_INPUT, Outcome.WAIVED))


def entry_of(record: Record) -> Entry:
    """Return a run as the ledger keeps it."""
    run = record.run
    parts = [_environment(environment) for environment in record.environments]
    return Entry(run.id, run.started, run.finished, record.verdict, record.headline, not run.narrowed, parts)


def read_against(path: Path) -> Entry:
    """Return the run of a JSON evidence file. Raises InputError, naming --against, if it is none."""
    try:
        need_file(path)
        record = decode_json(path.read_bytes(), Record)
    except (OSError, ValueError, NotJson, msgspec.ValidationError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"--against {path}: is no JSON evidence of a run ({beginning(reason, _LONGEST_REASON)}); "
            f"name a file as reports/production-….json, or latest"
        ) from None
    return entry_of(record)


def changes(entry: Entry, earlier: Sequence[Entry], against: Entry | None = None) -> list[SinceRecord]:
    """Return what changed in each environment since `against`, or else since its latest whole run.

    `earlier` are the runs of the ledger before this one, oldest first. An environment without an earlier run
    has no part.
    """
    found = []
    for now in entry.environments:
        run = against or _latest(earlier, now.name)
        before = run.environment(now.name) if run else None
        if run is None or before is None:
            continue
        was, is_now = before.outcomes, now.outcomes
        held = [check for check, outcome in was.items() if outcome not in (*_FAILS, Outcome.NOT_RUN)]
        bad = [check for check, outcome in is_now.items() if outcome.bad]
        known = sorted([*earlier, *([against] if against else [])], key=lambda one: one.started)
        found.append(
            SinceRecord(
                environment=now.name,
                run=run.run,
                started=run.started,
                verdict=before.verdict,
                newly_failing=sorted(set(bad).intersection(held)),
                fixed=sorted(
                    check
                    for check, outcome in was.items()
                    if outcome in _FAILS and is_now.get(check) is Outcome.PASSED
                ),
                failing=[FailingSince(check, _since(check, now.name, entry, known)) for check in sorted(bad)],
                ready_p95_ms=now.ready_p95_ms,
                ready_p95_before_ms=before.ready_p95_ms,
            )
        )
    return found


def lines(since: Sequence[SinceRecord]) -> list[str]:
    """Return the changes as lines of text, in plain words."""
    shown = []
    for one in since:
        parts = [
            *([f"newly failing {', '.join(one.newly_failing)}"] if one.newly_failing else []),
            *([f"fixed {', '.join(one.fixed)}"] if one.fixed else []),
        ]
        if not parts:
            parts = ["of the checks that both runs asked, none fails newly and none is fixed"]
        if one.ready_p95_ms is not None and one.ready_p95_before_ms is not None:
            parts.append(f"readiness p95 {one.ready_p95_ms:.0f} ms, was {one.ready_p95_before_ms:.0f} ms")
        when = one.started[:16].replace("T", " ")
        shown.append(f"since {when} UTC, {one.environment} ({one.verdict}): {'; '.join(parts)}")
        old = [f for f in one.failing if f.check not in one.newly_failing]
        shown += [f"  {f.check} fails since {f.since[:16].replace('T', ' ')} UTC" for f in old]
    return [printable(line) for line in shown]


def _environment(environment: EnvironmentRecord) -> EnvironmentEntry:
    checks: dict[Outcome, list[str]] = {}
    for check in environment.checks:
        asked = any(word_of(case.outcome, case.advised_because) != NOT_ASKED for case in check.cases)
        checks.setdefault(check.outcome if asked else Outcome.NOT_RUN, []).append(check.id)
    return EnvironmentEntry(
        environment.name,
        environment.base_url,
        environment.verdict,
        environment.commit,
        {outcome: sorted(ids) for outcome, ids in checks.items()},
        _ready_p95(environment),
        _clean_days(environment),
    )


def _ready_p95(environment: EnvironmentRecord) -> float | None:
    """Return the 95th percentile (nearest rank) of the readiness samples, in ms; None without samples."""
    samples = {
        n for check in environment.checks if check.id == _LATENCY for c in check.cases for n in c.exchanges
    }
    times = sorted(one.timing_ms for one in environment.exchanges if one.n in samples and one.status)
    return times[math.ceil(0.95 * len(times)) - 1] if times else None


def _clean_days(environment: EnvironmentRecord) -> tuple[int, int] | None:
    """Return the clean supervised days that the deployment counts, and those required; None if not asked."""
    for check in environment.checks:
        for case in check.cases if check.id == _SUPERVISION else ():
            for table in case.tables:
                match table.rows if table.title == _CLEAN_DAYS else []:
                    case [[completed, required]] if all(map(_COUNT.fullmatch, (completed, required))):
                        return int(completed), int(required)
    return None


def _latest(earlier: Sequence[Entry], name: str) -> Entry | None:
    return next((one for one in reversed(earlier) if one.whole and one.environment(name)), None)


def _since(check: str, name: str, entry: Entry, earlier: Sequence[Entry]) -> str:
    """Return the start of the first run since which a check has failed in every run that asked it."""
    since = entry.started
    for one in reversed(earlier):
        environment = one.environment(name)
        outcome = environment.outcomes.get(check) if environment else None
        if outcome is None or outcome is Outcome.NOT_RUN:
            continue
        if outcome not in _FAILS:
            break
        since = min(since, one.started)
    return since
