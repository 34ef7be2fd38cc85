"""The statement about a run: in-toto Statement v1 with the predicate test-result v0.1.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md. The predicate has two
extension fields, which in-toto lets consumers ignore and whose names no other producer uses:
`caioVerification`, in the form of a simple verification result v0.2 (spec/predicates/svr.md), since
test-result has no time, and `caioRun`, with each environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from pytest_caio.verdict.judge import GO, INCOMPLETE
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Record

__all__ = ["PREDICATE_TYPE", "STATEMENT_TYPE", "EnvironmentResult", "Statement", "statement_about"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
_WARNED = (Outcome.WAIVED, Outcome.ADVISED)


class Resource(Struct, omit_defaults=True):
    """A ResourceDescriptor of in-toto, as far as it is used here."""

    name: str
    digest: dict[str, str]
    uri: str = ""


class Verifier(Struct):
    """Which program judged, as a package URL with its version, and the files that say what must hold."""

    id: str
    policies: list[Resource]


class Verification(Struct, rename="camel"):
    """A simple verification result; `properties` are `CAIO_GO_NAME` for each environment that is GO.

    `time_created` is when the run ended, in RFC 3339 in UTC, ending with Z.
    """

    verifier: Verifier
    time_created: str
    properties: list[str]


class EnvironmentResult(Struct, rename="camel"):
    """The verdict about one environment; `commit` is the deployed one, empty where it is not known."""

    name: str
    base_url: str
    commit: str
    verdict: str


class RunResult(Struct):
    """The run: its id, its verdict as shown, and its environments."""

    id: str
    headline: str
    verdict: str
    environments: list[EnvironmentResult]


class Predicate(Struct, rename="camel"):
    """The predicate test-result; a test is named ENVIRONMENT/CHECK."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[Resource]
    passed_tests: list[str]
    warned_tests: list[str]
    failed_tests: list[str]
    verification: Verification = field(name="caioVerification")
    run: RunResult = field(name="caioRun")


class Statement(Struct, rename={"type": "_type", "predicate_type": "predicateType"}):
    """The statement; its subjects are the evidence files by SHA-256."""

    type: str
    subject: list[Resource]
    predicate_type: str
    predicate: Predicate


def statement_about(record: Record, subjects: Mapping[str, str]) -> bytes | None:
    """Return the statement about a run as JSON, or None for INCOMPLETE, about which nothing can be stated.

    `subjects` are the SHA-256 of the evidence files by name.
    """
    if record.verdict == INCOMPLETE:
        return None
    checks = [(f"{one.name}/{check.id}", check) for one in record.environments for check in one.checks]
    warned = [name for name, check in checks if check.outcome in _WARNED]
    waived = any(check.outcome is Outcome.WAIVED for _, check in checks)
    version = record.run.tool.get("version", "")
    digests: dict[str, Any] = record.run.options.get("digests", {})
    policies = [
        Resource(name, {"sha256": digest}, f"pkg:pypi/pytest-caio@{version}" if name == "suite" else "")
        for name, digest in digests.items()
    ]
    statement = Statement(
        type=STATEMENT_TYPE,
        subject=[Resource(name, {"sha256": digest}) for name, digest in subjects.items()],
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            result=("WARNED" if waived else "PASSED") if record.verdict == GO else "FAILED",
            configuration=policies,
            passed_tests=[name for name, check in checks if check.outcome is Outcome.PASSED],
            warned_tests=warned,
            failed_tests=[name for name, check in checks if check.outcome.bad],
            verification=Verification(
                verifier=Verifier(f"pkg:pypi/pytest-caio@{version}", policies),
                time_created=_utc(record.run.finished),
                properties=[f"CAIO_GO_{one.name}" for one in record.environments if one.verdict == GO],
            ),
            run=RunResult(
                id=record.run.id,
                headline=record.headline,
                verdict=record.verdict,
                environments=[
                    EnvironmentResult(one.name, one.base_url, one.commit, one.verdict)
                    for one in record.environments
                ],
            ),
        ),
    )
    return msgspec.json.encode(statement)


def _utc(time: str) -> str:
    """Return an ISO 8601 time as in-toto wants it (spec/v1/field_types.md): RFC 3339, in UTC, with Z."""
    return datetime.fromisoformat(time).astimezone(UTC).isoformat().replace("+00:00", "Z")
