"""First, no harm: a run that only reads changes nothing, even where every door stands open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import redis

from pytest_caio.contract.providers import ROUTES
from pytest_caio.reference import faults
from pytest_caio.reference.faults.fault import fault
from pytest_caio.reference.faults.verbs import admit_webhook, assign, open_door
from tests.support.suite_runs import ASKING, Ask, Deployment, Outcome

EVERY_DOOR_OPEN = fault(
    "every-door-open",
    "Nothing is guarded: neither paths nor webhooks, neither login nor websocket, and any site may ask.",
    "",
    open_door(lambda _: True),
    admit_webhook(lambda _: True),
    assign(
        authorised=lambda _: True,
        token_accepted=lambda _: True,
        login_accepted=lambda _: True,
        session_accepted=lambda _: True,
        websocket_guarded=False,
    ),
    lambda deployment: setattr(deployment.cors, "origin_regex", ".*"),
)
# What webhook probes carried once: a handler does not know the event, and acts on it all the same.
UNKNOWN_EVENT = {"event_type": "caio_acceptance_probe", "email": "probe@example.com"}

# All that a deployment holds, by where (a Redis database, or `file`) and name.
Everything = dict[tuple[str, bytes], object]


@dataclass(frozen=True)
class Looked:
    """A run that only reads, and all that the deployment held before and after it."""

    outcome: Outcome
    before: Everything
    after: Everything


@pytest.fixture(scope="module")
def wide_open() -> Iterator[Deployment]:
    """A deployment on which every door stands open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "FAULTS", {EVERY_DOOR_OPEN.name: EVERY_DOOR_OPEN})
        deployment = Deployment(faults=[EVERY_DOOR_OPEN.name])
        with deployment.reference:
            yield deployment


@pytest.fixture(scope="module")
def looked(ask: Ask, wide_open: Deployment) -> Looked:
    """A run that only reads, before anything else has asked the deployment."""
    before = everything(wide_open)
    revoked = f"--revoked-tokens=@{wide_open.reference.revoked_file}"
    outcome = ask(*ASKING, revoked, to=wide_open)
    return Looked(outcome, before, everything(wide_open))


@contextmanager
def beside(deployment: Deployment) -> Iterator[tuple[Any, str]]:
    """Give a client of the deployment's Redis, and the prefix of what it keeps beside its state."""
    settings = deployment.settings
    with redis.Redis.from_url(settings["REDIS_URL"], decode_responses=True) as store:
        yield store, settings["CONTEXT_REDIS_PREFIX"]


def everything(deployment: Deployment) -> Everything:
    """Return all that a deployment holds: every key of every Redis database, and every file but its log."""
    held: Everything = {}
    with redis.Redis.from_url(deployment.settings["REDIS_URL"]) as store:
        for database in store.info("keyspace"):
            store.select(int(database.removeprefix("db")))
            held |= {(database, key): (store.dump(key), store.ttl(key) > 0) for key in store.scan_iter()}
    for path in deployment.reference.env_file.parent.rglob("*"):
        if path.is_file() and path != deployment.reference.access_log:
            held["file", bytes(path)] = (path.read_bytes(), path.stat().st_mtime_ns)
    return held


def test_every_door_is_open(looked: Looked) -> None:
    """The run finds the doors open, and its probes are let in."""
    outcome = looked.outcome
    assert outcome.status == 1
    red = {check for check, result in outcome.checks.items() if result == "failed"}
    assert red >= {"AUTH-01", "AUTH-02", "AUTH-07", "AUTH-09", "AUTH-12", "AUTH-16", "CORS-02"}
    assert red >= {f"WH-{number:02}" for number in (*range(3, 9), 12, 13)}
    posts = [one for one in outcome.sent if one.method == "POST" and one.target.startswith("/webhooks/")]
    assert {one.target.partition("?")[0] for one in posts} == set(ROUTES)
    assert {(one.body, one.status) for one in posts} == {("{", 400)}


def test_nothing_is_changed(looked: Looked) -> None:
    """Redis and files are afterwards what they were: nobody was called, and no address suppressed."""
    assert looked.after == looked.before
    assert {database for database, _ in looked.before} == {"db0", "file"}


@pytest.mark.usefixtures("looked")
def test_an_unknown_event_would_have_changed_something(wide_open: Deployment) -> None:
    """The same posts with an event in them are acted on: the deployment is one that can be harmed."""
    before = everything(wide_open)
    with httpx.Client(base_url=wide_open.reference.base_url, trust_env=False) as client:
        assert {client.post(route, json=UNKNOWN_EVENT).status_code for route in ROUTES} == {200}
    assert everything(wide_open) != before
    with beside(wide_open) as (store, context):
        assert store.smembers(f"{context}:suppressed") == {""}
        each = str(len(ROUTES))
        assert store.hgetall(f"{context}:outgoing") == {"CRM: tag a contact": each, "alert": each}
