"""Parts of the state tests: one real Redis a session, and hive directories."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import connect
from tests.support import forked
from tests.support.forked import Process
from tests.support.places import CHECKOUT


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    """The process behind `redis_server`, with whatever the tests before left in it."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(running_redis: RedisServer) -> RedisServer:
    """An empty Redis, one process for all tests that do it no harm."""
    with connect(running_redis.url) as connection:
        connection.flushall()
    return running_redis


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of the empty Redis."""
    with connect(redis_server.url) as connection:
        yield connection


@pytest.fixture
def make_hive(tmp_path: Path) -> Callable[..., Path]:
    """Write a hive directory: a state, `batches` batches and `leads` leads."""

    def make(leads: int = 3, batches: int = 2, padding: int = 0) -> Path:
        hive = tmp_path / "hive"
        (hive / "operator_batches").mkdir(parents=True)
        (hive / "cadence_state").mkdir()
        _write(hive / "operator_state.json", {"date": "2026-02-24", "sent": 3})
        for n in range(batches):
            _write(hive / f"operator_batches/batch_{n}.json", {"batch_id": f"b{n}", "size": n})
        for n in range(leads):
            _write(
                hive / f"cadence_state/lead{n}.json",
                {"email": f"Lead{n}@customer.example", "step": n, "history": "x" * padding},
            )
        return hive

    return make


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Process]:
    """Start `migrate-state` in a process of its own, with an env file for the given Redis."""

    def start(url: str, hive: Path, *options: object) -> Process:
        env_file = tmp_path / "run.env"
        env_file.write_text(f"REDIS_URL={url}\n", encoding="utf-8")
        asked = ["--env-file", env_file, "--hive-dir", hive, *options]
        return forked.start(
            ["migrate-state", *map(str, asked)], cwd=CHECKOUT, environment=os.environ, module="pytest_caio"
        )

    return start


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
