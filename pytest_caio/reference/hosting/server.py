"""A uvicorn server on a loopback socket, without log output, that calls back when it serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

__all__ = ["Server"]


class Server(uvicorn.Server):
    """A uvicorn server of one app on one bound socket, with its limit on connections, if any."""

    def __init__(self, app: ASGIApp, bound: socket.socket, most_connections: int | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="on",
            http="h11",  # httptools refuses malformed headers by itself, whatever the app does with them
            limit_concurrency=most_connections,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        super().__init__(config)
        self._bound = bound

    @property
    def should_exit(self) -> bool:
        """Whether the server is to stop; any thread and any signal handler may set it."""
        return self._exiting

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._exiting = value
        if value and self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._woken.set)

    async def main_loop(self) -> None:
        """Serve until `should_exit` is set. uvicorn itself looks at it ten times a second."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # which sets the time that responses tell, in seconds
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, but at once where no request is under way; it would wait for 0.1 s."""
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self.lifespan.shutdown()

    def serve_until_stopped(self, on_start: Callable[[], None] = lambda: None) -> None:
        """Serve until the server is stopped; call `on_start` once it answers requests.

        Raises RuntimeError if the app did not start.
        """
        asyncio.run(self._serve_and_tell(on_start))

    async def _serve_and_tell(self, on_start: Callable[[], None]) -> None:
        serving = asyncio.create_task(self.serve(sockets=[self._bound]))
        while not self.started and not serving.done():
            await asyncio.sleep(0.002)
        if self.started:
            on_start()
        await serving
        if not self.started:
            raise RuntimeError("the reference deployment did not start; run it with --help for its options")
