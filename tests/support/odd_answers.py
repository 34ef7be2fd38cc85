"""Odd answers: those of a healthy deployment with a part of them changed, and the checks that judge them."""

from __future__ import annotations

import inspect
import json
import random
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_caio.checks.check import MARK, Case, Check
from pytest_caio.checks.probe import Effect, Request
from pytest_caio.environments.environment import Environment
from pytest_caio.gates.jobs import JOBS
from pytest_caio.gates.leaks import find_leaks
from pytest_caio.outcomes import Advice, NotApplicable
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import Transport
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.session.secrets import RunSecrets
from pytest_caio.verdict.exchanges import exchange_record
from tests.support.places import CHECKOUT

__all__ = ["OddAnswers"]

STATUSES = (0, 100, 199, 200, 201, 204, 206, 299, 302, 303, 304, 400, 401, 403, 404, 429, 500, 503, 599, 999)
# What a field of a report may be instead of what was agreed.
_FIELDS: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 1.5, -0.0, 1e300, 2**63, 2**64, -(2**70), 10**400),
    *(
        "",
        " ",
        "true",
        "0",
        "ready",
        "not_ready",
        "None",
        "\0",
        "\ud7ff",
        "\U0010ffff",
        "x" * 5000,
        "\x1b[2J",
    ),
    *(
        "2026-13-45T99:99:99Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-24",
        "1e999",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        [{}],
        {"ready": {}},
        {"status": []},
        ["a", 1],
        {"a": {"b": {"c": []}}},
    ),
)
_VALUES = (
    *(
        "",
        " ",
        ",",
        ";",
        "=",
        "\xff\xfe",
        "caf\xe9",
        "\x01\x7f",
        "0",
        "-1",
        "9" * 5000,
        "NaN",
        "x" * 3000,
        "%00",
    ),
    *("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "Thu, 32 Foo 2026 25:61:61 GMT"),
    *(
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999",
        "1 Jan 0 00:00:00 +0",
    ),
    *("Thu, 26 Nov 2026 00:00:00 GMT, Thu, 26 Nov 2026 00:00:01 GMT", "1, 2 3", "\u0663", "yesterday", "01"),
    *("https://[bad", "//", "http://a:99999999/", "http://[::1", "\\x", "/login?next=%ff%fe&next=[", "a:1"),
    *(
        "caio_session=",
        "caio_session",
        "=; =;;",
        'caio_session="a',
        "caio_session=a; Path",
        "*",
        "true, true",
    ),
    *('application/json; charset="', "text/html;;;", "gzip", "t=1&s=2", "hit", "HIT, 9", "application/json"),
)
_HEADERS = (
    *(
        "Date",
        "Age",
        "X-Cache",
        "Location",
        "Set-Cookie",
        "Content-Type",
        "Retry-After",
        "Content-Length",
        "Via",
    ),
    *("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods"),
    *("Access-Control-Allow-Headers", "X-Inngest-Sdk-Handled", "X-Inngest-Signature", "X-Clay-Signature"),
    *("Content-Security-Policy", "X-Frame-Options", "Strict-Transport-Security", "Cache-Status", "X-Varnish"),
    *("X-Cache-Hits", "Server-Timing", "X-Content-Type-Options", "", "\xff"),
)
_BODIES = (
    *(b"", b"null", b"[]", b"{}", b"1", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"<html>", b"\0" * 9, b"NaN"),
    *(b"[" * 5000, b'{"a":' * 5000, b'{"status":1e99999}', b'{"ready":true,"ready":false}', b"\\" * 4999),
    *(b"%" * 999, b"\x1f\x8b", b"t=1234567890&s=" + b"a" * 64, b"&#x110000;&#99999999;\\ud800\\uffff%ff"),
    *(b"t=999999999999&s=" + b"A" * 64, b"a@b." * 999, b"&#" + b"9" * 5000),
)


@dataclass(frozen=True)
class _Asked:
    check: Check
    judge: Any
    case: Case
    answers: Mapping[str, Exchange]


class OddAnswers:
    """The cases of every check that asks a deployment, with its answers, to be changed and judged."""

    def __init__(self, environment: Environment, cases: int = 3) -> None:
        self.environment = environment
        self._redactor = Redactor()
        self._secrets = RunSecrets(self._redactor)
        self._secrets.learn_environments([environment])
        self.asked = self._ask(list(_cases(environment, cases)))
        self._found = {job.fixture: job.make(environment).do() for job in JOBS if not job.long}

    def _ask(self, cases: list[tuple[Check, Any, Case]]) -> list[_Asked]:
        prober = Prober(lambda: Transport(timeout=30), connections=16)
        try:
            sent = [
                {probe.label: _at_once(probe.resolve(self.environment)) for probe in case.probes}
                for _, _, case in cases
            ]
            prober.ask(one for asked in sent for one in asked.values() if not _acts(asked))
            return [
                _Asked(
                    check, judge, case, {label: _answer(prober, one, asked) for label, one in asked.items()}
                )
                for (check, judge, case), asked in zip(cases, sent, strict=True)
            ]
        finally:
            prober.close()

    def judge(self, asked: _Asked, answers: Mapping[str, Exchange]) -> str:
        """Judge a case by these answers, and return how it ended; raises if the check breaks."""
        shown: list[object] = []
        for answer in answers.values():
            self._secrets.learn_answer(answer)
            shown += [answer.summary, exchange_record(answer, self._redactor.redact), answer.opened_session]
            shown.append(find_leaks(answer, self.environment, self._redactor.secrets_in))
        given = {
            "response": next(iter(answers.values())),
            "responses": answers,
            "case": asked.case.name,
            "environment": self.environment,
            "leaks_in": lambda one: find_leaks(one, self.environment, self._redactor.secrets_in),
            "show_table": lambda title, columns, rows: shown.append(
                [title, columns, [list(row) for row in rows]]
            ),
            **self._found,
        }
        wanted = inspect.signature(asked.judge).parameters
        try:
            asked.judge(**{name: given[name] for name in wanted})
        except (AssertionError, NotApplicable, Advice) as ended:
            return type(ended).__name__
        return "passed"

    def changed(self, answers: Mapping[str, Exchange], random: random.Random) -> dict[str, Exchange]:
        """Return the answers of a case with one of them, or all, changed in one to three ways."""
        chosen = random.choice([*answers, None])
        return {
            label: _odd(answer, random) if chosen in (label, None) else answer
            for label, answer in answers.items()
        }


def _at_once(request: Request) -> Request:
    # Not zero: a second poll is asked after the answer to the first.
    soon = min(request.again_after, 0.001)
    return replace(request, again_after=soon, sample=request.sample or int(request.again_after))


def _acts(asked: Mapping[str, Request]) -> bool:
    return any(request.effect is Effect.WRITE for request in asked.values())


def _answer(prober: Prober, request: Request, asked: Mapping[str, Request]) -> Exchange:
    """Return the answer to a request; those that act are sent one after the other."""
    if _acts(asked):
        return prober.send(request)
    return replace(prober.exchange(request).result(), request=request)


def _cases(environment: Environment, most: int) -> Any:
    """Yield check, function and case of those that send requests: the first and last, and some between."""
    for path in sorted((CHECKOUT / "acceptance").glob("test_*.py")):
        for function in runpy.run_path(str(path)).values():
            marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == MARK]
            for mark in marks:
                check = mark.args[0]
                found = [case for case in check.expand(environment) if case.probes and not case.obstacle]
                step = max(1, -(-len(found) // most))
                yield from ((check, function, case) for case in found[::step])


def _odd(answer: Exchange, random: random.Random) -> Exchange:
    for change in random.choices(
        (_status, _header, _header, _body, _field, _field, _field), k=random.randint(1, 3)
    ):
        answer = change(answer, random)
    return answer


def _status(answer: Exchange, random: random.Random) -> Exchange:
    return replace(answer, status_code=random.choice(STATUSES))


def _header(answer: Exchange, random: random.Random) -> Exchange:
    headers = list(answer.headers)
    name = random.choice([*_HEADERS, *(name for name, _ in headers)])
    odd = [(name, random.choice(_VALUES)) for _ in range(random.randint(0, 2))]
    kept = [one for one in headers if one[0].lower() != name.lower() or random.random() < 0.3]
    return replace(answer, headers=tuple(random.sample([*kept, *odd], len(kept) + len(odd))))


def _body(answer: Exchange, random: random.Random) -> Exchange:
    body = random.choice((*_BODIES, answer.body[: len(answer.body) // 2], answer.body * 2))
    return replace(answer, body=body)


def _field(answer: Exchange, random: random.Random) -> Exchange:
    """Change one field of a report, at any depth, to something else, or leave it out."""
    try:
        report = json.loads(answer.body)
    except (ValueError, RecursionError):
        return _body(answer, random)
    part, keys = {"report": report}, ["report"]
    whole = part
    while True:
        key = random.choice(keys)
        below = part[key]
        if not isinstance(below, dict | list) or not below or random.random() < 0.2:
            break
        part, keys = below, list(below) if isinstance(below, dict) else list(range(len(below)))
    if random.random() < 0.15 and isinstance(part, dict) and part is not whole:
        del part[key]
    else:
        part[key] = random.choice(_FIELDS)
    return replace(answer, body=json.dumps(whole["report"]).encode("utf-8", "surrogatepass"))
