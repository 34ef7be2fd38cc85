"""The peak of this process's memory, for processes that are started to measure it."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB.

    On Linux it is read from /proc: what `getrusage` gives includes the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource  # noqa: PLC0415 - there is none on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
