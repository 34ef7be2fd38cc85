"""Runs of pytest, each a fork of one process that has imported all that a run needs.

Starting Python and importing pytest, its plugins and the suite takes longer than most runs. So the tests and
their workers share a server that has imported all that and has one thread. For each run it makes a fork,
which takes over the run's arguments, environment and folder, and then behaves like `python -m pytest`, up to
its exit status and its last flush. The differences: modules are already imported, the kernel shows the
server's command line and environment, all forks of one server have the same hash seed, and a fork that exits
does not destroy the objects that are alive then, which would copy all the memory it shares with the server.

The server ends when the process that started it ends, however that happens.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.metadata
import inspect
import json
import os
import pkgutil
import re
import runpy
import select
import selectors
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeAlias

__all__ = ["LEFT_OUT", "SHARED", "Forked", "Process", "finish", "run", "share", "skip_workers", "start"]

# Plugins that a run of the suite does not need, and that take long to load.
LEFT_OUT = tuple(
    part
    for name in ("randomly", "playwright", "pytest_httpx", "hypothesispytest", "anyio")
    for part in ("-p", f"no:{name}")
)
# Modules that a run imports late, except for those of the package, which are found automatically.
_WARM = (
    *("httpx", "httpcore", "h11", "anyio._backends._asyncio", "sniffio", "redis", "jinja2"),
    *("packaging.version", "requests", "xml.etree.ElementTree", "encodings.utf_8_sig"),
)
# Environment variables that an interpreter reads only when it starts.
_AT_START = re.compile(r"PYTHON\w*|LC_\w+|LANG|LANGUAGE|LD_\w+|OPENSSL_\w+")
# Except for these, which a fork applies itself: the second one only if it is set.
_HEEDED, _ENCODING = "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING"
SHARED = "PYTEST_FORK_SERVER"  # the environment variable that names the server's socket to workers


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    path: Sequence[Path | str] = (),
    module: str = "pytest",
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pytest` with `arguments` to its end; kill it after `timeout` seconds."""
    process = start(arguments, cwd=cwd, environment=environment, path=path, module=module)
    stdout, stderr = finish(process, timeout)
    return subprocess.CompletedProcess(process.args, process.returncode or 0, stdout, stderr)


def finish(process: Process, timeout: float) -> tuple[str, str]:
    """Wait for the end of a run, and return its output; kill it and raise AssertionError after `timeout`."""
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

    The run is a fork if possible and not `fresh`. Modules are searched for in its folder, then in `path`,
    which its child processes get as PYTHONPATH; with PYTHONPATH in `environment` the run is not a fork.
    """
    skip_workers([*arguments, str(cwd), *map(str, path)])
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
        encoding="utf-8",
        errors="replace",
        start_new_session=sys.platform != "win32",
    )


def skip_workers(told: Sequence[str]) -> None:
    """Skip a test whose run has workers, where these could not be told of a folder (LC_ALL=C)."""
    asked = any(re.fullmatch(r"-n\d*", one) for one in told)
    if asked and re.search("[\ud800-\udfff]", " ".join(told)):
        import pytest  # noqa: PLC0415 - the server of forks imports it with all that a run needs

        pytest.skip("without a locale no worker can be told of this folder, which a run refuses in one line")


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    read = {k: v for k, v in environment.items() if _AT_START.fullmatch(k) and k != _HEEDED}
    return read | ({_ENCODING: "set"} if read.get(_ENCODING) else {})


class Forked:
    """A fork: the part of `subprocess.Popen` that the tests use, with text output."""

    def __init__(self, args: list[str], report: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self.stdout, self.stderr = stdout, stderr
        self._report = report  # one line with the process id, and one with the exit status after its end
        self._read: dict[IO[str], list[bytes]] = {stdout: [], stderr: []}
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while the fork runs."""
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
        """Return the whole output of the fork and its children, after they closed it and the fork ended.

        Raises subprocess.TimeoutExpired; the output so far is kept for the next call.
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
        """Send a signal to the fork, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM to the fork."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the fork."""
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
    """The process that makes the forks, and how to ask it for one: a message to its socket."""

    def __init__(self, address: str = "") -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.address = address
        if not address:  # no other process shares its server
            self.address = str(Path(tempfile.mkdtemp(prefix="forks-")) / "socket")
            lives, self._alive = os.pipe()
            self._process = subprocess.Popen(
                [sys.executable, __file__, self.address, str(lives)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[lives],
                cwd=tempfile.gettempdir(),
                start_new_session=True,  # Ctrl-C must reach the tests only
            )
            os.close(lives)

    def start(self, words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Forked:
        with self._connected() as channel, tempfile.TemporaryFile("w+", encoding="utf-8") as told:
            json.dump([list(words), str(cwd), dict(environment)], told)
            told.flush()
            ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
            socket.send_fds(channel, [b"!"], [told.fileno(), *theirs])
        for number in theirs:
            os.close(number)
        report, *streams = (os.fdopen(number, encoding="utf-8", errors="replace") for number in ours)
        return Forked([sys.executable, "-m", *words], report, *streams)

    def _connected(self) -> socket.socket:
        """Return a socket to the server, after its imports."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        until = time.monotonic() + 120
        while True:
            try:
                channel.connect(self.address)
            except FileNotFoundError:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > until:
                    channel.close()
                    raise RuntimeError("the server of forks has ended") from None
                time.sleep(0.02)
            else:
                return channel

    def close(self) -> None:
        """End the server if this process started it; running forks continue."""
        if self._process is not None:
            os.close(self._alive)
            self._process.wait()


Process: TypeAlias = subprocess.Popen[str] | Forked


@cache
def _server() -> _Server:
    server = _Server(os.environ.get(SHARED, ""))
    atexit.register(server.close)
    return server


def share() -> None:
    """Start the server for this process and its future workers: all use one, which is warmed once."""
    if hasattr(os, "fork"):
        os.environ[SHARED] = _server().address


# --- the server's side


class _Warming:
    """A pytest plugin that imports the modules of later runs, after assertion rewriting is installed."""

    def pytest_configure(self) -> None:
        for name in _WARM:
            importlib.import_module(name)
        _import_all(importlib.import_module("pytest_caio"))
        importlib.import_module("pytest_caio.reference.hosting.process")
        _read_assertions(importlib.import_module("pytest_caio.verdict.expectation"))
        importlib.import_module("pytest_caio.evidence.page").prepare()
        for name in ("metadata", "entry_points", "files"):
            _read_installed(name)
        _read_page()
        importlib.import_module("pytest_caio.redaction.redactor").Redactor({"any": string.printable})
        inspect.getmodule(_import_all.__code__)  # indexes all modules, as the first traceback does


def _read_installed(name: str) -> None:
    """Read this property of each installed distribution once; pytest and its plugins ask for it anew."""
    kind: Any = importlib.metadata.PathDistribution
    read = getattr(kind, name).fget
    known = {found._path: read(found) for found in kind.discover()}
    setattr(kind, name, property(lambda it: known[it._path] if it._path in known else read(it)))


def _read_page() -> None:
    """Compile pytest-html's own template once."""
    plugin = importlib.import_module("pytest_html.plugin")
    read, pages = plugin._read_template, Path(plugin.__file__).with_name("resources")
    compiled = cache(lambda folder: read([folder]))
    plugin._read_template = lambda folders: compiled(*folders)
    compiled(pages)


def _read_assertions(expectation: ModuleType) -> None:
    """Parse the assertions of the checkout's suite, which each run would do again."""
    for path in (Path(__file__).parents[2] / "acceptance").glob("test_*.py"):
        expectation.read_assertions(str(path))


def _import_all(package: ModuleType) -> None:
    """Import the modules of a package, except for the reference deployment, which is a process of its own."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.name.endswith((".reference", ".__main__")):
            module = importlib.import_module(found.name)
            if found.ispkg:
                _import_all(module)


def _warm() -> None:
    import pytest  # noqa: PLC0415 - only the server needs it

    # With --help pytest configures itself and all its plugins, and collects nothing.
    asked = ["--help", "--noconftest", f"--rootdir={Path.cwd()}", "-c", os.devnull, *LEFT_OUT]
    status = pytest.main(asked, [_Warming()])
    assert status == 0
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # else each fork would write what is buffered here
    gc.collect()
    gc.freeze()  # pages of objects that no fork collects are not copied
    gc.set_threshold(20_000, 20, 20)  # else a tenth of each run's CPU time is garbage collection


def _serve(channel: socket.socket, lives: int) -> dict[str, Any] | None:
    """Make a fork for each message; return its file descriptors in the fork, and None at the end.

    The end is that of the process which started the server: then `lives` can be read.
    """
    woken, wake = os.pipe()
    for number in (woken, wake):
        os.set_blocking(number, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    reports: dict[int, int] = {}
    while True:
        ready = select.select([channel, woken, lives], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            for pid, status in _ended():
                _tell(reports[pid], os.waitstatus_to_exitcode(status))
                os.close(reports.pop(pid))
        if lives in ready:
            return None
        if channel in ready:
            _, handed, _, _ = socket.recv_fds(channel, 1, 4)
            pid = os.fork()
            told, report, stdout, stderr = handed
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                channel.close()
                for number in (woken, wake, lives, *reports.values()):
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
    with contextlib.suppress(OSError):  # the process that started the run may have ended
        os.write(report, f"{number}\n".encode())


def _path(environment: Mapping[str, str]) -> list[str]:
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _become(told: int, report: int, stdout: int, stderr: int) -> None:
    """Become `python -m` with the arguments in the file `told`."""
    os.setsid()
    _tell(report, os.getpid())  # from now on it can receive signals, as a group too
    os.close(report)
    with os.fdopen(told, encoding="utf-8") as file:
        file.seek(0)
        (module, *arguments), cwd, environment = json.load(file)
    encoding, _, errors = environment.get(_ENCODING, "").partition(":")
    if encoding:  # not possible any more once they are pipes
        sys.stdout.reconfigure(encoding=encoding, errors=errors or "strict")  # type: ignore[union-attr]
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]
    for number, place in ((stdout, 1), (stderr, 2)):
        os.dup2(number, place)
        os.close(number)
    # As if SIGINT was not ignored, even if the tests were started with it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rest = [folder for folder in sys.path[1:] if folder not in _path(os.environ)]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    time.tzset()
    tempfile.tempdir = None
    sys.dont_write_bytecode = bool(environment.get(_HEEDED))
    sys.path[:] = [str(Path.cwd()), *_path(environment), *rest]
    sys.modules["xdist.plugin"]._sys_path = list(sys.path)  # the path of xdist workers, stored at import
    sys.argv = ["-m", *arguments]
    sys.orig_argv = [sys.executable, "-m", module, *arguments]
    importlib.invalidate_caches()
    for folder in _path(environment):  # an interpreter imports this module at its start
        if (custom := Path(folder) / "sitecustomize.py").is_file():
            runpy.run_path(str(custom))
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code or 0, int):
            _exit(int(end.code or 0))
        raise


def _exit(status: int) -> None:
    """Do what an interpreter does before it destroys its objects, and exit; return if that fails."""
    threading._shutdown()  # type: ignore[attr-defined] - waits for threads
    atexit._run_exitfuncs()
    gc.collect()
    with contextlib.suppress(Exception):  # the interpreter will fail again, and say so
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status & 0xFF)


if __name__ == "__main__":
    _warm()
    to_tests = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    to_tests.bind(sys.argv[1])
    asked = _serve(to_tests, int(sys.argv[2]))
    if asked is None:
        shutil.rmtree(Path(sys.argv[1]).parent)
    else:
        _become(**asked)
