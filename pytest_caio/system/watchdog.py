"""A small process that ends what another has started, should that one die without a word."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

__all__ = ["Watchdog"]

# Started without site or package imports, which would take ten times as long. What is told is a line each.
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
    """Holds processes, each the leader of a group of its own, and ends those still held when we are gone.

    It learns so from its standard input, which ends with us, however we end. `close` lets everything be.
    Threads may call every method.
    """

    def __init__(self) -> None:
        self._telling = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is not for it
        )

    def watch(self, process_id: int, folder: str = "") -> None:
        """Take a process that was just started, and a folder that goes with it, in charge."""
        if folder:
            self._tell(f"folder {folder}")
        self._tell(f"hold {process_id}")

    def release(self, process_id: int) -> None:
        """Let go of a process: to be called before its end is waited for, since its number may come again."""
        self._tell(f"let {process_id}")

    def close(self) -> None:
        """End the guard and nothing else; may be called twice."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A guard that is gone guards nothing, and is no reason to stop.
        with self._telling, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
