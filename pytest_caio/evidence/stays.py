"""Whether a deployment stayed good for long enough, by the runs of the ledger.

The rules are those of docs/evidence.md, "The stays": only whole runs count, and a NO-GO of any
run. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pytest_caio.evidence.ledger import Entry
from pytest_caio.verdict.judge import GO, NO_GO

__all__ = ["DAYS_NEEDED", "HOURS_NEEDED", "RULES", "Stay", "clean_days", "counted", "stable_hours"]

HOURS_NEEDED = 24
DAYS_NEEDED = 3
_LONGEST_GAP = timedelta(hours=36)  # a run each night, and half a day for one that starts late

# The runbook says how long the stays last; how they are counted from runs is decided here.
RULES = (
    "stable: the time that consecutive GO runs of one commit cover, with gaps under "
    f"{_LONGEST_GAP / timedelta(hours=1):.0f} hours; {HOURS_NEEDED} hours are needed, on staging before "
    "production",
    "clean day: a day (UTC) with at least one run, and only runs that were GO; "
    f"{DAYS_NEEDED} in a row are needed, in production, until today or yesterday",
    "only whole runs count, and a NO-GO of any run; GO with a waiver is GO",
)


@dataclass(frozen=True)
class Stay:
    """How long a deployment has been good without interruption; `since` is empty where it is not."""

    length: int
    needed: int
    since: str = ""

    @property
    def met(self) -> bool:
        """Whether it is long enough."""
        return self.length >= self.needed


def counted(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Return the runs that count for an environment, oldest first."""
    found = [one for one in entries if (own := one.environment(name)) and (one.whole or own.verdict == NO_GO)]
    return sorted(found, key=lambda one: one.started)


def stable_hours(entries: Sequence[Entry], name: str, now: datetime) -> Stay:
    """Return the whole hours for which every run was GO, from the first such run to the latest.

    They begin anew with another commit, after 36 hours without a run, and where the latest run is older.
    """
    first, after, commit = now, now, ""
    latest = None
    for one in reversed(counted(entries, name)):
        own = one.environment(name)
        started, finished = map(datetime.fromisoformat, (one.started, one.finished))
        if own is None or own.verdict != GO or after - finished > _LONGEST_GAP:
            break
        if commit and own.commit and own.commit != commit:
            break
        commit = commit or own.commit
        latest = latest or finished
        first = after = started
    if latest is None:
        return Stay(0, HOURS_NEEDED)
    return Stay(int((latest - first) / timedelta(hours=1)), HOURS_NEEDED, _minute(first))


def clean_days(entries: Sequence[Entry], name: str, now: datetime) -> Stay:
    """Return how many days in a row had a run, and only runs that were GO, until today or yesterday."""
    days: dict[date, bool] = {}
    for one in counted(entries, name):
        own = one.environment(name)
        day = datetime.fromisoformat(one.started).date()
        days[day] = days.get(day, True) and own is not None and own.verdict == GO
    day = now.date() if now.date() in days else now.date() - timedelta(days=1)
    length = 0
    while days.get(day - timedelta(days=length)):
        length += 1
    return Stay(length, DAYS_NEEDED, str(day - timedelta(days=length - 1)) if length else "")


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
