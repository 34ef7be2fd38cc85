"""Migrations into servers that cannot keep state: down, full, replicas, evicting, hiding, refusing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import (
    StoreError,
    compare,
    connect,
    inspect_server,
    lead_key,
    migrate,
    survey,
    write_refusals,
)

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
    assert (summary.ok, summary.unconfirmed, len(summary.errors)) == (False, 6, 1)
    assert summary.errors[0].startswith("Redis cannot be reached: asked at 127.0.0.1")
    assert server.password not in summary.errors[0]
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
    (error,) = summary.errors
    assert error.startswith("Redis cannot be reached: ")
    assert error.endswith(": stopped when at least 500 record(s) were written")


def test_a_full_redis_is_not_ok_until_there_is_room(make_hive: MakeHive, spoilt: redis.Redis) -> None:
    """Out of memory, the run stops and is not ok; with room again a second run completes it."""
    hive = make_hive(leads=1500, padding=2000)
    spoilt.config_set("maxmemory", spoilt.info("memory")["used_memory"] + 2_000_000)
    summary = migrate(hive, spoilt, "caio")
    assert not summary.ok
    assert summary.migrated < 1503
    assert summary.errors[0].startswith("Redis is out of memory: give it more (maxmemory): stopped")
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


def test_a_value_too_large_for_the_memory_is_told(
    make_hive: MakeHive, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a record does not fit into memory on its way to Redis, the error does not blame Redis."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(redis.client.Pipeline, "execute", fail)
    summary = migrate(make_hive(), client, "caio")
    assert not summary.ok
    assert summary.errors[0].startswith("a value is too large for the memory of this machine: ")


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
    """Where INFO and CONFIG are refused, ROLE tells of a replica, and without that its refusal of a write."""
    spoilt.execute_command("REPLICAOF", "127.0.0.1", "1")
    hive = make_hive()
    for hidden, words in (([], "Redis is a replica"), (["-role"], "Redis is read-only: it is a replica")):
        _hide(spoilt, *hidden)
        with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as client:
            summary = migrate(hive, client, "caio")
            (refusal,) = write_refusals(client, ["caio"])
        assert not summary.ok
        assert words in summary.errors[0]
        assert "Redis is read-only" in refusal


def test_a_user_without_scan_is_told(
    make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis
) -> None:
    """A user that may not SCAN is told which command the state needs; the migration does without."""
    _hide(spoilt, "-scan")
    with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as client:
        assert migrate(make_hive(), client, "caio").ok
        with pytest.raises(StoreError, match=r"does not permit this user what the state needs \(SCAN\)"):
            survey(client, "caio")


def test_a_user_who_may_only_read_is_told(
    make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis
) -> None:
    """A user that may only read is refused by its first write, with nothing shown of the values."""
    _hide(spoilt, "-@write")
    with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as client:
        summary = migrate(make_hive(), client, "caio")
    assert not summary.ok
    assert "Redis does not permit this user what the state needs (SET)" in summary.errors[0]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("command", ["multi", "exec"])
def test_a_user_without_transactions_replaces_nothing(
    make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis, command: str, dry_run: bool
) -> None:
    """Where Redis refuses MULTI alone it would do the rest at once: nothing is replaced, and that is told."""
    hive = make_hive()
    assert migrate(hive, spoilt, "caio").ok
    other = dict.fromkeys(spoilt.scan_iter("caio:*"), b'{"email": "of somebody else"}')
    spoilt.mset(other)
    _hide(spoilt, f"-{command}")
    with connect(f"redis://app:secret@127.0.0.1:{own_server.port}/0") as client:
        summary = migrate(hive, client, "caio", overwrite=True, dry_run=dry_run)
    assert [error.partition(":")[0] for error in summary.errors] == [
        f"Redis does not permit this user what the state needs ({command.upper()})"
    ]
    assert dict(zip(other, spoilt.mget(other), strict=True)) == other


def test_a_busy_redis_is_told(make_hive: MakeHive, own_server: RedisServer, spoilt: redis.Redis) -> None:
    """A Redis whose script does not end is not ok, and the line says how to end it."""
    spoilt.config_set("lua-time-limit", 1)

    def loop() -> None:
        with contextlib.suppress(redis.RedisError), own_server.client() as client:
            client.eval("while true do end", 0)

    looping = threading.Thread(target=loop)
    looping.start()
    try:
        with connect(own_server.url) as client:
            server = inspect_server(client)
            while not server.faults:
                server = inspect_server(client)
            summary = migrate(make_hive(), client, "caio")
    finally:
        spoilt.execute_command("SCRIPT KILL")
        looping.join(10)
    assert not summary.ok
    assert "Redis is busy with a script" in summary.errors[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cluster-enabled": "yes"}, "Redis is a cluster"),
        ({"maxclients": "1"}, "Redis takes no more connections (maxclients)"),
        ({"databases": "4"}, "does not have the database that REDIS_URL names"),
    ],
)
def test_a_redis_that_is_set_up_otherwise(make_hive: MakeHive, options: dict[str, str], words: str) -> None:
    """maxclients used up, a cluster, a database that is not there: each in words."""
    asked = "/99" if "databases" in options else "/0"
    with RedisServer(options) as server, contextlib.ExitStack() as stack:
        if "maxclients" in options:
            stack.enter_context(server.client()).ping()
        with connect(server.url.removesuffix("/0") + asked) as client:
            summary = migrate(make_hive(), client, "caio")
    assert not summary.ok
    assert words in summary.errors[0]


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
    told = {
        ":wrong-password@": "Redis refuses the credentials in REDIS_URL",
        "": "Redis wants a password, and REDIS_URL has none",
    }
    for credentials, words in told.items():
        with connect(f"redis://{credentials}127.0.0.1:{redis_server.port}/0") as stranger:
            summary = migrate(hive, stranger, "caio")
        (error,) = summary.errors
        assert not summary.ok
        assert words in error
        assert "wrong-password" not in error


def _hide(client: redis.Redis, *more: str) -> None:
    """Let in a user from whom the server hides what it is, with `more` rules."""
    client.execute_command("ACL", "DELUSER", "app")
    rules = ("on", ">secret", "~*", "+@all", "-info", "-config", *more)
    client.execute_command("ACL", "SETUSER", "app", *rules)
