"""The record of a run: the data of the evidence, format version 1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from pytest_caio.verdict.outcome import AdvisedBecause, Outcome

__all__ = [
    "GATE_COUNTERS",
    "CaseRecord",
    "CauseCase",
    "CauseRecord",
    "CheckRecord",
    "EnvironmentRecord",
    "ExchangeRecord",
    "FailingSince",
    "GateRecord",
    "Record",
    "Result",
    "RunRecord",
    "SinceRecord",
    "Table",
    "WaiverRecord",
    "result_of",
    "results_of",
    "waived",
]

# The counters of a gate in display order: field of GateRecord, displayed word, outcomes counted.
GATE_COUNTERS = (
    ("passed", "passed", (Outcome.PASSED,)),
    ("failed", "failed", (Outcome.FAILED, Outcome.ERROR)),
    ("missing", "missing input", (Outcome.MISSING_INPUT,)),
    ("waived", "waived", (Outcome.WAIVED,)),
    ("advised", "advised", (Outcome.ADVISED,)),
    ("not_run", "not run", (Outcome.NOT_RUN,)),
)


class ExchangeRecord(Struct):
    """One exchange, redacted; `n` is its number in the environment, `timing_ms` that of the last attempt.

    `request_body` is null where the request's body is too long to be kept, or is no text.
    """

    n: int
    method: str
    url: str
    status: int | None
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    body_sha256: str
    body_excerpt: str
    attempts: list[dict[str, Any]]
    started: str
    timing_ms: float
    error: str = ""
    truncated: bool = False
    request_body: str | None = ""


class Table(Struct):
    """A table that a check adds to the report, whether it passes or fails."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Result(Struct):
    """The result of one test case, carried by pytest's report from the process that ran it to the tally."""

    environment: str
    check: str
    gate: str
    title: str
    fix: str
    blocking: bool
    name: str
    outcome: Outcome
    nodeid: str
    expected: str = ""
    observed: str = ""
    advised_because: AdvisedBecause | None = None
    applicable: bool = True
    unreachable: str = ""
    cause: str = ""  # what made it fail, if that is nothing that the check judges
    missing: list[str] = field(default_factory=list)  # the inputs that it lacks, as the check names them
    wrong: str = ""  # what is wrong with the deployment if the check fails
    by: str = "you"  # who can do what `fix` says: `you` or `developer`
    commit: str = ""
    of: int = 1  # number of cases of the check in this environment
    waivable: bool = False
    waivers: list[int] = field(default_factory=list)  # numbers of those that cover it, most specific first
    duration_ms: float = 0.0
    retried: str = ""
    exchanges: dict[int, ExchangeRecord] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)


class CaseRecord(Struct):
    """One case of a check; `id` is pytest's node id, with which this case can be run alone.

    `exchanges` are the numbers of its exchanges. `retried` lists the result of each attempt, in order, when a
    request was retried; it is empty when none was. `advised_because` is null unless the case advised. `fix`
    is what to do about this case, `by` who can (`you` or `developer`). `cause` is what its responses show of
    a cause outside the check (see `probing.causes`), `missing` the inputs that it lacks.
    """

    id: str
    name: str
    outcome: Outcome
    expected: str
    observed: str
    duration_ms: float
    exchanges: list[int]
    tables: list[Table] = field(default_factory=list)
    retried: str = ""
    advised_because: AdvisedBecause | None = None
    fix: str = ""
    by: str = "you"
    cause: str = ""
    missing: list[str] = field(default_factory=list)


class WaiverRecord(Struct):
    """A waiver and its part in the run: `used`, or with a `problem` that fails the run, or neither.

    `expires` is the last day on which it is valid, UTC; `days_left` is 0 on that day.
    """

    number: int
    line: int
    check: str
    case: str
    environment: str
    owner: str
    reason: str
    expires: str
    days_left: int | None
    used: bool
    problem: str

    @property
    def sentence(self) -> str:
        """The waiver in one line."""
        return waived(self.expires, self.owner, self.reason)


class CheckRecord(Struct):
    """One check in one environment; outcome, fix, `expected` and `observed` are of its worst case.

    `wrong` says what is wrong with the deployment if the check fails; it may be empty if it only advises.
    """

    id: str
    gate: str
    title: str
    blocking: bool
    outcome: Outcome
    fix: str
    waiver: WaiverRecord | None
    cases: list[CaseRecord]
    by: str = "you"
    expected: str = ""
    observed: str = ""
    wrong: str = ""

    @property
    def needs_writes(self) -> bool:
        """Whether all that keeps the check from passing is that requests which write were not sent."""
        advised = {case.advised_because for case in self.cases if case.outcome is Outcome.ADVISED}
        return self.outcome is Outcome.ADVISED and advised == {AdvisedBecause.NEEDS_WRITES}


class CauseCase(Struct):
    """One case under a cause, as it was seen; `check` is the id of its check."""

    check: str
    name: str
    expected: str
    observed: str


class CauseRecord(Struct):
    """Why an environment is NO-GO: what is wrong, in a sentence, and the one action that puts it right.

    `who` can act: `you`, the operator, or the `developer`, to whom the action is handed on. `checks` are the
    ids of the checks that fail for this cause, `cases` the first of their cases.
    """

    environment: str
    sentence: str
    action: str
    who: str
    checks: list[str]
    cases: list[CauseCase]


class GateRecord(Struct):
    """The number of checks of a gate by outcome; an error counts as failed."""

    name: str
    passed: int = 0
    failed: int = 0
    waived: int = 0
    advised: int = 0
    missing: int = 0
    not_run: int = 0

    def count(self, outcome: Outcome) -> None:
        """Count one check with this outcome."""
        (field_name,) = (name for name, _, outcomes in GATE_COUNTERS if outcome in outcomes)
        setattr(self, field_name, getattr(self, field_name) + 1)

    @property
    def counts(self) -> dict[str, int]:
        """The number of checks by displayed word, in the order of GATE_COUNTERS."""
        return {word: getattr(self, name) for name, word, _ in GATE_COUNTERS}

    @property
    def bad(self) -> bool:
        """Whether a check of this gate failed or lacked an input."""
        return bool(self.failed or self.missing)


class EnvironmentRecord(Struct):
    """The part of the record about one environment."""

    name: str
    base_url: str
    verdict: str
    headline: str
    commit: str
    unreachable: str
    gates: list[GateRecord]
    checks: list[CheckRecord]
    exchanges: list[ExchangeRecord]

    @property
    def retried(self) -> str:
        """The checks with a case that passed only on retry (a flake), and the result of each attempt."""
        found: dict[str, dict[str, None]] = {}
        for check in self.checks:
            for case in check.cases:
                if case.retried and case.outcome is Outcome.PASSED:
                    found.setdefault(case.retried, {})[check.id] = None
        return "; ".join(f"{', '.join(ids)} ({tries})" for tries, ids in found.items())


class RunRecord(Struct):
    """The run itself; times are ISO 8601, UTC.

    `narrowed` are the ways in which it was not complete, in words; empty for a whole run.
    """

    id: str
    started: str
    finished: str
    tool: dict[str, str]
    selection: str
    options: dict[str, Any]
    narrowed: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """How long the run took."""
        started, finished = map(datetime.fromisoformat, (self.started, self.finished))
        return int((finished - started).total_seconds())


class FailingSince(Struct):
    """A check that fails, and the start of the first run since which every run that asked it saw it fail.

    A run in which it was waived saw it fail.
    """

    check: str
    since: str


class SinceRecord(Struct):
    """What changed in an environment since an earlier run, which `run`, `started` and `verdict` name.

    `newly_failing` and `fixed` are ids of checks that both runs asked: those that fail now and did not then,
    and those that failed then, waived or not, and passed now. The two times are the 95th percentiles of
    readiness now and then, in ms, None where it was not asked.
    """

    environment: str
    run: str
    started: str
    verdict: str
    newly_failing: list[str]
    fixed: list[str]
    failing: list[FailingSince]
    ready_p95_ms: float | None
    ready_p95_before_ms: float | None


class Record(Struct):
    """The evidence of one run; `headline` is the verdict as it is shown, with the number of waived checks."""

    verdict: str
    headline: str
    reasons: list[str]
    run: RunRecord
    environments: list[EnvironmentRecord]
    causes: list[CauseRecord] = field(default_factory=list)
    since: list[SinceRecord] = field(default_factory=list)
    waivers: list[WaiverRecord] = field(default_factory=list)
    env_diff: dict[str, Any] = field(default_factory=dict)
    format: str = "caio-acceptance-evidence"
    version: int = 1

    @property
    def cases(self) -> Iterator[tuple[EnvironmentRecord, CheckRecord, CaseRecord]]:
        """Every case with its check and its environment."""
        for environment in self.environments:
            for check in environment.checks:
                for case in check.cases:
                    yield environment, check, case


def waived(expires: object, owner: str, reason: str) -> str:
    """Return a waiver in one line: its last day, owner and reason."""
    return f"waived until {expires} by {owner}: {reason}"


def result_of(report: object) -> Result | None:
    """Return the result attached to a pytest report, also when it came from a worker; None without one."""
    carried = getattr(report, "caio", None)
    return msgspec.convert(carried, Result) if isinstance(carried, dict) else carried


def results_of(report: object) -> list[Result]:
    """Return every result attached to a pytest report: of its case, and of leaks in the case's responses."""
    own, leaks = result_of(report), getattr(report, "caio_leaks", None)
    return [*([own] if own else []), *(msgspec.convert(leaks, list[Result]) if leaks else ())]
