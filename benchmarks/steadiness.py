"""Measures how reliable the gate is: full runs in a row on healthy reference deployments, on a busy machine.

Prints how many runs were GO and how long the slowest took; the exit status is 0 only if all were GO.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["main"]

CHECKOUT = Path(__file__).resolve().parents[1]
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"  # until its parent ends
SHOWN = 40  # last lines that are printed of a run that was not GO


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep this many processors busy."""
    burning = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def once() -> tuple[bool, str, float]:
    """Run the suite once; return whether it was GO, its output, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "acceptance", "-q", "-p", "no:cacheprovider"),
                f"--evidence-dir={folder}",
            ],
            cwd=CHECKOUT,
            env={**os.environ, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        seconds = time.perf_counter() - started
    said = done.stdout + done.stderr
    return done.returncode == 0 and done.stdout.rstrip().endswith("\nGO"), said, seconds


def main(arguments: list[str] | None = None) -> int:
    """Print a line, and the end of every run that was not GO; return 0 if all were GO, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--busy", type=int, default=2 * (os.cpu_count() or 1), help="processes that burn CPU")
    given = parser.parse_args(arguments)
    good, slowest = 0, 0.0
    with load(given.busy):
        for _ in range(given.runs):
            go, said, seconds = once()
            good, slowest = good + go, max(slowest, seconds)
            if not go:
                print("\n".join(said.splitlines()[-SHOWN:]), flush=True)
    print(f"{good} of {given.runs} runs beside {given.busy} busy processes were GO; slowest {slowest:.1f} s")
    return 0 if good == given.runs else 1


if __name__ == "__main__":
    raise SystemExit(main())
