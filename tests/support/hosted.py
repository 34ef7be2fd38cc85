"""A reference deployment in a thread of the tests: it starts ten times as fast as a process."""

from __future__ import annotations

import argparse
import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from pytest_caio.commands import serve as service
from pytest_caio.reference.hosting import host as hosting
from pytest_caio.reference.hosting.process import ReferenceProcess
from pytest_caio.reference.hosting.server import Server

__all__ = ["HostedDeployment"]


class HostedDeployment(ReferenceProcess):
    """Like `ReferenceProcess`, with its own uvicorn and Redis server, but in this process.

    For tests that start hundreds of them. Environment variables that would configure it are removed from this
    process.
    """

    _server: Server | None = None
    _thread: threading.Thread | None = None

    def _begin(self, options: Sequence[str], folder: Path) -> dict[str, str]:  # noqa: ARG002 - for its errors
        service.forget_variables()
        # The SDK logs each request that it refuses.
        logging.getLogger("pytest_caio.reference.inngest").addHandler(logging.NullHandler())
        parser = argparse.ArgumentParser()
        service.configure(parser)
        args = parser.parse_args(options)
        told: queue.SimpleQueue[tuple[dict[str, str], Server] | BaseException] = queue.SimpleQueue()

        def serve() -> None:
            try:
                hosting.host(args, lambda summary, server: told.put((summary, server)))
            except BaseException as error:  # noqa: BLE001 - raised in the thread that started it
                told.put(error)

        self._thread = threading.Thread(target=serve)
        self._thread.start()
        got = told.get(timeout=self._start_seconds)
        if isinstance(got, BaseException):
            self.stop()
            raise got
        summary, self._server = got
        return summary

    def _finish(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()
        self._server = self._thread = None
