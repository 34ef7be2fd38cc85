"""Groups for one run each: faults that turn different checks red, variations that can hold together."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_caio.reference.faults import Fault

__all__ = ["APART", "LEAKING_INTO", "SEED_VARIABLE", "fault_groups", "seed", "touched", "variation_groups"]

SEED_VARIABLE = "FAULT_GROUPS_SEED"
# Faults that hide other faults, or are hidden by them, although they turn different checks red. Each is kept
# out of a group with the faults named here, and with every fault that turns a check named here red.
APART: Mapping[str, tuple[str, ...]] = {
    # Where any token is accepted, a 403 or 404 looks like the refusal of a malformed token.
    "any-token": ("status-403", "status-404", "refusal-explained"),
    # A caller who gets in by a header gets the same 403 as one with the token, as if a proxy had refused.
    "status-403": ("AUTH-19",),
    "refusal-explained": ("AUTH-19",),
    # Where no token is accepted, no wrong one is; and a caller who needs no token is not refused.
    # It looks as if token and session secret were exchanged, where the one that was given signs sessions.
    "token-refused": (
        *("AUTH-01", "AUTH-02", "AUTH-04", "AUTH-07", "AUTH-12", "AUTH-15", "AUTH-17"),
        *("session-by-token", "opened-reflected"),
    ),
    # With signatures not required, one cause: a provider without a secret is let in.
    "clay-unsigned": ("WH-02",),
    # One cause: what is said of a provider whose route is open.
    **dict.fromkeys(("plain-unsigned", "inside-unsigned"), ("WH-02",)),
    # And an open route takes a wrong signature too.
    "unsigned-webhooks": ("WH-02", "WH-05", "WH-06"),
    # Webhooks that refuse everything accept no wrong signature.
    "signed-refused": ("WH-03", "WH-04", "WH-05", "WH-06", "WH-07", "WH-08", "WH-12", "WH-13"),
    # Without Clay's secret, the report is right to say so, and no response can contain the secret.
    **dict.fromkeys(("bearer-prefix", "bearer-any-case"), ("secret-unsaid", "secret-leaked")),
    # Where a route is open, a crash on its odd signature is one of the ways in.
    "odd-signature-500": ("WH-03",),
    # The report of a provider without a secret is not the one that is wrong.
    **dict.fromkeys(("secret-missing", "clay-vouched-for"), ("redis-unready",)),
    # A malformed credential that is accepted leads to a crash on the body.
    "nonsense-500": ("WH-03", "WH-04", "WH-05", "WH-06", "WH-07", "WH-08", "WH-12", "WH-13"),
    # A provider without a credential is then let in, not answered 503.
    "signatures-optional": ("secret-missing", "clay-vouched-for"),
    # Where no card is shown, or the stored state is gone, no card can be wrong.
    **dict.fromkeys(
        ("namespace-unnamed", "wrong-database", "wrong-queue-prefix", "cards-withheld"),
        ("OPS-05", "OPS-06", "OPS-11", "STATE-06"),
    ),
    # A missing secret has no blank in it, and a card that is not shown has no date.
    **dict.fromkeys(("event-key-empty", "secret-placeholder"), ("ENV-15",)),
    **dict.fromkeys(("card-dropped", "card-hidden"), ("OPS-06",)),
    "redis-emptied": ("OPS-05", "OPS-06", "OPS-07", "OPS-11", "STATE-03", "STATE-06"),
    # Without a session the page behind the login cannot be seen.
    **dict.fromkeys(
        ("sales-unwired-inside", "sales-script-elsewhere", "sales-broken-inside", "sales-asks-again"),
        ("AUTH-14",),
    ),
    # A guard in front of the CORS policy lets preflights of unguarded paths pass.
    "preflight-guarded": ("AUTH-01",),
    # These use what the others remove: bearers, a secret, the configured Redis.
    "bearer-as-token": ("secret-missing", "clay-vouched-for", "heyreach-open", "heyreach-unsigned"),
    "bearer-opens-api": ("secret-missing", "clay-vouched-for", "heyreach-open", "heyreach-unsigned"),
    "session-by-bearer": ("secret-missing", "clay-vouched-for"),
    "secret-leaked": ("secret-missing", "clay-vouched-for"),
    # What is open then answers 503, also to other sites, of which it decides nothing.
    "redis-down": ("AUTH-01",),
    "redis-evicts": ("redis-down",),
    "redis-read-only": ("redis-down",),
    # Where all health paths are public, readiness is too.
    "health-anywhere": ("readiness-guarded",),
    "health-before": ("readiness-guarded",),
    # These leak in a response that the others replace: readiness with 200, the refusals of the operator
    # status and of an introspection, the login page.
    "connection-leaked": ("RDY-01", "RDY-07"),
    # Readiness that is not ready no longer contradicts the report.
    **dict.fromkeys(("webhooks-not-ready", "redis-unready", "inngest-unready"), ("RDY-01",)),
    # It serves another path's response in place of readiness, which these replace or write into.
    "original-url-served": ("RDY-01", "RDY-07", "AUTH-05", "connection-leaked"),
    "traceback-leaked": ("AUTH-01",),
    "signing-key-leaked": ("RDY-05",),
    "inngest-signature-expected": ("RDY-05",),
    "password-leaked": ("login-page-500",),
    "trace-of-malformed": ("AUTH-01", "AUTH-07", "AUTH-17"),
    "token-in-login": ("AUTH-16", "login-page-500"),
    "token-in-preflight": ("CORS-02", "CORS-06"),
    "person-in-refusal": ("AUTH-09",),
    "connection-in-webhook": ("WH-03",),
    "token-packed": ("AUTH-09",),
    "signature-of-another": ("WH-03", "WH-05", "WH-08", "ENV-08", "ENV-09"),
    # It rewrites the cookies of a login; the others change what signs them, or remove the login.
    "secret-after-login": ("AUTH-14", "RDY-08", "ENV-01", "ENV-08", "ENV-09", "login-page-500"),
    # These contradict a report that says it is ready.
    **dict.fromkeys(
        ("readiness-denied", "readiness-without-redis"),
        # The dependencies that it denies: with a fault of one of them, they are one cause.
        ("RDY-01", "redis-optional", "RDY-03", "RDY-04", "WH-02"),
    ),
    **dict.fromkeys(("ready-and-not", "dependency-down"), ("RDY-01", "RDY-02")),
    # It sets the header that the others leave out or repeat.
    "origin-in-answers": ("answers-silent", "answers-named-twice"),
    # Both say that Redis is at fault: with another fault of Redis, they are one cause.
    **dict.fromkeys(("readiness-503", "failures-listed"), ("RDY-03",)),
    # These change a report that the others replace.
    "models-unrouted": ("AUTH-06", "AUTH-05"),
    "operator-off": ("AUTH-05",),
    "emergency-stopped": ("AUTH-05",),
    # It leaks the session secret, which is recognized by the env file's value.
    "secret-encoded": (
        *("session-secret-unset", "session-secret-implicit"),
        *("secret-short", "secret-reused", "secret-revoked"),
    ),
    # One cause: a page that crashes shows nothing of who may open it.
    "pages-open": ("sales-broken-inside",),
    # One cause: a limit on how often the deployment is asked.
    "files-put-off": ("malformed-put-off",),
    # One cause: readiness that asks for a token is not judged by its time.
    "slow-readiness": ("readiness-guarded",),
    # One cause: a Redis database that is not the deployment's lacks its queue as well.
    **dict.fromkeys(("queue-elsewhere", "queue-merged", "queue-without-redis"), ("wrong-database",)),
}
# Faults that leak in some responses to these checks: RDY-10, which judges the responses of all checks, is
# red only if they are asked whole. Every other leak is seen in a response that each run asks for.
LEAKING_INTO: Mapping[str, tuple[str, ...]] = {
    "signature-of-another": ("WH-03",),
    "connection-in-webhook": ("WH-03",),
    "token-in-preflight": ("CORS-05",),
    "person-in-refusal": ("AUTH-09",),
    "trace-of-malformed": ("AUTH-17",),
}
# Variations that exclude each other: one would undo the other, or could not parse its result.
_EITHER = (
    {"refusals-empty", "refusals-html", "refusals-challenge"},
    {"providers-sign", "providers-by-bearer"},
    {"redirects-absolute", "redirects-https", "redirects-capitals"},
    {"firewall", "headers-otherwise"},
    {"queues-empty", "fields-left-out"},
    *({"queues-empty", name} for name in ("cards-of-visitors", "card-of-another-tier", "card-excluded")),
    # The queue reports what it leaves out in a field that older deployments do not have.
    *({"fields-left-out", name} for name in ("card-of-another-tier", "card-excluded")),
    {"history-proved", "history-silent"},
    *({"fields-left-out", name} for name in ("history-proved", "history-silent")),
    {"spellings-refused", "spellings-forbidden", "spellings-not-found"},
    {"pages-for-everything", "files-not-found"},
    *({"paths-cleaned", name} for name in ("firewall", "pages-for-everything", "files-not-found")),
    {"times-in-z", "times-elsewhere", "times-without-zone"},
    {"json-charset", "json-typed"},
    {"json-indented", "json-escaped", "headers-otherwise"},
    {"fields-added", "headers-otherwise"},
    {"answers-packed", "headers-otherwise"},
    {"policy-silent", "headers-otherwise"},
)
# These change the responses that the others edit.
_LAST = ("answers-packed", "headers-otherwise")


def seed() -> str:
    """Return the seed of this run's groups, from the environment, or else always the same one.

    `make nightly` draws another one each time, so that any two faults meet sooner or later.
    """
    return os.environ.get(SEED_VARIABLE, "7849")


def fault_groups(areas: Sequence[Iterable[Fault]], seed: str) -> list[list[str]]:
    """Return the name of every fault of these areas once, in groups shuffled by the seed.

    A group has at most one fault of each area, since faults of one area often change the same decision. It is
    in the order of the areas, so that the effect of two faults together does not depend on the seed.
    """
    faults = [(file, fault) for file, area in enumerate(areas) for fault in area]
    order = [fault.name for _, fault in faults]
    random.Random(seed).shuffle(faults)
    # The faults that turn most checks red come first, since later they would fit into no group.
    faults.sort(key=lambda one: len(touched(one[1])), reverse=True)
    groups: list[list[str]] = []
    held: dict[str, tuple[int, Fault]] = {}
    for file, fault in faults:
        held[fault.name] = (file, fault)
        fitting = [group for group in groups if not any(_clash(held[name], (file, fault)) for name in group)]
        if not fitting:
            fitting = [[]]
            groups += fitting
        min(fitting, key=len).append(fault.name)
    return [sorted(group, key=order.index) for group in groups]


def variation_groups(
    variations: Iterable[str], first: Sequence[str] = (), apart: Collection[str] = ()
) -> list[list[str]]:
    """Return every variation once, in few groups, each in an order in which all take effect.

    The first group has all of `first`, and none of `apart`.
    """
    names = list(variations)
    against = {name: set().union(*(either for either in _EITHER if name in either)) for name in names}
    groups: list[list[str]] = [[] for _ in range(max(map(len, _EITHER)))]
    groups[0] += first
    # Those that exclude most come first, since later they would fit into no group.
    others = sorted(set(names) - set(first), key=names.index)
    for name in sorted(others, key=lambda name: (name in apart, len(against[name])), reverse=True):
        allowed = groups[1:] if name in apart else groups
        min((group for group in allowed if against[name].isdisjoint(group)), key=len).append(name)
    order = [*(name for name in names if name not in _LAST), *_LAST]
    return [sorted(group, key=order.index) for group in groups]


def touched(fault: Fault) -> set[str]:
    """Return every check that a fault turns red."""
    return {*fault.reds, *fault.consequences}


def _clash(held: tuple[int, Fault], more: tuple[int, Fault]) -> bool:
    return held[0] == more[0] or _apart(held[1], more[1])


def _apart(one: Fault, other: Fault) -> bool:
    return not touched(one).isdisjoint((*other.reds, *other.consequences)) or any(
        a.name in APART and not {b.name, *touched(b)}.isdisjoint(APART[a.name])
        for a, b in ((one, other), (other, one))
    )
