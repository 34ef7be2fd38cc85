"""`history`: show the runs of the ledger, their latency, and whether the runbook's stays are met."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_caio.attestation.evidence_set import LEDGER
from pytest_caio.errors import InputError
from pytest_caio.evidence.ledger import Entry, Ledger, read_ledger
from pytest_caio.evidence.since import changes, lines, read_against
from pytest_caio.evidence.stays import RULES, Stay, clean_days, stable_hours
from pytest_caio.text import encodable, printable

__all__ = ["configure", "run"]

_MOST_RUNS = 30
_WIDTH = 30  # characters of the longest bar


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = (
        "Every run of the suite adds one line to the ledger. The exit status is 0, or 1 if the ledger was "
        "changed or runs are missing, and 2 if an input cannot be used."
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        default=Path("reports", LEDGER),
        metavar="PATH",
        help="the ledger of runs (default: %(default)s)",
    )
    parser.add_argument("--env", metavar="NAME", help="only this environment (default: each of the ledger)")
    parser.add_argument(
        "--against",
        default="latest",
        metavar="FILE|latest",
        help="compare the latest run with that of a JSON evidence file, or with the whole run before it "
        "(default: latest)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the history; return 0, or 1 if the ledger was changed or runs are missing.

    Raises InputError if the ledger or the file of --against cannot be read, or has no such run.
    """
    ledger = _read(args.ledger)
    names = list(dict.fromkeys(own.name for one in ledger.entries for own in one.environments))
    if args.env and args.env not in names:
        raise InputError(f"--env {args.env}: no run in {args.ledger}; there are {', '.join(names)}")
    against = None if args.against == "latest" else read_against(Path(args.against))
    for line in _shown(ledger, [args.env] if args.env else names, against):
        sys.stdout.write(f"{encodable(printable(line), sys.stdout.encoding)}\n")
    if ledger.fault:
        sys.stderr.write(f"history: {ledger.fault}\n")
    return 1 if ledger.fault else 0


def _read(path: Path) -> Ledger:
    try:
        ledger = read_ledger(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or "its path cannot be used"
        raise InputError(f"--ledger {path}: cannot be read ({reason})") from None
    if not ledger.entries:
        raise InputError(ledger.fault or f"--ledger {path}: has no run; each run of the suite adds one")
    return ledger


def _shown(ledger: Ledger, names: Sequence[str], against: Entry | None) -> Iterator[str]:
    now = datetime.now(UTC)
    yield f"{ledger.path}: {_number(len(ledger.entries), 'run')}"
    for name in names:
        runs = [one for one in ledger.entries if one.environment(name)]
        yield ""
        shown = f", the latest {_MOST_RUNS} are shown" if len(runs) > _MOST_RUNS else ""
        yield f"{name}: {_number(len(runs), 'run')}{shown}"
        yield from _table(runs[-_MOST_RUNS:], name)
        yield from _stays(runs, name, now)
        changed = changes(runs[-1], runs[:-1], against)
        yield from (f"  {line}" for line in lines([one for one in changed if one.environment == name]))
    yield ""
    yield "How the stays are counted, by rules of this program (the deployment counts its days by its own):"
    yield from (f"  {rule}" for rule in RULES)


def _number(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' if number != 1 else ''}"


def _table(runs: Sequence[Entry], name: str) -> Iterator[str]:
    """Return a line a run: when, verdict, part of the suite or whole, readiness p95 as number and bar."""
    owns = [(one, own) for one in runs if (own := one.environment(name))]
    longest = max((own.ready_p95_ms or 0 for _, own in owns), default=0)
    # A bar is of blocks where the terminal can show them, else of number signs.
    block = "█" if encodable("█", sys.stdout.encoding) == "█" else "#"
    yield f"  {'UTC':<16}  {'verdict':<10}  {'part':<5}  {'p95 of readiness':>16}"
    for one, own in owns:
        p95 = own.ready_p95_ms
        bar = block * max(1, round(_WIDTH * p95 / longest)) if p95 and longest else ""
        when = one.started[:16].replace("T", " ")
        part = "whole" if one.whole else "part"
        number = "" if p95 is None else f"{p95:.0f} ms"
        yield f"  {when}  {own.verdict:<10}  {part:<5}  {number:>16}  {bar}".rstrip()


def _stays(runs: Sequence[Entry], name: str, now: datetime) -> Iterator[str]:
    stable, clean = stable_hours(runs, name, now), clean_days(runs, name, now)
    yield f"  {_length(stable, 'hour', 'stable without interruption')}"
    yield f"  {_length(clean, 'clean day', 'in a row')}"
    counts = next((own.clean_days for one in reversed(runs) if (own := one.environment(name))), None)
    if counts:
        yield f"  supervised days that the deployment itself counts as clean: {counts[0]} of {counts[1]}"


def _length(stay: Stay, unit: str, how: str) -> str:
    since = f", since {stay.since} UTC" if stay.since else ""
    met = "met" if stay.met else "not met"
    return f"{_number(stay.length, unit)} {how}{since}; {stay.needed} needed: {met}"
