"""The causes of a NO-GO: what is wrong with a deployment, each with one action.

Most failed checks are consequences. `_ROWS` reduces the failed cases of an environment to causes, row by row:
each row takes the cases that it explains, and what is left at the end is a cause of its own, with the check's
own fix. `FOLLOWS` is the part of the table that says which check explains which others.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from pytest_caio.checks.credentials import TOKEN_KEY
from pytest_caio.checks.probe import EDGE_STATUSES
from pytest_caio.contract.providers import ROUTES, WebhookProvider
from pytest_caio.outcomes import TO_BE_ANSWERED
from pytest_caio.probing.causes import CACHED
from pytest_caio.verdict.doors import NOTHING, THROUGH, lacks_state, open_doors
from pytest_caio.verdict.failures import (
    ENVIRONMENT,
    MISSING,
    OTHER,
    UNREACHABLE,
    Cause,
    Failure,
    answer_of,
    header_of,
)
from pytest_caio.verdict.follows import FOLLOWS, VARIABLES, Follow
from pytest_caio.verdict.inputs import file_of_another, missing_inputs
from pytest_caio.verdict.outcome import OWN_FAULT, AdvisedBecause, Outcome
from pytest_caio.verdict.product import not_the_dashboard
from pytest_caio.verdict.record import (
    CauseRecord,
    CheckRecord,
    EnvironmentRecord,
)
from pytest_caio.verdict.wrong import crashing, not_found, wrong_answer

__all__ = ["causes_of", "once"]

_Failures: TypeAlias = Sequence[Failure]
_Row: TypeAlias = Callable[[_Failures], Iterable[Cause]]


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


def _found(environment: EnvironmentRecord) -> list[Cause]:
    if environment.unreachable:
        silent = [
            Failure(check, case, ())
            for check in environment.checks
            for case in check.cases
            if case.outcome.bad or check.outcome is Outcome.NOT_RUN
        ]
        sentence = f"{environment.name} could not be reached: {environment.unreachable}."
        return [Cause(sentence, _REACH, "you", silent, UNREACHABLE, shown=0)]
    exchanges = {exchange.n: exchange for exchange in environment.exchanges}
    left = [
        Failure(check, case, tuple(exchanges[n] for n in case.exchanges))
        for check in environment.checks
        for case in check.cases
        if case.outcome.bad or case.advised_because is AdvisedBecause.CHECK_ADVISES
    ]
    found = []
    rows: list[_Row] = [functools.partial(not_the_dashboard, environment), *_ROWS]
    for row in rows:
        for cause in row(left):
            left = [failure for failure in left if failure not in cause.failures]
            found.append(cause)
    # Advice that has the cause of a failure stands under it; advice alone is none.
    return [cause for cause in found if any(failure.prevents for failure in cause.failures)]


# --- the rows of the table, in their order: what each takes, no later row sees


def _broken(left: _Failures) -> Iterable[Cause]:
    """Checks that broke: a fault of the suite, which judged nothing."""
    broken = [failure for failure in left if failure.case.outcome is Outcome.ERROR]
    if broken:
        yield Cause("A check broke, so that nothing was judged.", OWN_FAULT, "you", broken, MISSING)


def _outside(left: _Failures) -> Iterable[Cause]:
    """A cause outside the checks: a refused token, a limit, a firewall, the edge, no answer at all."""
    outside: dict[tuple[str, str], list[Failure]] = {}
    for failure in left:
        if failure.case.cause:
            outside.setdefault((failure.case.cause, failure.case.fix), []).append(failure)
    silent = [f for f in left if f.case.expected == TO_BE_ANSWERED and not f.case.cause]
    for (cause, fix), failures in outside.items():
        if any(failure.got(*EDGE_STATUSES) for failure in failures):  # the edge drops other requests too
            failures.extend(silent)
            silent = []
        if any(failure.got(401) for failure in failures):  # with the two secrets exchanged, it signs sessions
            failures.extend(f for f in left if (f.id, f.case.name) in _OF_THE_TOKEN)
        if cause == CACHED.sentence:
            failures.extend(f for f in left if f not in failures and _copied(f))
        yield Cause(f"{cause[:1].upper()}{cause[1:]}.", fix, "you", failures)
    for fix in dict.fromkeys(failure.case.fix for failure in silent):
        failures = [failure for failure in silent if failure.case.fix == fix]
        unanswered = {e.n: e for failure in failures for e in failure.exchanges if e.error}
        first, also = failures[0].case.observed, len(unanswered) - 1
        yield Cause(
            f"{first}{f' (and {also} more)' if also > 0 else ''}.", fix, failures[0].case.by, failures
        )


def _copied(failure: Failure) -> bool:
    """Whether a case judged a copy that a cache had kept, or says so."""
    kept = any(header_of(exchange, "age").strip().strip("0") for exchange in failure.exchanges)
    return kept or "a copy that a cache had kept" in failure.case.observed


def _unkeyed_providers(left: _Failures) -> Iterable[Cause]:
    """A webhook route answers 503, since its provider has neither secret nor bearer."""
    unkeyed: dict[str, list[Failure]] = {}
    for failure in left:
        for exchange in failure.exchanges:
            provider = ROUTES.get(answer_of(exchange).path)
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
        same = [f for f in left if f not in (*reports, *failures) and _unkeyed(f, provider)]
        places = "In Railway and in the env file" if any(f.case.missing for f in same) else "In Railway"
        yield Cause(
            f"{provider.title} has no secret: its webhooks answer 503.",
            f"{places}, set {keys} to the value on {provider.title}'s webhook page, then redeploy.",
            "you",
            [*reports, *failures, *same],
        )
        reports = []


def _unkeyed(failure: Failure, provider: WebhookProvider) -> bool:
    """Whether a case says in another way that a provider has no secret: the env file, or the report."""
    said = failure.id == "WH-08" and failure.case.name == "allowlist" and provider.name == "heyreach"
    in_file = failure.id == "ENV-13" and failure.case.name == provider.name
    return in_file or said or not {*failure.case.missing}.isdisjoint(provider.keys)


def _dependencies(left: _Failures) -> Iterable[Cause]:
    """A dependency is down: its own part of the report says so, and what needs it fails."""
    for check, (part, sentence) in _DEPENDENCIES.items():
        roots = [failure for failure in left if failure.id == check]
        if not roots:
            continue
        # Where readiness crashes, it is at fault itself.
        needs = [f for f in left if f.id in _READY and _says_down(part, f)]
        if part == "redis":  # only this one holds the state that every route reads
            guards = (*_READY, *NOTHING, *THROUGH, *_FREE)
            needs += [
                f
                for f in left
                if f not in needs and f.id not in guards and any(map(lacks_state, f.exchanges))
            ]
        if part == "inngest":
            needs += [f for f in left if f.id in ("RDY-05", "RDY-06") and f.got(404)]
        root = roots[0]
        unwell = part == "redis" and not _UNCONNECTED.search(root.case.observed)
        if needs:
            yield Cause(
                "Redis is not as the deployment needs it." if unwell else sentence,
                root.case.fix,
                root.case.by,
                [*roots, *needs],
            )


def _says_down(part: str, failure: Failure) -> bool:
    """Whether a case failed since a readiness response says that this dependency is not ready.

    Where readiness crashes, it is at fault itself. RDY-07 compares a readiness that says ready with the
    report.
    """
    if failure.got(500) or (failure.id == "RDY-07" and failure.got(503)):
        return False
    pattern = rf'not ready: [^"]*\b{part}\b|"required_failures":\s*\[[^]]*"{part}"'
    return any(re.search(pattern, exchange.body_excerpt) for exchange in failure.exchanges)


def _wrong_answers(left: _Failures) -> Iterable[Cause]:
    """The same wrong answer to the same request, judged by several checks."""
    for answer in dict.fromkeys(a for f in left for a in sorted(f.answers, key=str)):
        judged = [f for f in left if answer in f.answers and f.id not in _FREE]
        exchange = next((e for f in judged for e in f.exchanges if answer_of(e) == answer), None)
        if exchange is not None and lacks_state(exchange):
            # Past the guard the state is missing: each of these checks found a way in, which it names itself.
            judged = [f for f in judged if f.id not in (*NOTHING, *THROUGH)]
        if exchange is None or len({failure.id for failure in judged}) < 2:
            continue
        told = wrong_answer(answer, exchange)
        if told:
            sentence, action, who = told
            left = [failure for failure in left if failure not in judged]
            yield Cause(sentence, action, who, judged)


def _followed(follows: Sequence[Follow], left: _Failures) -> Iterable[Cause]:
    """A check whose failure explains others, by `VARIABLES` and `FOLLOWS`."""
    for follow in follows:
        for roots in _with_one_action(failure for failure in left if failure.id == follow.check):
            explained = [
                failure
                for failure in left
                if failure.id in follow.explains.split() and any(follow.when(root, failure) for root in roots)
            ]
            if explained:
                root, taken = roots[0], [*roots, *explained]
                left = [failure for failure in left if failure not in taken]
                sentence = follow.sentence or _wrong(root.check)
                yield Cause(sentence, _action(roots), root.case.by, taken, _rank(root.check))


def _each(left: _Failures) -> Iterable[Cause]:
    """What no other row explains: the check itself, with its fix."""
    for failures in _with_one_action(left):
        first = failures[0]
        yield Cause(_wrong(first.check), _action(failures), first.case.by, failures, _rank(first.check))


def _with_one_action(failures: Iterable[Failure]) -> list[list[Failure]]:
    """Return the cases of each check that one action puts right.

    Cases of the environment file are about a variable each: those whose actions differ in the variable
    alone have one action, others have their own. Any other check has one.
    """
    together: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        of_variables = failure.check.gate == "environment"
        form = _VARIABLE.sub("", failure.case.fix) if of_variables else ""
        together.setdefault((failure.id, form), []).append(failure)
    return [*together.values()]


def _action(failures: _Failures) -> str:
    """Return the fix of the first of these cases, with the variables of all."""
    first, *more = dict.fromkeys(failure.case.fix for failure in failures)
    if failures[0].check.gate != "environment" or not more:
        return first
    named = zip(*(_VARIABLE.findall(fix) for fix in (first, *more)), strict=True)
    words = iter([" and ".join(dict.fromkeys(variables)) for variables in named])
    return _VARIABLE.sub(lambda _: next(words), first)


def _wrong(check: CheckRecord) -> str:
    return check.wrong or f"This does not hold: {check.title}."


def _rank(check: CheckRecord) -> int:
    return ENVIRONMENT if check.gate == "environment" else OTHER


_READY = ("AUTH-03", "RDY-01", "RDY-02", "RDY-07")
_DEPENDENCIES = {
    "RDY-03": ("redis", "Redis is down for the deployment."),
    "RDY-04": ("inngest", "Inngest is not ready in the deployment."),
}
_OF_THE_TOKEN = (("AUTH-08", f"session signed with {TOKEN_KEY}"), ("ENV-08", TOKEN_KEY))
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]{4,}(?:=[\w:-]+)?")  # with the value to set
_UNCONNECTED = re.compile("connected: (false|nothing)|answered 503")
_NO_SECRET = re.compile("(?i)secret|not configured")
# What a response shows, whatever its status code, and which commit any of several responses names.
_FREE = ("RDY-10", "RDY-13")
_REACH = (
    "See that the URL is right, that the deployment runs, and that this machine can reach it directly: "
    "the checks use no proxy of the environment (HTTPS_PROXY)."
)
_ROWS: tuple[_Row, ...] = (
    *(
        _broken,
        _unkeyed_providers,
        missing_inputs,
        file_of_another,
        _outside,
        not_found,
        crashing,
        _dependencies,
    ),
    functools.partial(_followed, VARIABLES),
    *(open_doors, _wrong_answers, functools.partial(_followed, FOLLOWS), _each),
)
