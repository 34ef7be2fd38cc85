"""The command `migrate-state`, in processes of its own where that is the point."""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from pytest_caio.commands import migrate_state
from pytest_caio.errors import InputError
from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import migrate, read_summary, summary_faults, survey
from tests.support.forked import Process

MakeHive = Callable[..., Path]
Command = Callable[..., Process]


def _parse(*options: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    migrate_state.configure(parser)
    return parser.parse_args([str(option) for option in options])


def test_stdout_is_one_json_object(
    make_hive: MakeHive, command: Command, redis_server: RedisServer, client: redis.Redis, tmp_path: Path
) -> None:
    """A run prints its summary alone, writes it with each record's digest to --summary, and exits 0."""
    hive, place = make_hive(), tmp_path / "summary.json"
    process = command(redis_server.url, hive, "--summary", str(place))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.count("\n") == 1
    summary = json.loads(out)
    wanted = {
        "ok",
        "counts",
        "migrated",
        "already_equal",
        "conflicts",
        "errors",
        "digest",
        "dry_run",
        "seconds",
    }
    assert wanted <= summary.keys()
    written = json.loads(place.read_bytes())
    assert len(written.pop("digests")) == sum(summary["counts"].values())
    assert written == summary
    assert summary_faults(read_summary(place), "caio", survey(client, "caio")) == ()


def test_a_summary_that_can_no_longer_be_written_is_printed(
    make_hive: MakeHive,
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where the disk is full at the end of a migration, its summary is printed before the error is raised."""
    env_file, place = tmp_path / "caio.env", tmp_path / "summary.json"
    env_file.write_text(f"REDIS_URL={redis_server.url}\nSTATE_REDIS_PREFIX=caio\n", "utf-8")
    monkeypatch.setattr(migrate_state, "migrate", partial(_filling_the_disk, place))
    with pytest.raises(InputError, match=re.escape(str(place))):
        migrate_state.run(_parse("--env-file", env_file, "--hive-dir", make_hive(), "--summary", place))
    assert json.loads(capsys.readouterr().out)["ok"]


def _filling_the_disk(place: Path, *given: Any, **named: Any) -> Any:
    """Migrate, and leave no file that can be written in place of the summary."""
    summary = migrate(*given, **named)
    place.unlink()
    place.mkdir()
    return summary


def test_a_run_that_is_not_ok_exits_1(make_hive: MakeHive, command: Command, tmp_path: Path) -> None:
    """Redis down is exit 1, one JSON object that is not ok, and no password anywhere."""
    server = RedisServer().start()
    url = server.url
    server.stop()
    process = command(url, make_hive(), "--summary", str(tmp_path / "summary.json"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["ok"] is False
    assert server.password not in out + err + (tmp_path / "summary.json").read_text(encoding="utf-8")


def test_a_prefix_from_the_env_file_is_used(
    make_hive: MakeHive,
    redis_server: RedisServer,
    client: redis.Redis,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """STATE_REDIS_PREFIX names the keys, read as the gate reads it; an empty one is the default."""
    env_file = tmp_path / "x.env"
    named = "ENVIRONMENT=stage\nREDIS_URL={}\nSTATE_REDIS_PREFIX={}\n"
    for value, prefix in (("caio:stage", "caio:stage"), ("p:${ENVIRONMENT}", "p:stage"), ("", "caio")):
        client.flushall()
        env_file.write_text(named.format(redis_server.url, value), encoding="utf-8")
        assert (
            migrate_state.run(
                _parse(
                    "--env-file",
                    env_file,
                    "--hive-dir",
                    tmp_path / "hive" if value != "caio:stage" else make_hive(),
                )
            )
            == 0
        )
        assert json.loads(capsys.readouterr().out)["prefix"] == prefix
        assert client.exists(f"{prefix}:operator:state:2026-02-24")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"\xff\xfe", "is UTF-16"),
        (b"REDIS_URL=redis://caf\xe9:1/0\n", "line 1: is not UTF-8"),
        (b"REDIS_URL=redis://127.0.0.1:1/0\nSTATE_REDIS_PREFIX: s3cret\n", "line 2: is not KEY=value"),
        (
            b"REDIS_URL=redis://127.0.0.1:1/0\nSTATE_REDIS_PREFIX: caio:production:state\n",
            "line 2: is not KEY=value",
        ),
        (
            b"REDIS_URL=redis://127.0.0.1:1/0\nSTATE_REDIS_PREFIX=caio:${ENVIRONMENT}:state\n",
            r"STATE_REDIS_PREFIX \(line 2\) refers to \$\{ENVIRONMENT\}, which no line before it defines",
        ),
        (
            b"REDIS_URL=redis://127.0.0.1:1/0\nSTATE_REDIS_PREFIX=${{shared.PREFIX}}\n",
            "STATE_REDIS_PREFIX .*refers to another variable of Railway",
        ),
        (b"REDIS_URL=redis://:${REDIS_PASSWORD}@h/0\n", r"REDIS_URL \(line 1\) refers to"),
        (b"REDIS_URL='redis://:a b@h/0'\n", "REDIS_URL has a blank in it"),
        (b"STATE_REDIS_PREFIX=caio\n", "REDIS_URL is missing"),
        (b"REDIS_URL=\n", "REDIS_URL is missing"),
        (b"REDIS_URL=http://:s3cret-word@host:1/0\n", "no Redis URL"),
        (b"REDIS_URL=redis://:s3cret-word@host:port/0\n", "REDIS_URL has a port that is no number"),
        (
            b"REDIS_URL=redis://:s3cret-word@host:1/0?db=s3cret-word\n",
            "REDIS_URL has an option db with a value",
        ),
        (
            b"REDIS_URL=redis://:s3cret-word@host:1/0?s3cret-word=1\n",
            "REDIS_URL has an option that the client",
        ),
        (b"REDIS_URL=s3cret-word\n", "no Redis URL"),
    ],
)
def test_an_env_file_that_cannot_be_used_is_an_input_error(
    make_hive: MakeHive, tmp_path: Path, content: bytes | None, message: str
) -> None:
    """`STATE_REDIS_PREFIX: caio:production:state`, `caio:${ENVIRONMENT}:state`: the gate's reader, its words.

    So is an unreadable env file, and a missing or malformed REDIS_URL: one line that quotes no value.
    """
    env_file = tmp_path / "x.env"
    if content is not None:
        env_file.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        migrate_state.run(_parse("--env-file", env_file, "--hive-dir", make_hive()))
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_summary_that_cannot_be_written_is_an_input_error(
    make_hive: MakeHive, redis_server: RedisServer, client: redis.Redis, tmp_path: Path
) -> None:
    """A summary's place is tried before anything is migrated."""
    env_file = tmp_path / "x.env"
    env_file.write_text(f"REDIS_URL={redis_server.url}\n", encoding="utf-8")
    options = _parse(
        "--env-file", env_file, "--hive-dir", make_hive(), "--summary", tmp_path / "none" / "summary.json"
    )
    with pytest.raises(InputError, match=r"summary\.json: cannot be written"):
        migrate_state.run(options)
    assert client.dbsize() == 0


def held(client: redis.Redis) -> dict[bytes, bytes]:
    """Return all keys and values of the server."""
    keys = list(client.scan_iter(count=1000))
    return dict(zip(keys, client.mget(keys), strict=True)) if keys else {}


@pytest.mark.nightly
def test_killed_at_any_point_and_run_again_it_is_whole(
    make_hive: MakeHive, command: Command, redis_server: RedisServer, client: redis.Redis, tmp_path: Path
) -> None:
    """Killed at ten points, a run leaves no word of ok and no changed record; the next completes it."""
    hive, place = make_hive(leads=1500, padding=200), tmp_path / "summary.json"
    whole = migrate(hive, client, "caio")
    good = held(client)
    chance = random.Random(20260224)
    killed = partial = 0
    for _ in range(10):
        client.flushall()
        wanted = chance.randrange(len(good))
        process = command(redis_server.url, hive, "--summary", str(place))
        while process.poll() is None and client.dbsize() < wanted:
            time.sleep(0.0005)
        process.kill()
        out, _ = process.communicate(timeout=60)
        left = held(client)
        assert left.items() <= good.items()
        if process.returncode != 0:
            killed += 1
            partial += len(left) < len(good)
            assert not out
            assert not place.exists() or not read_summary(place).ok
        again = migrate(hive, client, "caio")
        assert (again.ok, again.migrated + again.already_equal) == (True, len(good))
        assert (again.digest, held(client)) == (whole.digest, good)
    assert killed >= 8
    assert partial >= 5


def test_long_work_reports_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is a line on stderr every few seconds, and none before."""
    lines = migrate_state._Lines()
    lines("files read", 1, None)
    lines._due = 0.0
    lines("records written", 500, 1000)
    lines("records written", 600, 1000)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "migrate-state: 500 of 1000 records written\n")
