"""A uvicorn server on a loopback socket, without log output, that calls back when it serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from pytest_caio.errors import InputError

__all__ = ["Server", "loopback_socket"]


def loopback_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to a loopback address; port 0 takes a free one.

    Raises InputError for a host that is not loopback, or a port that is taken or out of range.
    """
    if host not in {"127.0.0.1", "localhost", "::1"}:
        raise InputError(
            f"--host {host}: the reference deployment serves loopback only: 127.0.0.1, ::1, localhost"
        )
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that name TCP; else each response takes 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise InputError(f"--port {port}: cannot listen there ({error})") from None
    return bound


class Server(uvicorn.Server):
    """A uvicorn server of one app on one bound socket."""

    def __init__(self, app: ASGIApp, bound: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._bound = bound

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
