"""`verify`: may this evidence be relied on, and is it GO for what is asked?"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_caio.attestation.envelope import Refused
from pytest_caio.attestation.evidence_set import STATEMENT_SUFFIX, EvidenceSet
from pytest_caio.attestation.keys import load_public
from pytest_caio.attestation.verification import Asked, age_of, trusted, vouch
from pytest_caio.errors import InputError
from pytest_caio.text import encodable, printable

__all__ = ["configure", "run"]

_AGE = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    parser.epilog = (
        "It prints one line. The exit status is 0 only if the evidence is whole, unchanged, signed by that "
        "key, complete, young enough, and GO for what is asked; 1 if it is refused, and 2 if an input cannot "
        "be used. It needs no network."
    )
    add(
        "statement",
        type=Path,
        metavar=f"STEM{STATEMENT_SUFFIX}",
        help="the signed statement, beside its files",
    )
    add("--key", type=Path, required=True, metavar="PUB", help="the public key, caio-evidence.pub")
    add("--env", metavar="NAME", help="the environment that must be GO (default: all of the run)")
    add("--commit", metavar="SHA", help="the commit that must have been deployed")
    add("--max-age", metavar="AGE", help="how old the run may be: 90m, 24h or 7d")


def run(args: argparse.Namespace) -> int:
    """Verify and print one line: 0 if everything holds, else 1. Raises InputError."""
    for option, given in (("--env", args.env), ("--commit", args.commit), ("--max-age", args.max_age)):
        if given == "":  # as a variable of CI that is not set: what it was to ask would not be asked
            raise InputError(f"{option}: is empty")
    key = load_public(args.key, "--key")
    if not args.statement.name.endswith(STATEMENT_SUFFIX):
        raise InputError(f"{args.statement}: is no signed statement; its name ends with {STATEMENT_SUFFIX}")
    if not args.statement.is_file():
        raise InputError(f"{args.statement}: there is no such file (an INCOMPLETE run leaves none)")
    evidence = EvidenceSet(args.statement.parent, args.statement.name.removesuffix(STATEMENT_SUFFIX))
    now = datetime.now(UTC)
    try:
        statement = trusted(evidence, key)
        chosen = vouch(statement, Asked(args.env or "", args.commit or "", _age(args.max_age)), now)
    except Refused as reason:
        _print(f"refused: {reason}: {args.statement.name}")
        return 1
    about = "; ".join(
        f"{one.name} at {one.base_url}, {f'commit {one.commit}' if one.commit else 'commit not known'}"
        for one in chosen
    )
    headline = statement.predicate.run.headline
    signed = f"{age_of(statement, now)} ago, signed by {key.keyid[:16]}"
    _print(f"{headline}: {about}; {signed}: {args.statement.name}")
    return 0


def _age(given: str | None) -> timedelta | None:
    if given is None:
        return None
    match = _AGE.fullmatch(given.strip())
    if match is None:
        raise InputError(f"--max-age {given}: give a number and m, h or d, as 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _print(line: str) -> None:
    sys.stdout.write(encodable(f"{printable(line)}\n", sys.stdout.encoding))
