"""A child process with limits on time and output; closing it ends its whole process tree."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pytest_caio.system.paths import is_folder
from pytest_caio.system.watchdog import NEW_GROUP, Watchdog

__all__ = ["OUTPUT_LIMIT", "Child", "ChildError", "script_fault", "utf8_environment", "why_not_started"]

OUTPUT_LIMIT = 1 << 20  # bytes of standard output kept for one case
_STDERR_KEPT = 2000  # bytes: enough for the end of a traceback
_TICK = 0.1  # seconds between two checks of the deadline and of `stopped`
_GRACE = 0.5  # seconds for the pipe of an ended process to close: a grandchild may hold it open for ever


def utf8_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment, by default this process's, in which Python's standard streams are UTF-8.

    Its files are too, unless the environment says otherwise. On Windows Python would use the machine's code
    page, which deployments do not have, and which lacks most characters.
    """
    given = os.environ if environment is None else environment
    return {"PYTHONUTF8": "1", **given, "PYTHONIOENCODING": "utf-8"}


class ChildError(Exception):
    """The process gave no usable output; the text says why in plain words."""


class _Pipe:
    """The output of a stream so far, read by a thread of its own, which also closes the stream.

    A thread, because a blocked read cannot be cancelled: not on Windows, and not while a grandchild holds the
    pipe open. `limit` is the number of bytes kept: reading stops after it or, with `tail`, goes on and drops
    the oldest bytes.
    """

    def __init__(self, stream: IO[bytes], limit: int, *, tail: bool = False) -> None:
        self._stream, self._limit, self._tail = stream, limit, tail
        self.changed = threading.Condition()
        self.data = bytearray()
        self.ended = self.flooded = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 1 << 16):
                with self.changed:
                    self.data += chunk
                    if self._tail:
                        del self.data[: -self._limit]
                    self.flooded = len(self.data) > self._limit
                    self.changed.notify_all()
                    if self.flooded:
                        break
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class Child:
    """A runner's process, with pipes to its standard input, output and error.

    Every wait ends at its deadline `until` (a `time.monotonic()` value), or when `stopped()` is true. More
    than OUTPUT_LIMIT bytes of output are an error, except with `tail`: then the last `tail` bytes are kept.
    `watchdog`, if given, ends the process if this process is killed.

    If it is Python, it reads and writes UTF-8 (see `utf8_environment`).

    `close` ends the process and its descendants: on POSIX the whole process group (a descendant that
    starts its own session escapes), on Windows the tree below a process that is still running.
    Raises OSError if the program cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] = lambda: False,
        tail: int = 0,
        watchdog: Watchdog | None = None,
    ) -> None:
        self._stopped = stopped
        self._watchdog = watchdog
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=utf8_environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=NEW_GROUP,
        )
        if watchdog is not None:
            watchdog.watch(self._process.pid)
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin = self._process.stdin
        self._out = _Pipe(self._process.stdout, tail or OUTPUT_LIMIT, tail=bool(tail))
        self._err = _Pipe(self._process.stderr, _STDERR_KEPT, tail=True)
        self._writer: threading.Thread | None = None

    def send(self, data: bytes, *, last: bool = False) -> None:
        """Write `data` to the input without waiting; `last` then closes it. Write errors are ignored."""

        def write() -> None:
            with contextlib.suppress(OSError, ValueError):
                self._stdin.write(data)
                self._stdin.flush()
                if last:
                    self._stdin.close()

        # In a thread, because a full pipe must not delay the deadline.
        self._writer = threading.Thread(target=write, daemon=True)
        self._writer.start()

    def spoke(self) -> bool:
        """Return whether there is output that was not read yet, other than blanks."""
        with self._out.changed:
            return bool(self._out.data.strip())

    def read_line(self, until: float) -> bytes:
        """Return the next line that is not blank. Raises ChildError at the end, the limit or the deadline."""
        self._wait(until, lambda data: b"\n" in data.lstrip())
        with self._out.changed:
            line, _, rest = bytes(self._out.data).lstrip().partition(b"\n")
            self._out.data[:] = rest
        if not line:
            raise ChildError(f"the runner ended without an answer ({self._ending(until)})")
        return line

    def read_all(self, until: float) -> bytes:
        """Return all output, once the process has ended.

        Raises ChildError if the process failed, or at the limit or the deadline.
        """
        self._wait(until, lambda _: False)
        ending = self._ending(until)
        if self._process.returncode:
            raise ChildError(f"the runner failed ({ending})")
        with self._out.changed:
            return bytes(self._out.data)

    def finish(self, until: float) -> tuple[int, str]:
        """Wait for the process to end; return its exit status, and the end of its output and errors.

        Raises ChildError at the limit or the deadline.
        """
        self._wait(until, lambda _: False)
        self._ending(until)
        with self._out.changed, self._err.changed:
            output = bytes(self._out.data + b"\n" + self._err.data)
        return self._process.returncode, output.decode("utf-8", "replace").strip()

    def close(self, grace: float = 0.0) -> None:
        """End the process and its descendants; `grace` is how many seconds it gets to exit by itself.

        In that time its input is closed.
        """
        if grace:
            self.send(b"", last=True)
            # In a thread, because a wait with a timeout asks again only after up to 50 ms.
            waiter = threading.Thread(target=self._process.wait, daemon=True)
            waiter.start()
            waiter.join(grace)
        _kill_tree(self._process)
        if self._watchdog is not None:
            self._watchdog.release(self._process.pid)
        self._process.wait()
        for thread in (self._writer, self._out.thread, self._err.thread):
            if thread:
                thread.join(_GRACE)
        with contextlib.suppress(OSError, ValueError):
            self._stdin.close()

    def _wait(self, until: float, ready: Callable[[bytearray], bool]) -> None:
        pipe = self._out
        with pipe.changed:
            while not (pipe.flooded or ready(pipe.data) or pipe.ended):
                if self._process.poll() is not None:
                    pipe.changed.wait_for(lambda: pipe.ended or pipe.flooded, _GRACE)
                    break
                self._check(until)
                pipe.changed.wait(min(_TICK, max(0.0, until - time.monotonic())))
            if pipe.flooded:
                raise ChildError(f"the runner printed more than {OUTPUT_LIMIT >> 20} MiB, and was ended")

    def _ending(self, until: float) -> str:
        """Wait for the process to exit after its output has ended; return its exit status in words."""
        while self._process.poll() is None:
            self._check(until)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(min(_TICK, max(0.0, until - time.monotonic())))
        self._err.thread.join(_GRACE)
        with self._err.changed:
            errors = " ".join(bytes(self._err.data).decode("utf-8", "replace").split())
        status = self._process.returncode
        how = f"status {status}" if status >= 0 else f"signal {-status}"
        return f"{how}: …{errors[-200:]}" if errors else how

    def _check(self, until: float) -> None:
        if self._stopped():
            raise ChildError("the replay was stopped")
        if time.monotonic() >= until:
            raise ChildError("the runner gave no answer in time, and was ended")


def script_fault(program: str) -> str:
    """Return in words what keeps POSIX systems from running a script by its first line, or nothing.

    `/usr/bin/env` itself starts then, and reports an interpreter that nobody has heard of.
    """
    first = _first_line(program)
    if first.startswith(b"#!") and first.endswith(b"\r\n"):
        return f"{program} has Windows line ends (CRLF), which its first line must not have; save it with LF"
    if first.startswith(b"\xef\xbb\xbf#!"):
        return f"{program} has a byte order mark before its first line; save it without one"
    return ""


def _first_line(program: str) -> bytes:
    try:
        with Path(program).open("rb") as file:
            return file.readline(200)
    except OSError:
        return b""


def why_not_started(program: str, cwd: Path | None, error: OSError) -> str:
    """Return in words why a program could not be started.

    Systems report a script's missing interpreter as if the script was missing.
    """
    if cwd is not None and not is_folder(cwd):
        return f"its working directory is no folder: {cwd}"
    if fault := script_fault(program):
        return fault
    first = _first_line(program)
    if first.startswith(b"#!") and isinstance(error, FileNotFoundError):
        return f"{program}: the interpreter that its first line names was not found"
    if error.errno == errno.ENOEXEC:
        return f"{program} is no program, and has no first line that names its interpreter (#!)"
    return f"{program}: {error.strerror}"


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            tool = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "taskkill.exe"
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    [tool, "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True, timeout=10
                )
            process.kill()
    else:
        # Even if the process has ended: its group exists as long as a descendant does.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
