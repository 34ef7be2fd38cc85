"""The plan of a run: the distinct requests that the selected checks need, known before any is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pytest_caio.checks.check import Case, Check
from pytest_caio.checks.probe import Effect, Request
from pytest_caio.outcomes import MissingInput

__all__ = ["Plan", "Planned"]


@dataclass(frozen=True)
class Planned:
    """The requests of one test case by label, or the obstacle that keeps it from running."""

    check: Check
    case: Case
    requests: dict[str, Request]
    obstacle: Exception | None = None

    @property
    def tolerates_silence(self) -> frozenset[str]:
        """The labels of the probes that may get no response."""
        return frozenset(probe.label for probe in self.case.probes if probe.tolerates_silence)

    @property
    def writes(self) -> bool:
        """Whether its requests are sent only by its own test, and only with --allow-writes."""
        return self.check.writes or any(r.effect is Effect.WRITE for r in self.requests.values())


@dataclass
class Plan:
    """Every selected case by its node id, in the order of the run."""

    cases: dict[str, Planned] = field(default_factory=dict)

    def add(self, nodeid: str, check: Check, case: Case) -> None:
        """Add a case with its probes resolved; a missing input is recorded as its obstacle, not raised."""
        requests: dict[str, Request] = {}
        missing: list[str] = []
        for probe in case.probes:
            try:
                requests[probe.label] = probe.resolve(case.environment)
            except MissingInput as error:
                missing += error.names
        obstacle = case.obstacle or (MissingInput(*dict.fromkeys(missing)) if missing else None)
        self.cases[nodeid] = Planned(check, case, requests, obstacle)

    def ahead(self) -> list[Request]:
        """Return the requests to send before the first test, each once: nothing that writes."""
        ready = (case for case in self.cases.values() if not case.writes and case.obstacle is None)
        distinct = dict.fromkeys(request for case in ready for request in case.requests.values())
        # Samples measure response times; they come last, so that other requests do not slow them down.
        return sorted(distinct, key=lambda request: request.sample)

    def table(self, *, writes: bool) -> list[str]:
        """Return the plan as a table, one request per line, followed by the cases that cannot run."""
        used: dict[tuple[str, Request], list[str]] = {}
        obstacles: list[str] = []
        for case in self.cases.values():
            if case.obstacle is not None:
                obstacles.append(f"{case.check.id} {case.case.name}".rstrip() + f": {case.obstacle}")
            elif writes or not case.writes:
                for request in case.requests.values():
                    used.setdefault((case.case.environment.name, request), []).append(case.check.id)
        rows = [
            (name, request.method, _target(request), request.credential, str(request.effect), _ids(ids))
            for (name, request), ids in used.items()
        ]
        titles = ("environment", "method", "path", "credential", "effect", "checks")
        lines = [*_aligned([titles, *rows]), "", f"{len(rows)} requests; none was sent."]
        if obstacles:
            lines += ["", "Cannot be asked:", *(f"  {line}" for line in dict.fromkeys(obstacles))]
        return lines


def _target(request: Request) -> str:
    target = request.target
    for name, value in request.secrets:
        target = target.replace(value, f"[{name}]") if value else target
    origin = dict(request.headers).get("Origin")
    target += f" from {origin}" if origin else ""
    return target if len(target) <= 100 else f"{target[:99]}…"


def _ids(ids: Iterable[str]) -> str:
    return " ".join(sorted(set(ids)))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
