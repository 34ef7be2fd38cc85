"""The causes of a NO-GO: what is wrong with a deployment, each with one action.

Most failed checks are consequences. `_ROWS` reduces the failed cases of an environment to causes, row by row:
each row takes the cases that it explains, and what is left at the end is a cause of its own, with the check's
own fix. `_FOLLOWS` is the part of the table that says which check explains which others.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from pytest_caio.checks.credentials import TOKEN_HEADER
from pytest_caio.contract.providers import PROVIDERS, ROUTES
from pytest_caio.verdict.outcome import OWN_FAULT, AdvisedBecause, Outcome
from pytest_caio.verdict.record import (
    CaseRecord,
    CauseCase,
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
    ExchangeRecord,
)

__all__ = ["causes_of", "once"]

_MOST_CASES = 3
_ENOUGH_URLS = 5  # with fewer distinct URLs, one status code for all may be coincidence
# The order of causes; those of the same rank are in the order of how many checks they explain.
_UNREACHABLE, _MISSING, _ENVIRONMENT, _OTHER = range(4)


@dataclass(frozen=True, eq=False)
class _Failure:
    """One failed case of a check, with its exchanges."""

    check: CheckRecord
    case: CaseRecord
    exchanges: tuple[ExchangeRecord, ...]

    @property
    def id(self) -> str:
        return self.check.id

    @cached_property
    def answers(self) -> frozenset[_Answer]:
        return frozenset(map(_answer, self.exchanges))

    @property
    def prevents(self) -> bool:
        """Whether it prevents GO: what only advises does not, unless the check itself broke."""
        return self.case.outcome.bad and (self.check.blocking or self.case.outcome is Outcome.ERROR)

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(answer.path for answer in self.answers)

    def got(self, *statuses: int) -> bool:
        """Return whether a response of this case has one of these status codes."""
        return any(answer.status in statuses for answer in self.answers)


@dataclass(frozen=True)
class _Answer:
    """What makes two responses the same: the request's method and path, with the same credential, and "
    "the answer."""

    method: str
    path: str
    status: int | None
    location: str
    credential: str


@dataclass
class _Cause:
    """A cause while it is found; `rank` is its place in the order."""

    sentence: str
    action: str
    who: str
    failures: list[_Failure]
    rank: int = _OTHER

    def record(self, environment: str) -> CauseRecord:
        checks = list(dict.fromkeys(failure.id for failure in self.failures))
        # One case for each check before a second of any.
        first = {failure.id: failure for failure in reversed(self.failures)}
        shown = dict.fromkeys([*(first[check] for check in checks), *self.failures])
        cases = [CauseCase(f.id, f.case.name, f.case.expected, f.case.observed) for f in shown]
        return CauseRecord(environment, self.sentence, self.action, self.who, checks, cases[:_MOST_CASES])


_Failures: TypeAlias = Sequence[_Failure]
_Row: TypeAlias = Callable[[_Failures], Iterable[_Cause]]


def causes_of(environments: Iterable[EnvironmentRecord]) -> list[CauseRecord]:
    """Return the causes of each environment's failed checks, in the order in which to put them right.

    First what keeps everything else from being judged: an environment that cannot be reached, missing inputs,
    the environment file. Then by how many checks a cause explains.
    """
    found = [(cause, environment.name) for environment in environments for cause in _found(environment)]
    found.sort(key=lambda one: (one[0].rank, -len({failure.id for failure in one[0].failures})))
    return [cause.record(name) for cause, name in found]


def once(causes: Iterable[CauseRecord]) -> list[tuple[CauseRecord, list[str]]]:
    """Return each cause once, with the names of the environments that share it, in the same order."""
    shared: dict[tuple[str, ...], tuple[CauseRecord, list[str]]] = {}
    for cause in causes:
        shared.setdefault((cause.sentence, cause.action, cause.checks[0]), (cause, []))[1].append(
            cause.environment
        )
    return list(shared.values())


def _found(environment: EnvironmentRecord) -> list[_Cause]:
    if environment.unreachable:
        silent = [
            _Failure(check, case, ())
            for check in environment.checks
            for case in check.cases
            if case.outcome.bad or check.outcome is Outcome.NOT_RUN
        ]
        sentence = f"{environment.name} could not be reached: {environment.unreachable}."
        return [_Cause(sentence, _REACH, "you", silent, _UNREACHABLE)]
    exchanges = {exchange.n: exchange for exchange in environment.exchanges}
    left = [
        _Failure(check, case, tuple(exchanges[n] for n in case.exchanges))
        for check in environment.checks
        for case in check.cases
        if case.outcome.bad or case.advised_because is AdvisedBecause.CHECK_ADVISES
    ]
    found = []
    rows: list[_Row] = [functools.partial(_everything_alike, environment), *_ROWS]
    for row in rows:
        for cause in row(left):
            left = [failure for failure in left if failure not in cause.failures]
            found.append(cause)
    # Advice that has the cause of a failure stands under it; advice alone is none.
    return [cause for cause in found if any(failure.prevents for failure in cause.failures)]


def _answer(exchange: ExchangeRecord) -> _Answer:
    url = urlsplit(exchange.url)
    credentials = [value for name, value in exchange.request_headers if name.lower() in _CARRYING]
    return _Answer(
        exchange.method, url.path, exchange.status, _header(exchange, "location"), " ".join(credentials)
    )


def _header(exchange: ExchangeRecord, name: str) -> str:
    return next((value for key, value in exchange.response_headers if key.lower() == name), "")


def _is_page(exchange: ExchangeRecord) -> bool:
    return "html" in _header(exchange, "content-type")


# --- the rows of the table, in their order: what each takes, no later row sees


def _everything_alike(environment: EnvironmentRecord, left: _Failures) -> Iterable[_Cause]:
    """Every request got the same status code: this is not the product, or not all of it."""
    statuses = {exchange.status for exchange in environment.exchanges}
    if not left or len({exchange.url for exchange in environment.exchanges}) < _ENOUGH_URLS:
        return
    if len(statuses) != 1 or None in statuses:
        return
    (status,) = statuses
    outside = {failure.case.cause: failure.case.fix for failure in left if failure.case.cause}
    if status == 200 and all(map(_is_page, environment.exchanges)):
        sentence = (
            f"{environment.name} answers 200 with an HTML page to everything: is this the deployment, or a "
        )
        yield _Cause(f"{sentence}login page of the network in between?", _WHOSE, "you", [*left], _UNREACHABLE)
        return
    targets = {urlsplit(_header(exchange, "location")).netloc for exchange in environment.exchanges}
    host, target = urlsplit(environment.base_url).netloc, next(iter(targets))
    if len(targets) == 1 and target not in ("", host):
        sentence = f"{environment.name} redirects every request from {host} to another host, {target}."
        yield _Cause(sentence, _moved(host, target), "you", [*left], _UNREACHABLE)
        return
    hint, action = next(iter(outside.items())) if len(outside) == 1 else ("", _WHOSE)
    sentence = f"{environment.name} answers {status} to everything{hint and f': {hint}'}."
    yield _Cause(sentence, action, "you", [*left], _UNREACHABLE)


def _broken(left: _Failures) -> Iterable[_Cause]:
    """Checks that broke: a fault of the suite, which judged nothing."""
    broken = [failure for failure in left if failure.case.outcome is Outcome.ERROR]
    if broken:
        yield _Cause("A check broke, so that nothing was judged.", OWN_FAULT, "you", broken, _MISSING)


def _missing(left: _Failures) -> Iterable[_Cause]:
    """An input is missing or cannot be used; a check of the environment file that names it is part of it."""
    lacking: dict[tuple[str, ...], list[_Failure]] = {}
    for failure in left:
        if failure.case.missing:
            lacking.setdefault(tuple(failure.case.missing), []).append(failure)
    for names, failures in lacking.items():
        about = [
            failure
            for failure in left
            if failure.check.gate == "environment"
            and not failure.case.missing
            and any(re.search(rf"\b{re.escape(name)}\b", failure.case.observed) for name in names)
        ]
        told = [name.partition(" (") for name in names] or [("an input", "", "")]
        reasons = [why.removesuffix(")") for _, _, why in told if why]
        why = f": {'; '.join(reasons)}" if reasons else ""
        subject = " and ".join(name for name, _, _ in told)
        state = "cannot be used" if reasons else "missing"
        verb = "are" if len(told) > 1 and state == "missing" else "is" if state == "missing" else ""
        sentence = f"An input {verb} {state}: ".replace("  ", " ") + f"{subject}{why}."
        action = "; ".join(_give(name, bool(why)) for name, _, why in told)
        yield _Cause(f"{sentence}", f"{action}; then run again.", "you", [*about, *failures], _MISSING)


def _give(name: str, unusable: bool) -> str:
    """Return how to give an input, or how to correct one that cannot be used."""
    if "[" in name and "]" in name:  # a key of a profile's section
        return f"{'Correct' if unusable else 'Give'} {name} in acceptance/environments.toml"
    if name.startswith("--"):
        return f"{'Correct' if unusable else 'Give'} {name} on the command line"
    if re.fullmatch(r"[A-Z][A-Z0-9_]+", name):
        return (
            f"Put {name} into the env file, with the value that it has in Railway; if Railway has none, "
            f"set it there "
            "first (bootstrap makes new values) and redeploy"
        )
    return f"{'Correct' if unusable else 'Give'} this input: {name}"


def _outside(left: _Failures) -> Iterable[_Cause]:
    """What the responses show of a cause outside the checks: a refused token, a limit, a firewall, the "
    "edge."""
    outside: dict[tuple[str, str], list[_Failure]] = {}
    for failure in left:
        if failure.case.cause:
            outside.setdefault((failure.case.cause, failure.case.fix), []).append(failure)
    for (cause, fix), failures in outside.items():
        yield _Cause(f"{cause[:1].upper()}{cause[1:]}.", fix, "you", failures)


def _unkeyed_providers(left: _Failures) -> Iterable[_Cause]:
    """A webhook route answers 503, since its provider has neither secret nor bearer."""
    unkeyed: dict[str, list[_Failure]] = {}
    for failure in left:
        for exchange in failure.exchanges:
            provider = ROUTES.get(_answer(exchange).path)
            if provider and exchange.status == 503 and _NO_SECRET.search(exchange.body_excerpt):
                unkeyed.setdefault(provider.name, []).append(failure)
                break
    reports = [
        failure
        for failure in left
        if failure.id == "WH-02" or (failure.id in _READY and _says_down("webhooks", failure))
    ]
    for failures in unkeyed.values():
        provider = next(ROUTES[path] for path in ROUTES for f in failures if path in f.paths)
        keys = " (or ".join(provider.keys) + ")" * (len(provider.keys) - 1)
        yield _Cause(
            f"{provider.title} has no secret: its webhooks answer 503.",
            f"In Railway, set {keys} to the value on {provider.title}'s webhook page, then redeploy.",
            "you",
            [*reports, *failures],
        )
        reports = []


def _dependencies(left: _Failures) -> Iterable[_Cause]:
    """A dependency is down: its own part of the report says so, and what needs it fails."""
    for check, (part, sentence) in _DEPENDENCIES.items():
        roots = [failure for failure in left if failure.id == check]
        if not roots:
            continue
        # Where readiness crashes, it is at fault itself.
        needs = [f for f in left if f.id in _READY and _says_down(part, f)]
        if part == "redis":  # only this one holds the state that every route reads
            guards = (*_READY, *_NOTHING, *_THROUGH, *_FREE)
            needs += [
                f
                for f in left
                if f not in needs and f.id not in guards and any(map(_lacks_state, f.exchanges))
            ]
        if part == "inngest":
            needs += [f for f in left if f.id in ("RDY-05", "RDY-06") and f.got(404)]
        root = roots[0]
        if needs:
            yield _Cause(sentence, root.case.fix, root.case.by, [*roots, *needs])


def _says_down(part: str, failure: _Failure) -> bool:
    """Whether a case failed since a readiness response says that this dependency is not ready.

    Where readiness crashes, it is at fault itself. RDY-07 compares a readiness that says ready with the
    report.
    """
    if failure.got(500) or (failure.id == "RDY-07" and failure.got(503)):
        return False
    pattern = rf'not ready: [^"]*\b{part}\b|"required_failures":\s*\[[^]]*"{part}"'
    return any(re.search(pattern, exchange.body_excerpt) for exchange in failure.exchanges)


def _lacks_state(exchange: ExchangeRecord) -> bool:
    return exchange.status == 503 and bool(re.search("(?i)state|store|redis", exchange.body_excerpt))


def _open_doors(left: _Failures) -> Iterable[_Cause]:
    """A path or route lets in a caller without anything, and so near misses, other methods and spellings."""
    doors: dict[tuple[str, bool], list[_Failure]] = {}
    for failure in left:
        if failure.id in _NOTHING or (failure.id == "WH-08" and failure.case.name.endswith("unsigned")):
            statuses = [answer.status for answer in failure.answers if answer.status]
            redirected = any(300 <= status < 400 for status in statuses)
            behind = any(map(_lacks_state, failure.exchanges))  # past the guard, the state is missing
            if behind or any(status < 500 and status not in _REFUSALS for status in statuses):
                doors.setdefault(("" if redirected else failure.case.fix, redirected), []).append(failure)
    # Where every webhook is open, it is one door.
    webhooks = [
        key for key, failures in doors.items() if any(path in ROUTES for f in failures for path in f.paths)
    ]
    for other in webhooks[1:]:
        doors[webhooks[0]] += doors.pop(other)
    # A path that two of these checks ask is one door, whatever they advise.
    for key in [*doors]:
        asked = {path for failure in doors[key] for path in failure.paths}
        same = next((o for o in doors if o != key and asked & {p for f in doors[o] for p in f.paths}), None)
        if same:
            doors[same] += doors.pop(key)
    for (_, redirected), roots in doors.items():
        paths = sorted({path for failure in roots for path in failure.paths})
        through = [
            failure
            for failure in left
            if failure.id in _THROUGH and failure not in roots and _leads(failure, paths)
        ]
        if paths == [*PROVIDERS["heyreach"].routes]:  # it may be so by decision, which the env file then says
            roots[:0] = [failure for failure in left if failure.id == "ENV-11"]
        where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        sentence = (
            f"Callers without a token are redirected instead of refused: {where}."
            if redirected
            else f"Anyone gets in without a token or signature: {where}."
        )
        yield _Cause(sentence, roots[0].case.fix, roots[0].case.by, [*roots, *through])


def _leads(failure: _Failure, paths: Iterable[str]) -> bool:
    """Whether a case asked for one of these open paths, in another way or another spelling."""
    asked = failure.paths | {unquote(unquote(path)).replace("//", "/").lower() for path in failure.paths}
    if failure.id == "WH-08" and failure.case.name == "allowlist":  # what the report says of HeyReach's route
        return any(ROUTES[path].name == "heyreach" for path in paths if path in ROUTES)
    if failure.id != "AUTH-10":
        return not asked.isdisjoint(paths)
    # What lets in one name, such as /api/agents/NAME, lets in every name there.
    named = tuple(f"{path.rpartition('/')[0]}/" for path in paths if path.rpartition("/")[2] == "caio-probe")
    return not asked.isdisjoint(paths) or any(path.startswith(named) for path in asked)


def _wrong_answers(left: _Failures) -> Iterable[_Cause]:
    """The same wrong answer to the same request, judged by several checks."""
    for answer in dict.fromkeys(a for f in left for a in sorted(f.answers, key=str)):
        judged = [f for f in left if answer in f.answers and f.id not in _FREE]
        if len({failure.id for failure in judged}) < 2:
            continue
        exchange = next(e for f in judged for e in f.exchanges if _answer(e) == answer)
        told = _wrong(answer, exchange)
        if told:
            sentence, action, who = told
            left = [failure for failure in left if failure not in judged]
            yield _Cause(sentence, action, who, judged)


def _wrong(answer: _Answer, exchange: ExchangeRecord) -> tuple[str, str, str] | None:
    """Return the sentence, action and who for an answer that is wrong whatever judges it, else None."""
    asked, status = f"{answer.method} {answer.path}", answer.status or 0
    entitled = any(name == TOKEN_HEADER for name, _ in exchange.request_headers)
    host, target = urlsplit(exchange.url).netloc, urlsplit(answer.location).netloc
    if status == 503 and answer.path == _READINESS:
        return (
            f"Readiness answers 503: {_detail(exchange)}.",
            "In Railway, open the deploy logs: they say which part does not start; set its variables, "
            "then redeploy.",
            "you",
        )
    if status == 503:
        return (
            f"{asked} answers 503: {_detail(exchange)}.",
            "In Railway, open the deploy logs: they name the service that this path needs and does not "
            "reach; correct "
            "its variable, then redeploy.",
            "you",
        )
    if status >= 500:
        code = "the readiness code" if answer.path == _READINESS else "the code behind it"
        return (
            f"{asked} crashes ({status}).",
            f"Hand to the developer, with the deploy logs from Railway: {asked} answers {status}; "
            f"correct {code}.",
            "developer",
        )
    if 300 <= status < 400 and target and target != host and answer.path.startswith(_API):
        return f"{asked} on {host} redirects to another host, {target}.", _moved(host, target), "you"
    if 300 <= status < 400 and entitled:
        return (
            f"{asked} redirects to {answer.location}, though the token is right.",
            f"Hand to the developer, with the deploy logs: {asked} must take the {TOKEN_HEADER} header "
            f"and not ask for a "
            "session.",
            "developer",
        )
    if status in (403, 404) and entitled:
        word = "is forbidden" if status == 403 else "is not found"
        return (
            f"{asked} {word} ({status}), though the token is right.",
            f"See in Railway which commit is deployed; if it is the right one, hand to the developer, "
            f"with the deploy "
            f"logs: {asked} answers {status}.",
            "developer",
        )
    if status in (401, 403) and answer.path == _READINESS:
        return (
            f"Readiness asks for a token ({status}), so that nothing outside can watch it.",
            f"In Railway, put {_READINESS} on DASHBOARD_AUTH_ALLOWLIST, then redeploy.",
            "you",
        )
    if status == 200 and _is_page(exchange) and answer.path.startswith("/api/"):
        return (
            f"{asked} answers with a page in place of JSON.",
            f"See in Railway's deploy logs that this service is the dashboard and that its domain leads "
            f"to it; if so, hand "
            f"to the developer: {asked} must answer with JSON.",
            "you",
        )
    return None


def _moved(host: str, target: str) -> str:
    return (
        f"If {target} is the dashboard's host, give it as the base URL (--base-url, base_url of the "
        f"profile or "
        f"CAIO_BASE_URL); else have the redirect from {host} to {target} removed where the domain is "
        f"configured "
        "(in Railway, or in the proxy in front of it)."
    )


def _detail(exchange: ExchangeRecord) -> str:
    told = re.search(r'"detail"\s*:\s*"([^"]{1,120})', exchange.body_excerpt)
    return told[1].rstrip(".") if told else "no reason given"


def _followed(follows: Sequence[_Follow], left: _Failures) -> Iterable[_Cause]:
    """A check whose failure explains others, by `_VARIABLES` and `_FOLLOWS`."""
    for follow in follows:
        roots = [failure for failure in left if failure.id == follow.check]
        explained = [
            failure
            for failure in left
            if failure.id in follow.explains.split() and any(follow.when(root, failure) for root in roots)
        ]
        if explained:
            root, taken = roots[0], [*roots, *explained]
            left = [failure for failure in left if failure not in taken]
            sentence = follow.sentence or _not(root.check.title)
            yield _Cause(sentence, root.case.fix, root.case.by, taken, _rank(root.check))


def _each(left: _Failures) -> Iterable[_Cause]:
    """What no other row explains: the check itself, with its fix."""
    own: dict[str, list[_Failure]] = {}
    for failure in left:
        own.setdefault(failure.id, []).append(failure)
    for failures in own.values():
        first = failures[0]
        yield _Cause(_not(first.check.title), first.case.fix, first.case.by, failures, _rank(first.check))


def _not(title: str) -> str:
    return f"This does not hold: {title}."


def _rank(check: CheckRecord) -> int:
    return _ENVIRONMENT if check.gate == "environment" else _OTHER


# --- when one failed check explains another


def _always(_root: _Failure, _other: _Failure) -> bool:
    return True


def _same_answer(root: _Failure, other: _Failure) -> bool:
    return not root.answers.isdisjoint(other.answers)


def _same_request(root: _Failure, other: _Failure) -> bool:
    return not {e.n for e in root.exchanges}.isdisjoint(e.n for e in other.exchanges)


def _same_variable(root: _Failure, other: _Failure) -> bool:
    return bool(other.case.name) and other.case.name in root.case.observed


def _same_credential(root: _Failure, other: _Failure) -> bool:
    statuses = {exchange.status for exchange in root.exchanges} & {
        exchange.status for exchange in other.exchanges
    }
    return bool(statuses) and not _credentials(root).isdisjoint(_credentials(other))


def _case(name: str) -> Callable[[_Failure, _Failure], bool]:
    """Return whether the first check fails in this case."""
    return lambda root, other: root.case.name == name and _same_credential(root, other)


def _shows(pattern: str) -> Callable[[_Failure, _Failure], bool]:
    """Return whether a response of the other case, or what was observed there, shows this."""

    def shows(_root: _Failure, other: _Failure) -> bool:
        seen = (other.case.observed, *(exchange.body_excerpt for exchange in other.exchanges))
        return any(re.search(pattern, text) for text in seen)

    return shows


def _part(name: str) -> Callable[[_Failure, _Failure], bool]:
    """Return whether the other case failed for this part of the dependency report."""
    return lambda _root, other: name in other.case.observed.partition(";")[0].lower()


def _capitals(root: _Failure, other: _Failure) -> bool:
    """Return whether both are about a path in which capital letters do not count."""
    return any(path != path.lower() for path in root.paths) and other.got(404)


def _reported(root: _Failure, other: _Failure) -> bool:
    """Return whether the report on webhooks, with which the first check fails, is wrong about the "
    "other's provider."""
    name = other.case.name.split("/")[2] if "/" in other.case.name else "heyreach"
    if _heyreach(root, root):
        return False
    listed = any(f'"{name}":' in re.sub(r"\s", "", exchange.body_excerpt) for exchange in root.exchanges)
    return _same_request(root, other) and (not listed or name in root.case.observed.partition(";")[0])


def _credentials(failure: _Failure) -> set[str]:
    """Return the headers of a case's requests that carry a credential, and `?` for one in the query."""
    names = {name.lower() for exchange in failure.exchanges for name, _ in exchange.request_headers}
    query = {"?" for exchange in failure.exchanges if urlsplit(exchange.url).query}
    signatures = {"signature" for name in names if name.endswith("signature")}
    return query or (names & _CARRYING) | signatures


def _heyreach(_root: _Failure, other: _Failure) -> bool:
    """Return whether the other case is about HeyReach alone."""
    text = (other.case.observed if other.id == "WH-02" else other.case.name).partition(";")[0].lower()
    return [provider for provider in PROVIDERS if provider in text] == ["heyreach"]


def _star(header: str) -> Callable[[_Failure, _Failure], bool]:
    """Return whether a response of the other case allows everything in this header."""

    def allows_everything(_root: _Failure, other: _Failure) -> bool:
        return any("*" in _header(exchange, f"access-control-allow-{header}") for exchange in other.exchanges)

    return allows_everything


@dataclass(frozen=True)
class _Follow:
    """A check that, where it fails, explains the failures of others; `when` says for which of their cases."""

    check: str
    explains: str
    when: Callable[[_Failure, _Failure], bool] = _same_answer
    sentence: str = ""


# The environment file, whose variables others read.
# fmt: off
_VARIABLES = (
    _Follow("ENV-15", "ENV-02 ENV-03 ENV-05 ENV-07 ENV-08 ENV-14 ENV-17", _same_variable),
    _Follow("ENV-06", "STATE-06 OPS-06 RDY-15", lambda root, _: root.case.name == "CONTEXT_REDIS_PREFIX",
            "A name space of the state does not name the environment."),
    _Follow("ENV-12", "STATE-05", _shows("evict"), "The Redis server is not set up for state."),
)
_FOLLOWS = (
    # Reports.
    _Follow("AUTH-05", "OPS-01 OPS-02 OPS-03 OPS-09", sentence="The operator status gives no report."),
    _Follow("AUTH-06", "RDY-02 RDY-03 RDY-04 RDY-07 RDY-08 WH-01 WH-02 WH-08 WH-12",
            sentence="The dependency report is empty or not a report."),
    _Follow("RDY-01", "RDY-07 AUTH-03", sentence="Readiness does not say that the deployment is ready."),
    _Follow("RDY-03", "RDY-02 RDY-07", _part("redis"), "Redis is not as the deployment needs it."),
    _Follow("RDY-04", "RDY-02 RDY-07", _part("inngest"), "Inngest is not as the deployment needs it."),
    _Follow("RDY-05", "RDY-06", lambda root, other: _same_request(root, other) and not other.got(200),
            "Inngest does not believe its signing key."),
    _Follow("RDY-02", "RDY-07 RDY-01 AUTH-03", _same_request,
            "The dependency report says that something is not ready."),
    _Follow("WH-01", "WH-11 RDY-08", _shows(r'"(webhook_signature_required|signature_strict_mode)":\s*false'),
            "Webhook signatures are not required."),
    _Follow("AUTH-04", "RDY-08", _shows(r'"query_token_enabled":\s*true'),
            "The token is accepted in the address, where every log keeps it."),
    # Webhooks: HeyReach has one check for all that the others have several for.
    _Follow("WH-05", "WH-06 WH-07 WH-08", _same_credential, "A wrong signature opens the webhooks."),
    _Follow("WH-06", "WH-08", _same_credential, "A signature does not cover the body."),
    _Follow("WH-04", "WH-07 WH-08 WH-12", _same_credential, "A wrong bearer opens the webhooks."),
    _Follow("WH-07", "WH-08 WH-12", _same_credential, "One provider's credential opens another's webhooks."),
    _Follow("WH-13", "WH-08", _same_credential, "A webhook's credential is taken from the address."),
    _Follow("WH-02", "WH-08 WH-12", _reported, "The report on webhooks is wrong about a provider."),
    _Follow("WH-08", "WH-12 WH-02", _heyreach, "HeyReach's webhook is not guarded as it must be."),
    _Follow("WH-02", "RDY-07 RDY-01 RDY-02 AUTH-03", _part("webhooks"), "The webhooks are not ready."),
    # The guard: what is wrong gets in, and so does what was withdrawn.
    _Follow("AUTH-07", "AUTH-12 AUTH-15 AUTH-17", _same_credential, "A wrong token opens the dashboard."),
    _Follow("AUTH-08", "AUTH-12", _case("made-up session"), "Any session is believed."),
    _Follow("AUTH-10", "OPS-10", _capitals),
    _Follow("AUTH-20", "RDY-10", _same_request, "A file that only the server may read is served."),
    _Follow("RDY-10", "AUTH-13 WH-11", _same_request),
    # Pages.
    _Follow("OPS-10", "AUTH-13", lambda root, other: _same_request(root, other) and other.got(200),
            "The sales page is not the dashboard's."),
    _Follow("AUTH-13", "OPS-10", _same_request),
    # Other sites.
    _Follow("CORS-02", "CORS-01 CORS-03", _star("origin"), "Every site may call the API (*)."),
    _Follow("CORS-04", "CORS-03", _star("methods"), "Other sites may use every method (*)."),
    _Follow("CORS-05", "CORS-03", _star("headers"), "Other sites may send every header (*)."),
    _Follow("CORS-06", "CORS-01 CORS-03 CORS-04 CORS-05",
            sentence="A browser's preflight is not answered as CORS requires."),
    _Follow("CORS-05", "CORS-01", lambda root, other: _same_answer(root, other) and other.got(400),
            "The allowed sites may not send a header that they need."),
    # The state and what reads it.
    _Follow("STATE-01", "STATE-05 STATE-06", _always, "Redis does not hold what was migrated."),
    _Follow("STATE-06", "OPS-06 RDY-15", _shows(r'"count":\s*0'),
            "The deployment does not show the state that Redis holds."),
    _Follow("OPS-07", "OPS-08", _same_request, "An email counts as sent, and is not proved."),
)
# fmt: on

_API = ("/api/", "/webhooks/", "/inngest")
_READINESS = "/api/health/ready"
_READY = ("AUTH-03", "RDY-01", "RDY-02", "RDY-07")
_DEPENDENCIES = {
    "RDY-03": ("redis", "Redis is down for the deployment."),
    "RDY-04": ("inngest", "Inngest is not ready in the deployment."),
}
_NO_SECRET = re.compile("(?i)secret|not configured")
# The checks that ask without anything, and those that ask the same paths with something.
_NOTHING = ("AUTH-01", "AUTH-02", "AUTH-09", "WH-03")
_THROUGH = (
    *(f"AUTH-{n:02}" for n in (4, 7, 8, 10, 11, 12, 15, 17, 19)),
    *(f"WH-{n:02}" for n in (4, 5, 6, 7, 8, 12, 13)),
)
_REFUSALS = (401, 403, 429)
_CARRYING = {"authorization", "cookie", TOKEN_HEADER.lower()}
_FREE = ("RDY-10",)  # it judges what a response shows, whatever its status code
_REACH = (
    "See that the URL is right, that the deployment runs, and that this machine can reach it directly: "
    "the checks use "
    "no proxy of the environment (HTTPS_PROXY)."
)
_WHOSE = (
    "See that the base URL is the dashboard's (--base-url, base_url of the profile or CAIO_BASE_URL), "
    "and in Railway's "
    "deploy logs that it runs there; then run again."
)
_ROWS: tuple[_Row, ...] = (
    *(_broken, _missing, _outside, _unkeyed_providers, _dependencies),
    functools.partial(_followed, _VARIABLES),
    *(_open_doors, _wrong_answers, functools.partial(_followed, _FOLLOWS), _each),
)
