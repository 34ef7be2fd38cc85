"""A reference deployment in a thread of the tests: it starts ten times as fast as a process."""

from __future__ import annotations

import argparse
import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_caio.commands import serve as service
from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.hosting import host as hosting
from pytest_caio.reference.hosting.process import ReferenceProcess
from pytest_caio.reference.hosting.server import Server

__all__ = ["READY_BUDGET_MS", "HostedDeployment"]

# In profiles, for RDY-12: on a busy machine every response is late.
READY_BUDGET_MS = 30_000
_TIMED = {name for name, fault in FAULTS.items() if "RDY-12" in fault.reds}


class HostedDeployment(ReferenceProcess):
    """Like `ReferenceProcess`, with its own uvicorn and Redis server, but in this process.

    For tests that start hundreds of them. Unless one of its faults is about time, its profile gives readiness
    so long that it is never late. Environment variables that would configure it are removed from this
    process.
    """

    _server: Server | None = None
    _thread: threading.Thread | None = None

    def __init__(self, *options: str, **how: Any) -> None:
        super().__init__(*options, **how)
        self._timed = not _TIMED.isdisjoint(how.get("faults", ()))
        self._told: queue.SimpleQueue[dict[str, str] | BaseException] = queue.SimpleQueue()

    def _begin(self, options: Sequence[str], folder: Path) -> None:  # noqa: ARG002 - for its errors
        service.forget_variables()
        # The SDK logs each request that it refuses.
        logging.getLogger("pytest_caio.reference.inngest").addHandler(logging.NullHandler())
        parser = argparse.ArgumentParser()
        service.configure(parser)
        args = parser.parse_args(options)

        def ready(summary: dict[str, str], server: Server) -> None:
            self._server = server
            self._told.put(summary)

        def serve() -> None:
            try:
                hosting.host(args, ready, self._told.put)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that started it
                self._told.put(error)

        self._thread = threading.Thread(target=serve)
        self._thread.start()

    def _summary(self) -> dict[str, str]:
        told = self._told.get(timeout=self._start_seconds)
        if isinstance(told, BaseException):
            self.stop()
            raise told
        return told

    def _profile(self, folder: Path) -> str:
        name, own = super()._profile(folder).split("\n", 1)
        return f"{name}\n{own}" if self._timed else f"{name}\nready_budget_ms = {READY_BUDGET_MS}\n{own}"

    def _finish(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()
        self._server = self._thread = None
