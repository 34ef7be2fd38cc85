"""Looks at other processes, which may end at any moment between two looks."""

from __future__ import annotations

from contextlib import suppress

import psutil

__all__ = ["below", "runs"]


def runs(process: psutil.Process | int) -> bool:
    """Say whether a process, or that of an id, still runs; a zombie does not."""
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return bool(found.is_running() and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def below(word: str) -> list[psutil.Process]:
    """Return the processes that this one started, and theirs, with this word in their command line."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if word in child.cmdline():
                found.append(child)
    return found
