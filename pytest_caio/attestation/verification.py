"""Verification: is the evidence whole, unchanged, signed by this key, and GO for what is asked?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from pytest_caio.attestation.envelope import Refused, opened
from pytest_caio.attestation.evidence_set import EvidenceSet, read
from pytest_caio.attestation.statement import PREDICATE_TYPE, STATEMENT_TYPE, EnvironmentResult, Statement
from pytest_caio.contract.reports import is_commit
from pytest_caio.system.paths import is_missing
from pytest_caio.system.strictjson import NotJson, decode_json
from pytest_caio.verdict.judge import GO

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

__all__ = ["Asked", "age_of", "spoken", "trusted", "vouch"]

_AHEAD = timedelta(minutes=5)  # by which a clock may differ from this machine's
_LARGEST = 16 * 1024 * 1024  # bytes; a statement of 10,000 checks has 1 MB


@dataclass(frozen=True)
class Asked:
    """What must be GO; empty parts are not asked."""

    environment: str = ""
    commit: str = ""
    max_age: timedelta | None = None


def trusted(evidence: EvidenceSet, key: SSlibKey) -> Statement:
    """Return the statement about a set of evidence files, whole, unchanged, and signed by `key`.

    Everything is taken from the payload that was verified. Raises Refused, and InputError for a file that
    cannot be read.
    """
    if is_missing(evidence.statement):
        raise Refused("it is not signed: there is no statement beside it (an INCOMPLETE run has none)")
    raw = read(evidence.statement, _LARGEST + 1)
    if len(raw) > _LARGEST:
        raise Refused(f"its statement is larger than {_LARGEST // 1024 // 1024} MiB, which none is")
    statement = _decoded(opened(raw, key))
    signed = {one.name: one.digest.get("sha256", "") for one in statement.subject}
    if len(signed) != len(statement.subject):
        raise Refused("the statement names a file twice")
    if evidence.json.name not in signed:
        raise Refused(f"the statement is about other files ({', '.join(sorted(signed)) or 'none'})")
    # Names before content: what was added may be endless.
    names = {path.name for path in evidence.files()}
    if missing := sorted(signed.keys() - names):
        raise Refused(f"not whole: {missing[0]} is missing")
    if added := sorted(names - signed.keys()):
        raise Refused(f"not signed: {added[0]} was added")
    here = evidence.digests()
    if changed := sorted(name for name in signed if signed[name] != here.get(name)):
        raise Refused(f"changed since it was signed: {changed[0]}")
    return statement


def vouch(statement: Statement, asked: Asked, now: datetime) -> list[EnvironmentResult]:
    """Return the environments that the statement vouches for; `now` has a time zone.

    The whole run must be GO: what two environments share is found in the run of both, and counted in one.
    Raises Refused, with the reason.
    """
    run, result = statement.predicate.run, statement.predicate.result
    names = [one.name for one in run.environments]
    chosen = [one for one in run.environments if asked.environment in ("", one.name)]
    if not chosen:
        raise Refused(f"the evidence is about {', '.join(names) or 'nothing'}, not about {asked.environment}")
    if bad := [one for one in chosen if one.verdict != GO]:
        raise Refused(f"the verdict is {bad[0].verdict} for {bad[0].name}")
    if run.verdict != GO:
        raise Refused(f"the verdict is {run.verdict}")
    if result not in ("PASSED", "WARNED"):
        raise Refused(f"the result is {result}")
    for one in chosen if asked.commit else ():
        if not _same_commit(one.commit, asked.commit):
            raise Refused(f"the commit in {one.name} was {one.commit or 'not known'}, not {asked.commit}")
    age = now - _time(statement)
    if age < -_AHEAD:
        raise Refused("the run is later than now: see that the clock of this machine is right")
    if asked.max_age is not None and age > asked.max_age:
        ended = f"{_time(statement):%Y-%m-%d %H:%M} UTC"
        raise Refused(f"too old: the run ended at {ended}, more than {spoken(asked.max_age)} ago")
    return chosen


def age_of(statement: Statement, now: datetime) -> str:
    """Return in words how long ago the run of a statement ended."""
    return spoken(max(timedelta(), now - _time(statement)))


def spoken(span: timedelta) -> str:
    """Return a time span in words, in whole minutes, hours or days."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // (24 * 60)} days"


def _decoded(payload: bytes) -> Statement:
    try:
        statement = decode_json(payload, Statement)
    except (NotJson, msgspec.ValidationError) as error:
        raise Refused(f"the signed statement cannot be used: {error}") from None
    if (statement.type, statement.predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise Refused("the signed statement is about something else than a test result")
    return statement


def _time(statement: Statement) -> datetime:
    try:
        moment = datetime.fromisoformat(statement.predicate.verification.time_created)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Refused("the statement does not say when the run was") from None


def _same_commit(seen: str, asked: str) -> bool:
    """Return whether two commits agree in what both name of them, which must be enough to identify one."""
    shorter = min(len(seen), len(asked))
    alike = seen[:shorter].lower() == asked[:shorter].lower()
    return alike and is_commit(seen) and is_commit(asked)
