"""Standard streams that are written to until they take no more."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["lasting"]


@contextmanager
def lasting(sink: Any, tell: Callable[[OSError], object]) -> Iterator[None]:
    """Drop what `sink` does not take: a full disk or a closed pipe (`| head`) ends nothing that is done.

    `sink` is what lies below the text layer of a standard stream, or that stream. `tell` is called once, with
    the error.
    """
    write, flush = sink.write, sink.flush
    before = {name: vars(sink).get(name) for name in ("write", "flush")}
    lost = False

    def unless_lost(act: Callable[[], object]) -> None:
        nonlocal lost
        if lost:
            return
        try:
            act()
        except OSError as error:
            lost = True
            # At its exit the interpreter would flush the rest, and end with status 120.
            atexit.register(_pour_away, sink)
            tell(error)

    def write_unless_lost(data: Any) -> int:
        unless_lost(lambda: write(data))
        return len(data)

    sink.write, sink.flush = write_unless_lost, lambda: unless_lost(flush)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(sink, name, method) if method else delattr(sink, name)
        if lost:  # pytest still flushes it at its end
            sink.write, sink.flush = len, lambda: None


def _pour_away(sink: Any) -> None:
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as away:
        os.dup2(away.fileno(), sink.fileno())
