"""What the report shows of a record: sentences, counts, commands and plots, computed for the templates."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined

from pytest_caio.checks.check import GATES
from pytest_caio.evidence import since
from pytest_caio.evidence.curl import curl, curl_in_powershell, to_fill_in
from pytest_caio.text import printable
from pytest_caio.verdict.causes import once
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import (
    GATE_COUNTERS,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    ExchangeRecord,
    Record,
    Table,
)
from pytest_caio.verdict.summary import not_asked, seen, what_to_do

__all__ = ["FOLDER", "SCORES", "head", "prepare", "render"]

FOLDER = Path(__file__).with_name("templates")
_SIGNS = {
    "passed": "✓",
    "failed": "✗",
    "missing input": "✗",
    "waived": "△",
    "advised": "△",
    "not asked": "-",
}
_MOST_EXCHANGES = 24  # in all: with every check red, the page would otherwise be as long as the JSON
_MOST_REASONS = 40
_SLOWEST = 5
# The columns of a table that is also plotted: the scores of the golden set.
SCORES = ["case", "mean", "needed", "outcome"]
_WIDTH, _TALLEST = 1000, 900  # of a waterfall, in its own units


@functools.cache
def _templates() -> Templates:
    # Whatever a template prints is escaped, and made printable first.
    return Templates(
        loader=FileSystemLoader(FOLDER, "utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: (
            printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
        ),
        trim_blocks=True,
    )


def prepare() -> None:
    """Compile the templates, which takes longer than to fill them."""
    for name in _templates().list_templates(extensions=["html"]):
        _templates().get_template(name)


def render(template: str, **values: Any) -> str:
    """Return a template of the report, rendered; every value is escaped and made printable."""
    return _templates().get_template(template).render(values)


def head(record: Record, rows: int, left_out: int) -> str:
    """Return the part of the page above pytest-html's table, which has `rows` less `left_out` rows."""
    environments = record.environments
    checks = [check for one in environments for check in one.checks]
    run = record.run
    return render(
        "head.html",
        record=record,
        several=len(environments) > 1,
        sentence=what_to_do(record),
        started=run.started.replace("T", " ").replace("+00:00", " UTC"),
        seconds=_seconds(run.started, run.finished),
        part=_part(record),
        sent="requests that write were sent too (--allow-writes)"
        if run.options.get("allow_writes")
        else "only requests that change nothing were sent",
        causes=list(_causes(record)),
        since=[since.lines([one]) for one in record.since],
        gates=_gates(environments),
        not_asked=list(_not_asked(environments)),
        advice=list(_advice(environments)),
        outcomes=[str(outcome) for outcome in Outcome],
        checks=len(checks),
        cases=sum(len(check.cases) for check in checks),
        counted=_counted,
        times=[_times(one) for one in environments if one.exchanges],
        golden=list(_golden(environments)),
        tables=list(_tables(environments)),
        rows=rows,
        left_out=left_out,
    )


def _seconds(started: str, finished: str) -> int:
    return int((datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds())


def _part(record: Record) -> str:
    selection = record.run.selection
    gates = {gate.name for one in record.environments for gate in one.gates}
    narrow = any(part in selection.split() for part in ("-k", "-m")) or ".py" in selection
    return f"only a part was asked: {selection}" if narrow or gates != set(GATES) else "the whole suite"


@dataclass(frozen=True)
class _Shown:
    """An exchange of a cause, and the command that repeats it, for a POSIX shell and for PowerShell."""

    check: str
    exchange: ExchangeRecord
    curl: str
    powershell: str
    names: list[str]


def _causes(record: Record) -> Iterator[dict[str, Any]]:
    """Yield each cause once, with its environments, exchanges and the command that asks again."""
    environments = {one.name: one for one in record.environments}
    room = _MOST_EXCHANGES
    for cause, names in once(record.causes):
        environment = environments.get(cause.environment)
        found = list(_exchanges(environment, cause))[: min(2, room)] if environment else []
        room -= len(found)
        checks = {check.id: check for check in environment.checks} if environment else {}
        known = next((checks[i] for i in cause.checks if i in checks), None)
        yield {
            **{name: getattr(cause, name) for name in cause.__struct_fields__},
            "environments": names,
            "seen": seen(cause),
            "exchanges": found,
            "gate": known.gate if known else "",
            "again": " ".join(
                ["pytest acceptance", *(f"--env {name}" for name in names), f"-k {_choice(cause.checks)}"]
            ),
        }


def _choice(checks: Sequence[str]) -> str:
    return checks[0] if len(checks) == 1 else f'"{" or ".join(checks)}"'


def _exchanges(environment: EnvironmentRecord, cause: CauseRecord) -> Iterator[_Shown]:
    numbered = {one.n: one for one in environment.exchanges}
    cases = {(check.id, case.name): case for check in environment.checks for case in check.cases}
    for shown in cause.cases:
        case = cases.get((shown.check, shown.name))
        for number in case.exchanges[-1:] if case else ():
            exchange = numbered[number]
            command = curl(exchange)
            yield _Shown(shown.check, exchange, command, curl_in_powershell(exchange), to_fill_in(exchange))


def _gates(environments: Sequence[EnvironmentRecord]) -> list[tuple[str, list[dict[str, str]]]]:
    names = dict.fromkeys(gate.name for one in environments for gate in one.gates)
    return [(name, [_gate(one, name) for one in environments]) for name in names]


def _gate(environment: EnvironmentRecord, name: str) -> dict[str, str]:
    """Return how many checks of a gate passed, and what became of each other one, with its style."""
    words = Counter(_word(check) for check in environment.checks if check.gate == name)
    counts = {word: words[word] for word in _SIGNS if words[word]}
    bad = any(gate.bad for gate in environment.gates if gate.name == name)
    style = "caio-bad" if bad else "caio-good" if list(counts) == ["passed"] else "caio-warn"
    shown = ", ".join(f"{_SIGNS[word]} {n} {word}" for word, n in counts.items())
    return {"style": style, "words": shown or "- not asked"}


def _word(check: CheckRecord) -> str:
    if check.needs_writes or check.outcome is Outcome.NOT_RUN:
        return "not asked"
    return next(word for _, word, outcomes in GATE_COUNTERS if check.outcome in outcomes)


def _not_asked(environments: Sequence[EnvironmentRecord]) -> Iterator[tuple[str, list[str], str]]:
    for one in environments:
        yield from ((one.name, ids, why) for why, ids in not_asked(one)[:_MOST_REASONS])


def _advice(environments: Sequence[EnvironmentRecord]) -> Iterator[tuple[str, CheckRecord, str]]:
    for one in environments:
        for check in one.checks:
            cases = [
                c
                for c in check.cases
                if c.outcome is Outcome.ADVISED and c.advised_because is not AdvisedBecause.NEEDS_WRITES
            ]
            if check.outcome is Outcome.ADVISED and cases:
                named = f"{cases[0].name}: " if cases[0].name else ""
                yield one.name, check, f"{len(cases)} of {len(check.cases)} cases; {named}{cases[0].observed}"


def _counted(check: CheckRecord) -> str:
    counts = Counter(str(case.outcome) for case in check.cases)
    if len(counts) == 1:
        return str(len(check.cases))
    return f"{len(check.cases)}: " + ", ".join(f"{n} {word}" for word, n in counts.items())


def _times(environment: EnvironmentRecord) -> dict[str, Any]:
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


def _all_tables(
    environments: Sequence[EnvironmentRecord],
) -> Iterator[tuple[EnvironmentRecord, CheckRecord, Table]]:
    for one in environments:
        for check in one.checks:
            for case in check.cases:
                yield from ((one, check, table) for table in case.tables)


def _tables(environments: Sequence[EnvironmentRecord]) -> Iterator[dict[str, Any]]:
    for one, check, table in _all_tables(environments):
        yield {"environment": one.name, "check": check.id, "title": check.title, "table": table}


def _golden(environments: Sequence[EnvironmentRecord]) -> Iterator[dict[str, Any]]:
    """Yield a plot of each table of scores: a bar a case, and the line that the mean must reach."""
    for one, _, table in _all_tables(environments):
        if table.columns != SCORES:
            continue
        scores = [(float(mean), float(needed)) for _, mean, needed, _ in table.rows]
        width = _WIDTH / max(1, len(scores))
        bars: dict[bool, list[str]] = {True: [], False: []}
        for n, (row, (mean, _)) in enumerate(zip(table.rows, scores, strict=True)):
            # From 0 to 5, 20 units each.
            bar = f"M{n * width:.1f} 110h{width * 0.7:.1f}v{-20 * mean:.0f}h{-width * 0.7:.1f}z"
            bars[row[-1] == "passed"].append(bar)
        needed = max((least for _, least in scores), default=0.0)
        passed = len(bars[True])
        lowest = min(table.rows, key=lambda row: float(row[1]), default=["none", "0"])
        yield {
            "name": one.name,
            "sentence": (
                f"{passed} of {len(scores)} questions passed; a mean of {needed:g} of 5 is needed, "
                f"and the lowest is {lowest[1]} ({lowest[0]})."
            ),
            "met": "".join(bars[True]),
            "missed": "".join(bars[False]),
            "line": 110 - 20 * needed,
            "needed": f"{needed:g}",
        }
