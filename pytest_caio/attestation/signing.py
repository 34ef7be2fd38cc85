"""Signing: the statement of a run beside its evidence files."""

from __future__ import annotations

from pathlib import Path

from pytest_caio.attestation.envelope import sealed
from pytest_caio.attestation.evidence_set import STATEMENT_SUFFIX, EvidenceSet
from pytest_caio.attestation.keys import SigningKey
from pytest_caio.attestation.statement import statement_about
from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.text import printable
from pytest_caio.verdict.record import Record

__all__ = ["sign_evidence", "statement_path"]


def statement_path(json: Path) -> Path:
    """Return the path of the statement about the evidence of which `json` is the JSON file."""
    return json.with_name(f"{json.stem}{STATEMENT_SUFFIX}")


def sign_evidence(record: Record, json: Path, key: SigningKey) -> str:
    """Write the signed statement about every evidence file of the run; return why not, empty on success.

    There is none about an INCOMPLETE run. Call this when all files of the run are written.
    """
    target = statement_path(json)
    try:
        statement = statement_about(record, EvidenceSet(json.parent, json.stem).digests())
        if statement is not None:
            write_atomically(target, sealed(statement, key))
    except InputError as error:
        return printable(f"the evidence could not be signed: {error}")
    except OSError as error:
        reason = error.strerror or "it is in use"
        return printable(f"the signed statement {target} could not be written: {reason}")
    return ""
