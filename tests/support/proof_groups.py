"""Groups that one run proves: faults that turn red what is their own, variations that can hold together."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_caio.reference.faults import Fault

__all__ = ["APART", "SEED_VARIABLE", "fault_groups", "seed", "touched", "variation_groups"]

SEED_VARIABLE = "FAULT_GROUPS_SEED"
# Faults that hide others or are hidden by them, though they turn other checks red: never in a group with what
# is named here, a fault or whichever turns that check red.
APART: Mapping[str, tuple[str, ...]] = {
    # To whom any token opens, an answer of 403 or 404 looks like a refusal of a malformed one.
    "any-token": ("status-403", "status-404", "refusal-explained"),
    # Who is let in by a header is answered as the token is, here 403, as if refused by a proxy.
    "status-403": ("AUTH-19",),
    "refusal-explained": ("AUTH-19",),
    # Where no token is right, none is too good either; and who needs none is not refused.
    "token-refused": ("AUTH-01", "AUTH-02", "AUTH-04", "AUTH-07", "AUTH-12", "AUTH-15", "AUTH-17"),
    # Webhooks that refuse everything open to nobody.
    "signed-refused": ("WH-03", "WH-04", "WH-05", "WH-06", "WH-07", "WH-08", "WH-12", "WH-13"),
    # With Clay's secret gone, nothing is wrong about saying so, and it can be found nowhere.
    **dict.fromkeys(("bearer-prefix", "bearer-any-case"), ("secret-unsaid", "secret-leaked")),
    # A malformed credential that is let in would then crash on the body.
    "nonsense-500": ("any-signature", "malformed-signature"),
    # A provider without a credential is then let in, not answered 503.
    "signatures-optional": ("secret-missing", "clay-vouched-for"),
    # Where no card is shown, or all that was kept is gone, none can be wrong.
    **dict.fromkeys(
        ("namespace-unnamed", "wrong-database", "wrong-queue-prefix", "cards-withheld"),
        ("OPS-05", "OPS-06", "OPS-11", "STATE-06"),
    ),
    # A secret that is gone has no blank in it, and a card that is not shown has no date.
    **dict.fromkeys(("event-key-empty", "secret-placeholder"), ("ENV-15",)),
    "card-dropped": ("OPS-06",),
    "redis-emptied": ("OPS-05", "OPS-06", "OPS-07", "OPS-11", "STATE-03", "STATE-06"),
    # Without a session nobody sees the page behind it.
    **dict.fromkeys(("sales-unwired-inside", "sales-broken-inside", "sales-asks-again"), ("AUTH-14",)),
    # The guard before the policy lets by the preflights of what it does not guard.
    "preflight-guarded": ("AUTH-01",),
    # These are made of what the others take away: bearers, a secret, the Redis that is configured.
    "bearer-as-token": ("secret-missing", "clay-vouched-for", "heyreach-open", "heyreach-unsigned"),
    "bearer-opens-api": ("secret-missing", "clay-vouched-for", "heyreach-open", "heyreach-unsigned"),
    "session-by-bearer": ("secret-missing", "clay-vouched-for"),
    "secret-leaked": ("secret-missing", "clay-vouched-for"),
    "redis-evicts": ("redis-down",),
    "redis-read-only": ("redis-down",),
    # To whom every health is open, readiness is too.
    "health-anywhere": ("readiness-guarded",),
    "health-before": ("readiness-guarded",),
    # These leak in an answer that the others replace: a readiness that is 200, the refusals of the operator
    # status and of an introspection, the login page.
    "connection-leaked": ("RDY-01",),
    # It answers what belongs to another path where readiness is, which these replace.
    "original-url-served": ("RDY-01",),
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
    # The one rewrites the cookies of a login, the others what signs them, or whether there is a login.
    "secret-after-login": ("AUTH-14", "RDY-08", "ENV-01", "ENV-08", "ENV-09", "login-page-500"),
    # These contradict a report that says it is ready.
    **dict.fromkeys(("readiness-denied", "readiness-without-redis"), ("RDY-01",)),
    **dict.fromkeys(("ready-and-not", "dependency-down"), ("RDY-01", "RDY-02")),
    # It sets anew what these leave out or repeat.
    "origin-in-answers": ("answers-silent", "answers-named-twice"),
    # What these say is not said where the report is another.
    "models-unrouted": ("AUTH-06",),
    "operator-off": ("AUTH-05",),
    "emergency-stopped": ("AUTH-05",),
    # It leaks the secret for sessions, which is known by the env file.
    "secret-encoded": (
        *("session-secret-unset", "session-secret-implicit"),
        *("secret-short", "secret-reused", "secret-revoked"),
    ),
}
# Variations of which one alone can hold: another would undo it, or could not read what it left.
_EITHER = (
    {"refusals-empty", "refusals-html", "refusals-challenge"},
    {"redirects-absolute", "redirects-https"},
    {"queues-empty", "fields-left-out"},
    *({"queues-empty", name} for name in ("cards-of-visitors", "card-of-another-tier", "card-excluded")),
    # What the queue leaves out it says in the part that an older one does not have.
    *({"fields-left-out", name} for name in ("card-of-another-tier", "card-excluded")),
    {"history-proved", "history-silent"},
    *({"fields-left-out", name} for name in ("history-proved", "history-silent")),
    {"spellings-refused", "spellings-forbidden", "spellings-not-found"},
    {"pages-for-everything", "files-not-found"},
    {"times-in-z", "times-elsewhere", "times-without-zone"},
    {"json-charset", "json-typed"},
    {"json-indented", "json-escaped", "headers-otherwise"},
    {"fields-added", "headers-otherwise"},
    {"answers-packed", "headers-otherwise"},
    {"policy-silent", "headers-otherwise"},
)
# They change what the others look at.
_LAST = ("answers-packed", "headers-otherwise")


def seed() -> str:
    """Return the seed of this run's groups: the environment's, else one that is drawn now.

    A drawn one is put into the environment, so that every process that this one starts has it too.
    """
    return os.environ.setdefault(SEED_VARIABLE, str(secrets.randbelow(10_000)))


def fault_groups(areas: Sequence[Iterable[Fault]], seed: str) -> list[list[str]]:
    """Return the name of every fault of these areas once, in groups that the seed shuffles.

    A group has at most one fault of each area, since those of an area often change the same decision, and is
    in the order of the areas: what two faults do together does not depend on the seed.
    """
    faults = [(file, fault) for file, area in enumerate(areas) for fault in area]
    order = [fault.name for _, fault in faults]
    random.Random(seed).shuffle(faults)
    # Those that turn most red come first: later they would fit nowhere.
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


def variation_groups(variations: Iterable[str]) -> list[list[str]]:
    """Return every variation once, in as few groups as can hold, each in an order in which all show."""
    names = list(variations)
    against = {name: set().union(*(either for either in _EITHER if name in either)) for name in names}
    groups: list[list[str]] = [[] for _ in range(max(map(len, _EITHER)))]
    for name in sorted(names, key=lambda name: len(against[name]), reverse=True):
        min((group for group in groups if against[name].isdisjoint(group)), key=len).append(name)
    order = [*(name for name in names if name not in _LAST), *_LAST]
    return [sorted(group, key=order.index) for group in groups]


def touched(fault: Fault) -> set[str]:
    """Return every check that a fault turns red."""
    return {*fault.reds, *fault.consequences}


def _clash(held: tuple[int, Fault], more: tuple[int, Fault]) -> bool:
    return held[0] == more[0] or _apart(held[1], more[1])


def _apart(one: Fault, other: Fault) -> bool:
    return not touched(one).isdisjoint(touched(other)) or any(
        {b.name, *touched(b)} & {*APART.get(a.name, ())} for a, b in ((one, other), (other, one))
    )
