"""`verify`: may this evidence be relied on, and is it GO for what is asked?"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_caio.attestation.envelope import Refused
from pytest_caio.attestation.evidence_set import LEDGER, STATEMENT_SUFFIX, EvidenceSet
from pytest_caio.attestation.keys import load_public
from pytest_caio.attestation.statement import EnvironmentResult
from pytest_caio.attestation.verification import Asked, age_of, trusted, vouch
from pytest_caio.contract.reports import is_commit
from pytest_caio.errors import InputError
from pytest_caio.evidence.ledger import Ledger, read_ledger
from pytest_caio.evidence.stays import counted
from pytest_caio.system.paths import is_missing
from pytest_caio.text import encodable, printable
from pytest_caio.verdict.judge import GO

__all__ = ["configure", "run"]

_AGE = re.compile(r"([1-9]\d{0,5})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "It prints one line. The exit status is 0 only if the evidence is whole, unchanged, signed by that "
        "key, complete, young enough, and GO for what is asked, and the ledger, where there is one, is "
        "unchanged, has the run, and no later run that is not GO; 1 if it is refused, and 2 if an input "
        "cannot be used. It needs no network."
    )
    add(
        "statement",
        nargs="+",  # only one is taken: a pattern that fits several is told
        type=Path,
        metavar=f"STEM{STATEMENT_SUFFIX}",
        help="the signed statement, beside its files",
    )
    add("--key", required=True, metavar="PUB", help="the public key, caio-evidence.pub")
    add("--env", metavar="NAME", help="the environment that must be GO (default: all of the run)")
    add("--commit", metavar="SHA", help="the commit that must have been deployed")
    add("--max-age", metavar="AGE", help="how old the run may be: 90m, 24h or 7d")
    add(
        "--ledger",
        metavar="PATH",
        help=f"the ledger that must have the run (default: {LEDGER} beside the statement, if it is there)",
    )


def run(args: argparse.Namespace) -> int:
    """Verify and print one line: 0 if everything holds, else 1. Raises InputError."""
    if args.commit is not None and not is_commit(args.commit):
        raise InputError(f"--commit {args.commit}: give its SHA, at least the first 7 hexadecimal digits")
    if len(args.statement) > 1:
        raise InputError(f"{len(args.statement)} files are given; give one, STEM{STATEMENT_SUFFIX}")
    (path,) = args.statement
    key = load_public(Path(args.key), "--key")
    if not path.name.endswith(STATEMENT_SUFFIX):
        raise InputError(f"{path}: is no signed statement; its name ends with {STATEMENT_SUFFIX}")
    if is_missing(path):
        raise InputError(f"{path}: there is no such file (an INCOMPLETE run leaves none)")
    evidence = EvidenceSet(path.parent, path.name.removesuffix(STATEMENT_SUFFIX))
    now = datetime.now(UTC)
    try:
        statement = trusted(evidence, key)
        chosen = vouch(statement, Asked(args.env or "", args.commit or "", _age(args.max_age)), now)
        _compare(_ledger(args.ledger, evidence.folder), statement.predicate.run.id, chosen)
    except Refused as reason:
        _print(f"refused: {reason}: {path.name}")
        return 1
    about = "; ".join(
        f"{one.name} at {one.base_url}, {f'commit {one.commit}' if one.commit else 'commit not known'}"
        for one in chosen
    )
    headline = statement.predicate.run.headline
    signed = f"{age_of(statement, now)} ago, signed by {key.keyid[:16]}"
    _print(f"{headline}: {about}; {signed}: {path.name}")
    return 0


def _ledger(given: str | None, folder: Path) -> Ledger | None:
    """Return the ledger; None if no place is given and none is in the folder. Raises InputError."""
    path = Path(given) if given else folder / LEDGER
    try:
        ledger = read_ledger(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or "its path cannot be used"
        raise InputError(f"--ledger {path}: cannot be read ({reason})") from None
    if ledger.entries or ledger.fault:
        return ledger
    if given:
        raise InputError(f"--ledger {path}: has no run")
    if path.is_symlink():  # as to a share that is not there now
        raise InputError(f"--ledger {path}: is a link to no ledger: put that back, or remove the link")
    return None


def _compare(ledger: Ledger | None, run: str, chosen: Sequence[EnvironmentResult]) -> None:
    """Raise Refused if the ledger was changed, does not have the run, or has a later run that is not GO."""
    if ledger is None:
        return
    if ledger.fault:
        raise Refused(f"the ledger is not as it was written: {ledger.fault}")
    place = next((n for n, one in enumerate(ledger.entries) if one.run == run), None)
    if place is None:
        raise Refused(f"the ledger {ledger.path} does not have this run")
    for one in chosen:
        own = ledger.entries[place].environment(one.name)
        if own is None or (own.verdict, own.base_url, own.commit) != (one.verdict, one.base_url, one.commit):
            raise Refused(f"the ledger {ledger.path} says something else about {one.name} in this run")
        for later in counted(ledger.entries[place + 1 :], one.name):
            own = later.environment(one.name)
            if own is not None and own.verdict != GO:
                when = later.started[:16].replace("T", " ")
                raise Refused(f"an older run: {one.name} was {own.verdict} after it ({when} UTC)")


def _age(given: str | None) -> timedelta | None:
    if given is None:
        return None
    match = _AGE.fullmatch(given.strip())
    if match is None:
        raise InputError(f"--max-age {given}: give a number and m, h or d, as 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _print(line: str) -> None:
    sys.stdout.write(encodable(f"{printable(line)}\n", sys.stdout.encoding))
