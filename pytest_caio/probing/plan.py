"""The plan of a run: the distinct requests that the selected checks need, known before any is sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_caio.checks.check import GATES, Case, Check
from pytest_caio.checks.probe import Effect, Probe, Request
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.text import printable

__all__ = ["COULD_CHANGE", "Plan", "Planned", "scouts_first"]

COULD_CHANGE: Mapping[Effect, str] = {
    Effect.NONE: "nothing: they only read",
    Effect.HARMLESS: "nothing, even where a door stands open: nobody could act on them",
    Effect.LOGGED: "the server's log, which keeps the credential in their address",
    Effect.QUEUE: "the pending queue: the deployment adds cards that the gatekeeper holds and, "
    "if it is nearly empty, training cards",
    Effect.ONCE: "the login's count of wrong tokens: five within five minutes lock this address out",
    Effect.WRITE: "what they ask for: the deployment acts on them (--allow-writes)",
}
"""What a request of each effect could change, in the words of the plan's summary."""


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
        """Add a case with its probes resolved; what a probe raises is recorded as its obstacle."""
        requests: dict[str, Request] = {}
        missing: list[str] = []
        broken: Exception | None = None
        for probe in case.probes:
            try:
                requests[probe.label] = probe.resolve(case.environment)
            except MissingInput as error:
                missing += error.names
            except Exception as error:  # noqa: BLE001 - a defect of a probe is its case's error alone
                broken = broken or error
        obstacle = case.obstacle or (MissingInput(*dict.fromkeys(missing)) if missing else broken)
        self.cases[nodeid] = Planned(check, case, requests, obstacle)

    def renew(self) -> None:
        """Resolve all probes again: a signature that was made before a long wait is no longer accepted."""
        for nodeid, planned in self.cases.items():
            self.add(nodeid, planned.check, planned.case)

    def ahead(self) -> list[Request]:
        """Return the requests to send before the first test, in order, each once: nothing that writes."""
        # Samples measure response times; they come last, so that other requests do not slow them down. Before
        # them comes what is sent once only, also if it is refused: by then it is known how many are too many.
        return scouts_first(sorted(self._distinct(), key=lambda r: (r.sample, r.effect is Effect.ONCE)))

    def polls(self) -> list[Request]:
        """Return those of the requests to send ahead that are sent again after a while."""
        again = [replace(request, again_after=0.0) for request in self._distinct() if request.again_after]
        return list(dict.fromkeys(again))

    def _distinct(self) -> dict[Request, None]:
        ready = (case for case in self.cases.values() if not case.writes and case.obstacle is None)
        return dict.fromkeys(request for case in ready for request in case.requests.values())

    def table(self, *, writes: bool) -> list[str]:
        """Return the plan: a summary, a table with one request per line, and the cases that cannot run.

        Lines are in the order of the gates and checks, whatever the order of the tests.
        """
        used: dict[tuple[str, Request], _Use] = {}
        obstacles: list[tuple[tuple[int, str], str]] = []
        for case in self.cases.values():
            check, environment = case.check, case.case.environment
            if case.obstacle is not None:
                line = f"{check.id} {case.case.name}".rstrip() + f": {_in_words(case.obstacle)}"
                obstacles.append((_place(check), line))
            elif writes or not case.writes:
                for probe in case.case.probes:
                    key = environment.name, case.requests[probe.label]
                    used.setdefault(key, _Use(_credential(probe))).places.add(_place(check))
        rows = sorted(
            (
                min(use.places),
                (name, request.method, _target(request), request.credential, str(request.effect)),
                " ".join(check for _, check in sorted(use.places)),
            )
            for (name, request), use in used.items()
        )
        cells = [(*cells, checks) for _, cells, checks in rows]
        titles = ("environment", "method", "path", "credential", "effect", "checks")
        lines = [*_summary(used), "", *_aligned([titles, *cells])]
        if obstacles:
            lines += ["", "Cannot be asked:"]
            lines += [f"  {line}" for _, line in sorted(set(obstacles))]
        return lines


def scouts_first(requests: Sequence[Request]) -> list[Request]:
    """Return the requests with one for each part of the API first.

    If a whole part of the API hangs, these show early that other parts do not.
    """
    scouts: dict[tuple[str, ...], Request] = {}
    for depth in (2, 3):
        for request in requests:
            if not request.sample and request.effect is not Effect.ONCE:
                part = re.split("[/?]", request.target)[:depth]
                scouts.setdefault((request.origin, *part), request)
    return list(dict.fromkeys((*scouts.values(), *requests)))


@dataclass(frozen=True)
class _Use:
    """What is sent with a request, in words, and the gates and ids of the checks that need its response."""

    credential: str
    places: set[tuple[int, str]] = field(default_factory=set)


def _in_words(obstacle: Exception) -> str:
    broke = "" if isinstance(obstacle, MissingInput | NotApplicable) else f"{type(obstacle).__name__}: "
    return printable(f"{broke and 'the check itself broke: '}{broke}{obstacle}")


def _place(check: Check) -> tuple[int, str]:
    """Return the number of the check's gate in the runbook, and its id."""
    return (GATES.index(check.gate) if check.gate in GATES else len(GATES)), check.id


def _credential(probe: Probe) -> str:
    """Return what a probe's credential is made of."""
    if probe.credential is None:
        return "none"
    keys = " and ".join(probe.credential.needs)
    made = "signature by " if probe.credential.name.startswith("signature by ") else ""
    return made + keys if keys else "made up for the check, or revoked"


def _summary(used: Mapping[tuple[str, Request], _Use]) -> list[str]:
    environments = Counter(name for name, _ in used)
    credentials = Counter(use.credential for use in used.values())
    effects = Counter(request.effect for _, request in used)
    to = ", ".join(f"{count} to {name}" for name, count in sorted(environments.items()))
    return [
        f"{len(used)} requests{f' ({to})' if to else ''}; none was sent.",
        "",
        "Their credentials, as they are or changed so that they must be refused:",
        *(f"  {count:5}  {name}" for name, count in sorted(credentials.items(), key=_by_count)),
        "",
        "What they could change:",
        *(f"  {effects[effect]:5}  {words}" for effect, words in COULD_CHANGE.items() if effects[effect]),
    ]


def _by_count(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _target(request: Request) -> str:
    target = request.target
    for name, value in request.secrets:
        target = target.replace(value, f"[{name}]") if value else target
    origin = dict(request.headers).get("Origin")
    target += f" from {origin}" if origin else ""
    return target if len(target) <= 100 else f"{target[:97]}..."  # an ASCII terminal has no ellipsis


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
