"""Sets of evidence files with a chosen verdict, written as a run writes them, and signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_caio.attestation.keys import PRIVATE_NAME, PUBLIC_NAME, generate, load_private
from pytest_caio.attestation.signing import sign_evidence, statement_path
from pytest_caio.evidence import jsonfile
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CauseCase,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    Record,
    RunRecord,
)

__all__ = ["COMMIT", "Keys", "Written", "record_of", "write_set"]

COMMIT = "c0ffee5ca1ab1e0ddba11ca5cade5eedfacade42"
SECONDS = "20260224T031700Z"


@dataclass(frozen=True)
class Keys:
    """A pair of keys in a folder."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Keys:
        """Make a pair of keys."""
        generate(folder)
        return cls(folder)

    @property
    def private(self) -> Path:
        """The file of the private key."""
        return self.folder / PRIVATE_NAME

    @property
    def public(self) -> Path:
        """The file of the public key."""
        return self.folder / PUBLIC_NAME


@dataclass(frozen=True)
class Written:
    """A set of evidence files: the JSON file, and the record in it."""

    json: Path
    record: Record

    @property
    def statement(self) -> Path:
        """The file of the signed statement."""
        return statement_path(self.json)

    @property
    def files(self) -> list[Path]:
        """Every file of the set, with the statement."""
        return sorted(self.json.parent.glob(f"{self.json.stem}.*"))


def record_of(
    verdict: str = "GO",
    names: Sequence[str] = ("production",),
    *,
    waived: bool = False,
    finished: datetime | None = None,
    commit: str = COMMIT,
    causes: Sequence[CauseRecord] = (),
    run_id: str = "5f2d",
) -> Record:
    """Return a record with this verdict in each environment; a NO-GO has one cause unless some are given."""
    bad = verdict == "NO-GO"
    outcome = Outcome.FAILED if bad else Outcome.WAIVED if waived else Outcome.PASSED
    case = CaseRecord("acceptance/test_cors.py::test[x]", "x", outcome, "no header", "'*'", 1.0, [])
    check = CheckRecord("CORS-02", "cors", "Other sites are refused", True, outcome, "Set it.", None, [case])
    headline = f"{verdict} (1 waived)" if waived else verdict
    ended = finished or datetime.now(UTC)
    return Record(
        verdict=verdict,
        headline=headline,
        reasons=["failed: CORS-02"] if bad else [],
        run=RunRecord(
            id=run_id,
            started=(ended - timedelta(seconds=9)).isoformat(timespec="seconds"),
            finished=ended.isoformat(timespec="seconds"),
            tool={"name": "pytest-caio", "version": "0.1.0"},
            selection="",
            options={"digests": {"profiles": "a" * 64, "suite": "b" * 64}},
        ),
        environments=[
            EnvironmentRecord(
                name, f"https://{name}.example.com", verdict, headline, commit, "", [], [check], []
            )
            for name in names
        ],
        causes=list(causes)
        or [
            CauseRecord(
                name,
                "Other sites may call the API.",
                "In Railway, set CORS_ALLOWED_ORIGINS to the dashboard's origin, then redeploy.",
                "you",
                ["CORS-02"],
                [CauseCase("CORS-02", "x", "no header", "'*'")],
            )
            for name in names
            if bad
        ],
    )


def write_set(folder: Path, record: Record, keys: Keys | None, *, at: str = SECONDS) -> Written:
    """Write the files of a run, and sign them if `keys` are given."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{'-and-'.join(one.name for one in record.environments)}-{at}"
    json = folder / f"{stem}.json"
    assert jsonfile.write(record, json) == ""
    for ending, content in (("html", "<p>report</p>"), ("junit.xml", "<x/>"), ("completion.txt", "é\n")):
        (folder / f"{stem}.{ending}").write_text(content, "utf-8")
    if keys is not None:
        assert sign_evidence(record, json, load_private(keys.private, "--sign")) == ""
    return Written(json, record)
