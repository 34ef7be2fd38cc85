"""A reference deployment in a thread of the tests: it starts ten times as fast as a process."""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pytest_caio.commands import serve as service
from pytest_caio.reference.hosting import host as hosting
from pytest_caio.reference.hosting.process import ReferenceProcess
from pytest_caio.reference.hosting.server import Server

__all__ = ["HostedDeployment", "lean_python"]


def lean_python(folder: Path) -> str:
    """Return an interpreter, made in `folder`, whose pytest loads no installed plugin.

    To load those of this checkout takes three times as long as the critical tests of a reference deployment.
    """
    if os.name == "nt":
        return sys.executable
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nPYTEST_DISABLE_PLUGIN_AUTOLOAD=1 exec "{sys.executable}" "$@"\n', "utf-8")
    path.chmod(0o755)
    return str(path)


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

    def _profile(self) -> str:
        # The section of the critical tests comes last.
        assert self._folder is not None
        return f"{super()._profile()}python = {json.dumps(lean_python(Path(self._folder.name)))}\n"

    def _finish(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()
        self._server = self._thread = None
