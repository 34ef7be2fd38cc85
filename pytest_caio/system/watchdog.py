"""A small process that ends the child processes of this one if this one dies without doing so."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

__all__ = ["NEW_GROUP", "Watchdog"]

# Windows has no sessions: there Ctrl-C reaches all processes of a console but those of a new group.
NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

# Started without site or package imports, which would take ten times as long. Each input line is one command.
_PROGRAM = """
import os, signal, sys
def end(number):
    if os.name == "nt":
        import subprocess
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(number)], capture_output=True)
    else:
        os.killpg(number, signal.SIGKILL)
held, folders = set(), []
for line in sys.stdin:
    what, _, rest = line.rstrip("\\n").partition(" ")
    if what == "hold": held.add(int(rest))
    if what == "let": held.discard(int(rest))
    if what == "folder": folders.append(rest)
for number in held:
    try: end(number)
    except OSError: pass
if held:
    import shutil
    for folder in folders: shutil.rmtree(folder, ignore_errors=True)
"""


class Watchdog:
    """Watches processes, each the leader of its own process group, and ends those left when this one is gone.

    The watchdog process notices by the end of its standard input, which closes however this process ends.
    After `close` it ends nothing. All methods are thread-safe.
    """

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C must not end it
            creationflags=NEW_GROUP,
        )

    def watch(self, process_id: int, folder: str = "") -> None:
        """Watch a process that was just started; `folder` is removed if the watchdog has to end a process."""
        if folder:
            self._send(f"folder {folder}")
        self._send(f"hold {process_id}")

    def release(self, process_id: int) -> None:
        """Stop watching a process. Call this before waiting for its exit: its id may be reused after."""
        self._send(f"let {process_id}")

    def close(self) -> None:
        """End the watchdog process and nothing else; may be called twice."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        # That the watchdog process has died is no reason to stop the run.
        with self._sending, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
