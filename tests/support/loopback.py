"""A raw HTTP server on loopback, for responses that no correct server would send."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Loopback", "Received", "http"]

_Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """One request as received; `connection` counts from 0, `at` is in monotonic seconds."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    connection: int
    at: float

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of the header `name`, given in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


def http(status: int = 200, body: bytes = b"ok", **headers: str) -> bytes:
    """Return a complete response; underscores in header names stand for dashes."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Loopback:
    """Responds as configured for each target, and records the requests.

    A response is bytes, or a coroutine function that writes to the connection, which is then closed.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._scheme = "https" if tls else "http"
        self._tls = tls
        self._answers: dict[bytes, list[_Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(5)
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def origin(self) -> str:
        """The scheme, host and port."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def on(self, target: str, *answers: _Answer) -> None:
        """Respond to `target` with `answers` in turn; the last one is repeated."""
        self._answers[target.encode()] = list(answers)

    def sent_to(self, target: str) -> list[Received]:
        """Return the requests for `target`."""
        return [request for request in self.received if request.target == target.encode()]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        number, self.connections = self.connections, self.connections + 1
        try:
            while await self._answer(number, reader, writer):
                pass
        except (asyncio.CancelledError, OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        if first == b"\x16":  # the start of a TLS handshake that was not expected
            writer.write(http(400))
            await writer.drain()
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        method, target, _ = head[0].split(b" ", 2)
        pairs = (line.partition(b":") for line in head[1:])
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
        body = await reader.readexactly(length)
        self.received.append(Received(method, target, headers, body, number, time.monotonic()))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answers = self._answers.get(target, [http()])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if callable(answer):
                await answer(writer)
                return False
            writer.write(answer)
            await writer.drain()
            return True
        finally:
            self.open -= 1

    def close(self) -> None:
        """Drop every connection and stop."""

        async def stop() -> None:
            for _ in range(10):  # let a connection that was just accepted start its task first
                await asyncio.sleep(0)
            self._server.close()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _ in range(10):  # let the transports close
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
