"""One failed case of a check and its responses, as the reduction to causes looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from pytest_caio.checks.credentials import TOKEN_HEADER
from pytest_caio.verdict.outcome import Outcome
from pytest_caio.verdict.record import CaseRecord, CauseCase, CauseRecord, CheckRecord, ExchangeRecord

__all__ = [
    "CARRYING",
    "ENVIRONMENT",
    "MISSING",
    "OTHER",
    "UNREACHABLE",
    "Answer",
    "Cause",
    "Failure",
    "answer_of",
    "header_of",
    "is_page",
]

CARRYING = {"authorization", "cookie", TOKEN_HEADER.lower()}
"""The request headers that carry a credential, in lower case."""

# The order of causes; those of the same rank are in the order of how many checks they explain.
UNREACHABLE = 0
MISSING = 1
ENVIRONMENT = 2
OTHER = 3


@dataclass(frozen=True, eq=False)
class Failure:
    """One failed case of a check, with its exchanges."""

    check: CheckRecord
    case: CaseRecord
    exchanges: tuple[ExchangeRecord, ...]

    @property
    def id(self) -> str:
        """The id of the check."""
        return self.check.id

    @cached_property
    def answers(self) -> frozenset[Answer]:
        """What the case was answered, without repetitions."""
        return frozenset(map(answer_of, self.exchanges))

    @property
    def prevents(self) -> bool:
        """Whether it prevents GO: what only advises does not, unless the check itself broke."""
        return self.case.outcome.bad and (self.check.blocking or self.case.outcome is Outcome.ERROR)

    @property
    def paths(self) -> frozenset[str]:
        """The paths that the case asked."""
        return frozenset(answer.path for answer in self.answers)

    def got(self, *statuses: int) -> bool:
        """Return whether a response of this case has one of these status codes."""
        return any(answer.status in statuses for answer in self.answers)


@dataclass(frozen=True)
class Answer:
    """What makes two responses the same: method, path and credential of the request, and the answer."""

    method: str
    path: str
    status: int | None
    location: str
    credential: str


def answer_of(exchange: ExchangeRecord) -> Answer:
    """Return what makes the response of an exchange the same as that of another."""
    url = urlsplit(exchange.url)
    credentials = [value for name, value in exchange.request_headers if name.lower() in CARRYING]
    return Answer(
        exchange.method, url.path, exchange.status, header_of(exchange, "location"), " ".join(credentials)
    )


def header_of(exchange: ExchangeRecord, name: str) -> str:
    """Return the value of a response header, given in lower case; empty without it."""
    return next((value for key, value in exchange.response_headers if key.lower() == name), "")


def is_page(exchange: ExchangeRecord) -> bool:
    """Return whether the response is an HTML page."""
    return "html" in header_of(exchange, "content-type")


@dataclass
class Cause:
    """A cause while it is found; `rank` is its place in the order of causes."""

    sentence: str
    action: str
    who: str
    failures: list[Failure]
    rank: int = OTHER
    shown: int = 3  # cases

    def record(self, environment: str) -> CauseRecord:
        """Return the cause as the record holds it, with its first cases."""
        checks = list(dict.fromkeys(failure.id for failure in self.failures))
        # One case for each check before a second of any.
        first = {failure.id: failure for failure in reversed(self.failures)}
        shown = dict.fromkeys([*(first[check] for check in checks), *self.failures])
        cases = [CauseCase(f.id, f.case.name, f.case.expected, f.case.observed) for f in shown]
        return CauseRecord(environment, self.sentence, self.action, self.who, checks, cases[: self.shown])
