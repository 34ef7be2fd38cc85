"""Applies a check that holds everywhere to the responses of all checks, in the process that got them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from pytest_caio.checks.check import Check, filled
from pytest_caio.checks.probe import Effect, Request
from pytest_caio.checks.shared import READINESS
from pytest_caio.contract.paths import LOGIN
from pytest_caio.gates.leaks import find_leaks, leaking
from pytest_caio.outcomes import Mismatch, who_acts
from pytest_caio.probing.exchange import Exchange
from pytest_caio.session.run import Run
from pytest_caio.text import beginning, printable
from pytest_caio.verdict.exchanges import exchange_record
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import Result

__all__ = ["LeakWatch", "polled"]

_LONGEST = 600  # characters of what was observed


class LeakWatch:
    """Judges each response to a request without a right credential once, whichever check asked for it.

    A response that shows what it may not becomes a result of the check that is declared `everywhere`, beside
    the result of the case that asked. A run in which that check was not selected judges none.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._judged: set[Exchange] = set()

    @cached_property
    def _everywhere(self) -> tuple[Check | None, set[Request]]:
        """The check, if the run has it, and what it asks itself, which its own cases judge."""
        asking = [one for one in self._run.plan.cases.values() if one.check.everywhere]
        own = {request for one in asking for request in one.requests.values()}
        return (asking[0].check if asking else None), own

    def results(self, nodeid: str, answers: Mapping[str, Exchange]) -> list[Result]:
        """Return a result for each response of a case that shows what it may not, if not judged before."""
        cases, (everywhere, own) = self._run.plan.cases, self._everywhere
        if everywhere is None:
            return []
        found = []
        for label, answer in answers.items():
            if answer in self._judged or answer.request in own or _may_see(answer):
                continue
            self._judged.add(answer)
            leaks = find_leaks(answer, cases[nodeid].case.environment, self._run.redactor.secrets_in)
            if leaks:
                asker = f"{label} (asked by {cases[nodeid].check.id})"
                wrong = leaking(answer, leaks)
                everywhere.advise(wrong, cases[nodeid].case)
                found.append(_found(self._result(everywhere, nodeid), asker, answer, wrong, self._run))
        return found

    def places(self) -> list[Result]:
        """Return a result of the check for each environment, which says nothing yet."""
        first = {
            one.case.environment.name: self._result(one.check, nodeid)
            for nodeid, one in reversed(self._run.plan.cases.items())
            if one.check.everywhere
        }
        return list(first.values())

    def _result(self, check: Check, nodeid: str) -> Result:
        return Result(
            environment=self._run.plan.cases[nodeid].case.environment.name,
            check=check.id,
            gate=check.gate,
            title=check.title,
            wrong=check.wrong,
            fix=check.fix,
            by=who_acts(check.fix),
            blocking=check.blocking,
            name="",
            outcome=Outcome.FAILED,
            nodeid=nodeid,
        )


def polled(run: Run, places: Iterable[Result]) -> list[Result]:
    """Return a result for each kind of answer to --wait-ready that shows what it may not.

    `places` are those of the process that has the plan: with workers, the controller has the answers alone.
    """
    label = f"GET {READINESS.target}, while it was waited for"
    found = []
    for place in places:
        for (name, _, leaks), answer in run.leaking_polls.items():
            if name == place.environment:
                wrong = leaking(answer, leaks)
                wrong.fix = filled(place.fix, wrong.named)
                found.append(_found(place, label, answer, wrong, run))
    return found


def _found(place: Result, label: str, answer: Exchange, wrong: Mismatch, run: Run) -> Result:
    redact = run.redactor.redact
    return msgspec.structs.replace(
        place,
        name=redact(label),
        fix=printable(redact(wrong.fix)),
        by=who_acts(wrong.fix),
        expected=wrong.expected,
        observed=beginning(printable(redact(wrong.observed)), _LONGEST),
        exchanges={answer.number: exchange_record(answer, redact)},
    )


def _may_see(answer: Exchange) -> bool:
    """Return whether a response is what a right credential opens; what is acted on always has one.

    A refusal is not, nor is the login's answer, which shows nothing yet.
    """
    request = answer.request
    right = request.entitled or request.effect is Effect.WRITE
    return right and answer.status_code not in (401, 403) and request.target.partition("?")[0] != LOGIN
