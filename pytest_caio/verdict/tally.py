"""The tally: collects the results of a run, from this process or from workers, into the record."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_caio.checks.check import GATES
from pytest_caio.environments.environment import Environment
from pytest_caio.verdict.judge import judge
from pytest_caio.verdict.outcome import AdvisedBecause, Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CheckRecord,
    EnvironmentRecord,
    ExchangeRecord,
    GateRecord,
    Record,
    Result,
    RunRecord,
    WaiverRecord,
)

__all__ = ["Tally"]


class Tally:
    """The results so far by test case; a case may report more than once, as when its teardown fails.

    Responses of a case that leak are results of another check, with the same node id.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[str, str], Result] = {}

    def add(self, result: Result) -> None:
        """Add a case's result; of two results of one case, keep the worse."""
        key = (result.nodeid, f"{result.check} {result.name}")
        known = self._results.get(key)
        if known is None or result.outcome.severity < known.outcome.severity:
            self._results[key] = result

    @property
    def results(self) -> list[Result]:
        """Every result, in order of arrival."""
        return list(self._results.values())

    def close(
        self,
        environments: Sequence[Environment],
        run: RunRecord,
        narrowed: Sequence[str],
        waivers: Sequence[WaiverRecord] = (),
    ) -> Record:
        """Judge the results and return the record of the run."""
        names = {environment.name for environment in environments}
        verdict = judge(self.results, narrowed, [waiver.problem for waiver in waivers if waiver.problem])
        record = Record(
            verdict=verdict.word,
            headline=verdict.headline,
            reasons=list(verdict.reasons),
            run=run,
            environments=[
                _environment(
                    environment,
                    [r for r in self.results if r.environment == environment.name],
                    narrowed,
                    # A malformed waiver may name no environment of the run: it then fails every one.
                    [w for w in waivers if w.environment == environment.name or w.environment not in names],
                )
                for environment in environments
            ],
            waivers=list(waivers),
        )
        from pytest_caio.verdict.causes import causes_of  # noqa: PLC0415 - the start of a run need not wait for it

        record.causes = causes_of(record.environments)
        return record


def _order(gate: str) -> int:
    return GATES.index(gate) if gate in GATES else len(GATES)


def _place(result: Result) -> tuple[str, bool, str]:
    """Return what to sort results by: the cases of a check that were not asked come last."""
    return result.check, result.advised_because is AdvisedBecause.NEEDS_WRITES, result.nodeid


def _environment(
    environment: Environment, results: list[Result], narrowed: Sequence[str], waivers: Sequence[WaiverRecord]
) -> EnvironmentRecord:
    numbers: dict[int, int] = {}
    exchanges: list[ExchangeRecord] = []
    checks: dict[str, CheckRecord] = {}
    for result in sorted(results, key=_place):
        for key, exchange in result.exchanges.items():
            if key not in numbers:
                numbers[key] = exchange.n = len(numbers) + 1
                exchanges.append(exchange)
        check = checks.get(result.check)
        if check is None:
            check = checks[result.check] = CheckRecord(
                id=result.check,
                gate=result.gate,
                title=result.title,
                blocking=result.blocking,
                outcome=Outcome.NOT_RUN,
                fix=result.fix,
                waiver=None,
                cases=[],
                wrong=result.wrong,
            )
        if check.waiver is None and result.outcome is Outcome.WAIVED:
            check.waiver = next((w for w in waivers if w.number == result.waivers[0]), None)
        if result.outcome.severity < check.outcome.severity or not check.cases:  # those of the worst case
            check.fix, check.by = result.fix, result.by
            check.expected, check.observed = result.expected, result.observed
        check.outcome = min(check.outcome, result.outcome, key=lambda outcome: outcome.severity)
        check.cases.append(
            CaseRecord(
                id=result.nodeid,
                name=result.name,
                outcome=result.outcome,
                expected=result.expected,
                observed=result.observed,
                duration_ms=result.duration_ms,
                exchanges=[numbers[key] for key in result.exchanges],
                tables=result.tables,
                retried=result.retried,
                advised_because=result.advised_because,
                fix=result.fix,
                by=result.by,
                cause=result.cause,
                missing=result.missing,
            )
        )
    gates: dict[str, GateRecord] = {}
    for check in checks.values():
        gate = gates.setdefault(check.gate, GateRecord(check.gate))
        gate.count(check.outcome)
    verdict = judge(results, narrowed, [waiver.problem for waiver in waivers if waiver.problem])
    return EnvironmentRecord(
        name=environment.name,
        base_url=environment.base_url,
        verdict=verdict.word,
        headline=verdict.headline,
        commit=next((r.commit for r in results if r.commit), ""),
        unreachable=next((r.unreachable for r in results if r.unreachable), ""),
        gates=sorted(gates.values(), key=lambda gate: _order(gate.name)),
        checks=sorted(checks.values(), key=lambda check: _order(check.gate)),
        exchanges=exchanges,
    )
