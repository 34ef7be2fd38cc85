"""The standard streams, which need not be open."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["open_streams"]


def open_streams() -> None:
    """Open the standard streams that are closed, as by some services: nothing could be printed."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass  # else another file would get the number of a standard stream, and what is printed into it
        os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
