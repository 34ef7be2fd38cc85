"""The plots of the report: when each request was under way, and the scores of the golden set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pytest_caio.verdict.record import CheckRecord, EnvironmentRecord, Table

__all__ = ["SCORES", "all_tables", "scores", "waterfall"]

# The columns of a table that is also plotted: the scores of the golden set.
SCORES = ["case", "mean", "needed", "outcome"]
_SLOWEST = 5
_WIDTH, _TALLEST = 1000, 900  # of a waterfall, in its own units
_BARS = 920  # width of the scores, in the same units: the rest is for the words beside the threshold


def waterfall(environment: EnvironmentRecord) -> dict[str, Any]:
    """Return the waterfall of an environment: its requests from start to end on an axis of milliseconds."""
    exchanges = sorted(environment.exchanges, key=lambda one: one.started)
    starts = [datetime.fromisoformat(one.started).timestamp() * 1000 for one in exchanges]
    whole = max(s - starts[0] + one.timing_ms for s, one in zip(starts, exchanges, strict=True)) or 1.0
    ordered = sorted(one.timing_ms for one in exchanges)
    median, p95 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95))
    # As many lines as fit: of more requests, each that is slow or was retried, and some of the others.
    every = -(-len(exchanges) // _TALLEST)
    drawn = [
        (start, one)
        for n, (start, one) in enumerate(zip(starts, exchanges, strict=True))
        if n % every == 0 or one.attempts[1:]
    ]
    step = max(1, min(6, 300 // len(drawn)))
    paths: dict[str, list[str]] = {"plain": [], "slow": [], "again": []}
    for n, (start, one) in enumerate(drawn):
        kind = "again" if one.attempts[1:] else "slow" if one.timing_ms > p95 else "plain"
        x = (start - starts[0]) / whole * (_WIDTH - 40)
        width = max(1.0, one.timing_ms / whole * (_WIDTH - 40))
        paths[kind].append(f"M{x:.0f} {n * step}h{width:.0f}v{step}h-{width:.0f}z")
    retried = sum(bool(one.attempts[1:]) for one in exchanges)
    slowest = sorted(exchanges, key=lambda one: -one.timing_ms)[:_SLOWEST]
    unit = 10.0 ** len(str(int(whole))) / 10
    gap = next(g for g in (unit / 5, unit / 2, unit, unit * 2) if whole / g <= 6)
    return {
        "name": environment.name,
        "sentence": (
            f"{len(exchanges)} requests in {whole / 1000:.1f} s: half were answered within {median:.0f} ms, "
            f"95 % within {p95:.0f} ms, the slowest in {ordered[-1]:.0f} ms; "
            f"{retried or 'none'} {'was' if retried == 1 else 'were'} retried."
        ),
        "height": len(drawn) * step,
        "ticks": [
            (f"{n * gap / whole * (_WIDTH - 40):.0f}", f"{n * gap:.0f} ms")
            for n in range(int(whole / gap) + 1)
        ],
        "paths": [(kind, "".join(path)) for kind, path in paths.items()],
        "slowest": Table(
            "The slowest",
            ["request", "status", "ms", "tries"],
            [
                [
                    f"{one.method} {one.url}",
                    str(one.status or one.error),
                    f"{one.timing_ms:.0f}",
                    str(len(one.attempts)),
                ]
                for one in slowest
            ],
        ),
    }


def all_tables(
    environments: Sequence[EnvironmentRecord],
) -> Iterator[tuple[EnvironmentRecord, CheckRecord, Table]]:
    """Yield each table that a check showed, with the check and its environment."""
    for one in environments:
        for check in one.checks:
            for case in check.cases:
                yield from ((one, check, table) for table in case.tables)


def scores(environments: Sequence[EnvironmentRecord]) -> Iterator[dict[str, Any]]:
    """Yield a plot of each table of scores: a bar a case, and the line that the mean must reach."""
    for one, _, table in all_tables(environments):
        if table.columns != SCORES:
            continue
        means = [(float(mean), float(needed)) for _, mean, needed, _ in table.rows]
        width = _BARS / max(1, len(means))
        bars: dict[bool, list[str]] = {True: [], False: []}
        for n, (row, (mean, _)) in enumerate(zip(table.rows, means, strict=True)):
            # From 0 to 5, 20 units each.
            bar = f"M{n * width:.1f} 110h{width * 0.7:.1f}v{-20 * mean:.0f}h{-width * 0.7:.1f}z"
            bars[row[-1] == "passed"].append(bar)
        needed = max((least for _, least in means), default=0.0)
        passed = len(bars[True])
        lowest = min(table.rows, key=lambda row: float(row[1]), default=["none", "0"])
        yield {
            "name": one.name,
            "sentence": (
                f"{passed} of {len(means)} questions passed; a mean of {needed:g} of 5 is needed, "
                f"and the lowest is {lowest[1]} ({lowest[0]})."
            ),
            "met": "".join(bars[True]),
            "missed": "".join(bars[False]),
            "line": 110 - 20 * needed,
            "needed": f"{needed:g}",
            "width": _BARS,
            "table": table,
        }
