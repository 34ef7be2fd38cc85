"""Runs of pytest, each a fork of one process that has imported all of it.

To start Python and import pytest, its plugins and what a run of the suite needs takes longer than most runs.
So the tests of one process share a server that has imported all that and has one thread. For each run it
makes a fork, which takes on the run's arguments, environment and folder, and from there on is what
`python -m pytest` is, to its exit status and its last flush. What differs: modules are imported already, the
kernel shows the server's command line and environment, and all forks of one server have one hash seed.

The server ends when the process that started it does, however that ends.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import re
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeAlias

__all__ = ["LEFT_OUT", "Forked", "Process", "finish", "run", "start"]

# Plugins that have no part in a run of the suite, and take their time to load.
LEFT_OUT = tuple(
    part
    for name in ("randomly", "playwright", "pytest_httpx", "hypothesispytest", "anyio")
    for part in ("-p", f"no:{name}")
)
# What a run imports late; the modules of the package are found by themselves.
_WARM = ("httpx", "httpcore", "h11", "redis", "jinja2", "requests", "xml.etree.ElementTree")
# What an interpreter heeds when it starts, and never again.
_AT_START = re.compile(r"PYTHON\w*|LC_\w+|LANG|LANGUAGE|LD_\w+|OPENSSL_\w+")
_HEEDED = "PYTHONDONTWRITEBYTECODE"  # a fork can heed this one as well


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    path: Sequence[Path | str] = (),
    module: str = "pytest",
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pytest` with `arguments` to its end; what has none is ended after `timeout` seconds."""
    process = start(arguments, cwd=cwd, environment=environment, path=path, module=module)
    stdout, stderr = finish(process, timeout)
    return subprocess.CompletedProcess(process.args, process.returncode or 0, stdout, stderr)


def finish(process: Process, timeout: float) -> tuple[str, str]:
    """Wait for the end of a run, and return what it wrote; one that has none in that time is ended."""
    try:
        return process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"the run did not end within {timeout} s:\n{stdout}\n{stderr}") from None


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    path: Sequence[Path | str] = (),
    module: str = "pytest",
    python: Path | str = sys.executable,
    fresh: bool = False,
) -> Process:
    """Start `python -m pytest`, or another module, with `arguments`, in a session of its own.

    It is a fork where that can be, unless it is to be `fresh`. Modules are looked for in its folder, then in
    `path`, which reaches its own processes as PYTHONPATH does; with that in `environment` it is no fork.
    """
    around = {**environment, "PYTHONPATH": os.pathsep.join(map(str, path))} if path else dict(environment)
    may_fork = hasattr(os, "fork") and not fresh and python == sys.executable
    if may_fork and _at_start(environment) == _at_start(os.environ):
        return _server().start([module, *arguments], cwd, around)
    return subprocess.Popen(
        [str(python), "-m", module, *arguments],
        cwd=cwd,
        env=around,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=sys.platform != "win32",
    )


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if _AT_START.fullmatch(k) and k != _HEEDED}


class Forked:
    """A fork: what the tests use of a `subprocess.Popen` with its output in text."""

    def __init__(self, args: list[str], report: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self.stdout, self.stderr = stdout, stderr
        self._report = report  # a line with its number, and one with its status once it has ended
        self._read: dict[IO[str], list[bytes]] = {stdout: [], stderr: []}
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]:
        """Return all that it and its children write, once they have closed their ends and it has ended.

        Raises subprocess.TimeoutExpired; what was read by then is kept for the next call.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for stream in self._read:
                if not stream.closed:
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(None if until is None else max(0.0, until - time.monotonic()))
                if not ready and until is not None and time.monotonic() >= until:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                for key, _ in ready:
                    stream = key.fileobj
                    piece = os.read(key.fd, 65536)
                    self._read[stream].append(piece)
                    if not piece:
                        selector.unregister(stream)
                        stream.close()
        self.wait(None if until is None else max(0.0, until - time.monotonic()))
        return self._text(self.stdout), self._text(self.stderr)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _text(self, stream: IO[str]) -> str:
        text = b"".join(self._read[stream]).decode("utf-8", "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _line(self) -> str:
        line = self._report.readline()
        if not line:
            raise RuntimeError("the server of forks has ended")
        return line

    def _end(self) -> None:
        self.returncode = int(self._line())
        self._report.close()


class _Server:
    """The process that forks, and the channel to it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=tempfile.gettempdir(),
                start_new_session=True,  # Ctrl-C is for the tests
            )
        self._channel.recv(1)  # what it still has to import is no part of the first run

    def start(self, words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Forked:
        ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
        with tempfile.TemporaryFile("w+") as told:
            json.dump([list(words), str(cwd), dict(environment)], told)
            told.flush()
            if self._process.poll() is not None:
                raise RuntimeError(f"the server of forks has ended, with status {self._process.returncode}")
            socket.send_fds(self._channel, [b"!"], [told.fileno(), *theirs])
        for number in theirs:
            os.close(number)
        report, *streams = (os.fdopen(number, encoding="utf-8", errors="replace") for number in ours)
        return Forked([sys.executable, "-m", *words], report, *streams)

    def close(self) -> None:
        """End it; forks that run go on."""
        self._channel.close()
        self._process.wait()


Process: TypeAlias = subprocess.Popen[str] | Forked


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


# --- the server's side


class _Warming:
    """A plugin of pytest that imports, once pytest has marked what it rewrites, what runs import."""

    def pytest_configure(self) -> None:
        for name in _WARM:
            importlib.import_module(name)
        _import_all(importlib.import_module("pytest_caio"))
        importlib.import_module("pytest_caio.reference.hosting.process")


def _import_all(package: ModuleType) -> None:
    """Import the modules of a package, but for the deployment, which is a process of its own."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.name.endswith((".reference", ".__main__")):
            module = importlib.import_module(found.name)
            if found.ispkg:
                _import_all(module)


def _warm() -> None:
    import pytest  # noqa: PLC0415 - the tests' side has it

    # For its help pytest configures itself with all its plugins, and collects nothing.
    asked = ["--help", "--noconftest", f"--rootdir={Path.cwd()}", "-c", os.devnull, *LEFT_OUT]
    status = pytest.main(asked, [_Warming()])
    assert status == 0
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what is held back here, each fork would write
    gc.collect()
    gc.freeze()  # what no fork collects, none has to copy
    gc.set_threshold(20_000, 20, 20)  # else a tenth of each run's processor time goes into collections


def _serve(channel: socket.socket) -> dict[str, Any] | None:
    """Make a fork for each message; return in a fork what it is told, and None once nobody can ask more."""
    woken, wake = os.pipe()
    for number in (woken, wake):
        os.set_blocking(number, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    reports: dict[int, int] = {}
    while True:
        ready = select.select([channel, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            for pid, status in _ended():
                _tell(reports[pid], os.waitstatus_to_exitcode(status))
                os.close(reports.pop(pid))
        if channel in ready:
            message, handed, _, _ = socket.recv_fds(channel, 1, 4)
            if not message:
                return None
            pid = os.fork()
            told, report, stdout, stderr = handed
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                channel.close()
                for number in (woken, wake, *reports.values()):
                    os.close(number)
                return {"told": told, "report": report, "stdout": stdout, "stderr": stderr}
            reports[pid] = report
            for number in (told, stdout, stderr):
                os.close(number)


def _ended() -> list[tuple[int, int]]:
    found = []
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            found.append(one)
    return found


def _tell(report: int, number: int) -> None:
    with contextlib.suppress(OSError):  # who asked for it may be gone
        os.write(report, f"{number}\n".encode())


def _path(environment: Mapping[str, str]) -> list[str]:
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _become(told: int, report: int, stdout: int, stderr: int) -> None:
    """Be `python -m` with the words that a fork is told."""
    os.setsid()
    _tell(report, os.getpid())  # from now on it can be signalled, as a group too
    os.close(report)
    for number, place in ((stdout, 1), (stderr, 2)):
        os.dup2(number, place)
        os.close(number)
    with os.fdopen(told, encoding="utf-8") as file:
        file.seek(0)
        (module, *arguments), cwd, environment = json.load(file)
    # As where nobody ignores it, whoever started the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rest = [folder for folder in sys.path[1:] if folder not in _path(os.environ)]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    time.tzset()
    tempfile.tempdir = None
    sys.dont_write_bytecode = bool(environment.get(_HEEDED))
    sys.path[:] = [str(Path.cwd()), *_path(environment), *rest]
    sys.modules["xdist.plugin"]._sys_path = list(sys.path)  # its workers' path, noted when it was imported
    sys.argv = ["-m", *arguments]
    sys.orig_argv = [sys.executable, "-m", module, *arguments]
    importlib.invalidate_caches()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _warm()
    to_tests = socket.socket(fileno=int(sys.argv[1]))
    to_tests.send(b"!")
    asked = _serve(to_tests)
    if asked is not None:
        _become(**asked)
