"""Migrations into servers that cannot keep state: down, full, replicas, evicting, hiding, refusing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import compare, connect, lead_key, migrate

MakeHive = Callable[..., Path]
_LEAD0 = lead_key("caio", "lead0@customer.example")


@pytest.fixture(scope="module")
def own_server() -> Iterator[RedisServer]:
    """A Redis that these tests may spoil, each undoing it."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def spoilt(own_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of a Redis to be spoilt, which is put right again afterwards."""
    with connect(own_server.url) as connection:
        yield connection
        connection.config_set("maxmemory", 0)
        connection.config_set("maxmemory-policy", "noeviction")
        connection.execute_command("REPLICAOF", "NO", "ONE")
        connection.flushall()


def test_a_stopped_redis_is_not_ok(make_hive: MakeHive) -> None:
    """With Redis down nothing is ok, what the files hold is still counted, and no password is shown."""
    server = RedisServer().start()
    url = server.url
    server.stop()
    with connect(url) as gone:
        summary = migrate(make_hive(), gone, "caio")
    assert (summary.ok, summary.unconfirmed, summary.errors) == (False, 6, ("Redis cannot be reached",))
    assert summary.counts["cadence_lead"] == 3


def test_a_redis_that_stops_half_way_is_not_ok(make_hive: MakeHive) -> None:
    """With Redis gone after a part of the records, the run is not ok and says so in one line."""
    hive = make_hive(leads=1200)
    with RedisServer() as server, connect(server.url) as connection:

        def stop(stage: str, done: int, total: int | None) -> None:
            if (stage, done) == ("records written", 500):
                server.stop()

        summary = migrate(hive, connection, "caio", progress=stop)
    assert (summary.ok, summary.migrated) == (False, 500)
    assert summary.errors == ("Redis cannot be reached: stopped when at least 500 record(s) were written",)


def test_a_full_redis_is_not_ok_until_there_is_room(make_hive: MakeHive, spoilt: redis.Redis) -> None:
    """Out of memory, the run stops and is not ok; with room again a second run completes it."""
    hive = make_hive(leads=1500, padding=2000)
    spoilt.config_set("maxmemory", spoilt.info("memory")["used_memory"] + 2_000_000)
    summary = migrate(hive, spoilt, "caio")
    assert not summary.ok
    assert summary.migrated < 1503
    assert summary.errors[0].startswith("Redis is out of memory (maxmemory): stopped")
    assert len(compare(hive, spoilt, "caio").unequal) == 1503 - summary.migrated
    spoilt.config_set("maxmemory", 0)
    assert migrate(hive, spoilt, "caio").ok
    assert compare(hive, spoilt, "caio").unequal == ()


def test_a_full_redis_cannot_be_overwritten(make_hive: MakeHive, spoilt: redis.Redis) -> None:
    """Out of memory, --overwrite replaces nothing, and no value of Redis or of the files is shown."""
    hive = make_hive(leads=1, padding=1000)
    spoilt.set(_LEAD0, '{"step": "private"}')
    spoilt.config_set("maxmemory", 1)
    summary = migrate(hive, spoilt, "caio", overwrite=True)
    assert not summary.ok
    assert "out of memory" in summary.errors[0]
    assert not any(word in "".join(summary.errors) for word in ("private", "xxx", "customer.example"))


def test_a_replica_is_not_ok(make_hive: MakeHive, spoilt: redis.Redis) -> None:
    """A replica is refused before anything is written to it, whether it takes writes or not."""
    spoilt.execute_command("REPLICAOF", "127.0.0.1", "1")
    hive = make_hive()
    for read_only in ("yes", "no"):
        spoilt.config_set("replica-read-only", read_only)
        summary = migrate(hive, spoilt, "caio")
        assert not summary.ok
        assert "replica" in summary.errors[0]
    spoilt.config_set("replica-read-only", "yes")
    assert spoilt.dbsize() == 0


def test_a_replica_that_hides_it_is_not_ok(
    make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis
) -> None:
    """Where the server hides what it is, its refusal of the first write tells."""
    _hide(spoilt)
    spoilt.execute_command("REPLICAOF", "127.0.0.1", "1")
    with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as hidden:
        summary = migrate(make_hive(), hidden, "caio")
    assert not summary.ok
    assert "Redis is read-only" in summary.errors[0]


def test_a_hidden_policy_is_noted(make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis) -> None:
    """Where INFO and CONFIG are refused, the run is ok and the summary says what was not seen."""
    _hide(spoilt)
    with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as hidden:
        summary = migrate(make_hive(), hidden, "caio")
    assert summary.ok
    assert "hides its maxmemory-policy" in summary.notes[0]


def test_an_evicting_redis_is_not_ok(make_hive: MakeHive, spoilt: redis.Redis) -> None:
    """A policy that may evict is named, and nothing is written."""
    spoilt.config_set("maxmemory-policy", "allkeys-lru")
    summary = migrate(make_hive(), spoilt, "caio")
    assert not summary.ok
    assert "allkeys-lru, not noeviction" in summary.errors[0]
    assert spoilt.dbsize() == 0


def test_refused_credentials_are_not_ok(make_hive: MakeHive, redis_server: RedisServer) -> None:
    """A wrong or a missing password is one line that quotes neither."""
    hive = make_hive()
    for credentials in (":wrong-password@", ""):
        with connect(f"redis://{credentials}127.0.0.1:{redis_server.port}/0") as stranger:
            summary = migrate(hive, stranger, "caio")
        assert (summary.ok, summary.errors) == (False, ("Redis refuses the credentials in REDIS_URL",))


def _hide(client: redis.Redis) -> None:
    """Let in a user from whom the server hides what it is."""
    client.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-info", "-config")
