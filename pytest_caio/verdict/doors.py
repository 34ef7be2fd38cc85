"""Doors that are open: paths and routes that let in a caller without anything, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from pytest_caio.contract.providers import PROVIDERS, ROUTES
from pytest_caio.verdict.failures import Cause, Failure
from pytest_caio.verdict.record import ExchangeRecord

__all__ = ["NOTHING", "THROUGH", "lacks_state", "open_doors"]

# The checks that ask without anything, and those that ask the same paths with something.
NOTHING = ("AUTH-01", "AUTH-02", "AUTH-09", "WH-03")
THROUGH = (
    *(f"AUTH-{n:02}" for n in (4, 7, 8, 10, 11, 12, 15, 17, 19)),
    *(f"WH-{n:02}" for n in (4, 5, 6, 7, 8, 12, 13)),
)
_REFUSALS = (401, 403, 429)
_NAMED = 3  # paths in an action; the cause's cases have more


def lacks_state(exchange: ExchangeRecord) -> bool:
    """Return whether a route answers 503 since it cannot read the state: the caller was let in."""
    return exchange.status == 503 and bool(re.search("(?i)state|store|redis", exchange.body_excerpt))


def open_doors(left: Sequence[Failure]) -> Iterable[Cause]:
    """A path or route lets in a caller without anything, and so near misses, other methods and spellings."""
    doors: dict[tuple[str, bool], list[Failure]] = {}
    for failure in left:
        if failure.id in NOTHING or (failure.id == "WH-08" and failure.case.name.endswith("unsigned")):
            statuses = [answer.status for answer in failure.answers if answer.status]
            redirected = any(300 <= status < 400 for status in statuses)
            behind = any(map(lacks_state, failure.exchanges))  # past the guard, the state is missing
            if behind or any(status < 500 and status not in _REFUSALS for status in statuses):
                # AUTH-09 asks every path, each with a fix that names it: those that are open are one door.
                one = "" if redirected else failure.id if failure.id == "AUTH-09" else failure.case.fix
                doors.setdefault((one, redirected), []).append(failure)
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
            if failure.id in THROUGH and failure not in roots and _leads(failure, paths)
        ]
        # Where signatures are not required, a secret that is missing goes unseen.
        if any(failure.id == "WH-01" for failure in left):
            titles = {ROUTES[path].title for path in paths if path in ROUTES}
            through += [f for f in left if f.id == "WH-02" and titles >= _denied(f)]
        if paths == [*PROVIDERS["heyreach"].routes]:  # it may be so by decision, which the env file then says
            roots[:0] = [failure for failure in left if failure.id == "ENV-11"]
        where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        sentence = (
            f"Callers without a token are redirected instead of refused: {where}."
            if redirected
            else f"Anyone gets in without a token or signature: {where}."
        )
        action, who = roots[0].case.fix, roots[0].case.by
        many = sorted({path for failure in roots if failure.id == "AUTH-09" for path in failure.paths})
        if len(many) > 1 and not redirected:
            action, who = _unguarded(many), "you"
        yield Cause(sentence, action, who, [*roots, *through])


def _unguarded(paths: Sequence[str]) -> str:
    """Return what to do where several paths of the API are open."""
    listed = ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if paths[_NAMED:] else "")
    return (
        "In Railway, set DASHBOARD_AUTH_STRICT=true and take these paths out of DASHBOARD_AUTH_ALLOWLIST, "
        'then redeploy. If neither was wrong, hand to the developer: "The auth guard must refuse every path '
        f'under /api/ without a token: {listed} let everybody in."'
    )


def _denied(failure: Failure) -> set[str]:
    """Return the titles of the providers that a case of WH-02 saw denied: what it says after the colon."""
    denied, _, titles = failure.case.observed.partition(": ")
    return {*titles.split(", ")} if denied == "said not to authenticate" else {""}


def _leads(failure: Failure, paths: Iterable[str]) -> bool:
    """Whether a case asked for one of these open paths, in another way or another spelling."""
    asked = failure.paths | {unquote(unquote(path)).replace("//", "/").lower() for path in failure.paths}
    if failure.id == "WH-08" and failure.case.name == "allowlist":  # what the report says of HeyReach's route
        return any(ROUTES[path].name == "heyreach" for path in paths if path in ROUTES)
    if failure.id != "AUTH-10":
        return not asked.isdisjoint(paths)
    # What lets in one name, such as /api/agents/NAME, lets in every name there.
    named = tuple(f"{path.rpartition('/')[0]}/" for path in paths if path.rpartition("/")[2] == "caio-probe")
    return not asked.isdisjoint(paths) or any(path.startswith(named) for path in asked)
