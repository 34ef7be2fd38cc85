"""Deployments that misbehave: each is a function that serves one connection, with plain sockets."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = [
    "Handle",
    "answering",
    "as_json",
    "broken",
    "dripping",
    "hanging",
    "http",
    "over_tls",
    "packed_zeros",
    "pouring",
    "relaying",
    "resetting",
    "restarting",
    "silent_in_the_body",
    "stuck",
]

Handle = Callable[[socket.socket], None]


def http(status: int = 200, body: bytes = b"", *headers: str, version: str = "1.1") -> bytes:
    """Return a complete response, with its length and `headers` as written."""
    lines = [f"HTTP/{version} {status} Reason", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def as_json(value: object) -> bytes:
    """Return a 200 with `value` as JSON; NaN and infinities as Python writes them."""
    return http(200, json.dumps(value).encode(), "Content-Type: application/json")


def requests(connection: socket.socket) -> Iterator[tuple[str, str, bytes]]:
    """Read requests from a connection until it ends: method, target, and all bytes of each."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            piece = connection.recv(65536)
            if not piece:
                return
            buffer += piece
        head, _, rest = buffer.partition(b"\r\n\r\n")
        length = _length(head) or 0
        while len(rest) < length:
            rest += connection.recv(65536)
        method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
        yield method, target, head + b"\r\n\r\n" + rest[:length]
        buffer = rest[length:]


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return None


def answering(answer: bytes) -> Handle:
    """Respond to everything with `answer`, to HEAD with its head only, and keep the connection open."""
    head = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def handle(connection: socket.socket) -> None:
        for method, _, _ in requests(connection):
            connection.sendall(head if method == "HEAD" else answer)

    return handle


def broken(answer: bytes) -> Handle:
    """Respond with `answer` and close the connection."""

    def handle(connection: socket.socket) -> None:
        if not next(requests(connection), None):
            return
        connection.sendall(answer)

    return handle


def stuck(answer: bytes = b"") -> Handle:
    """Send `answer`, which is incomplete, and no more; for HEAD, which has no body, send nothing."""

    def handle(connection: socket.socket) -> None:
        request = next(requests(connection), None)
        if request and request[0] != "HEAD":
            connection.sendall(answer)
        while connection.recv(65536):
            pass

    return handle


hanging = stuck()
silent_in_the_body = stuck(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nhalf")


def resetting(connection: socket.socket) -> None:
    """Read a request and reset the connection."""
    next(requests(connection), None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def dripping(connection: socket.socket) -> None:
    """Respond with one byte per second."""
    request = next(requests(connection), None)
    head = request is not None and request[0] == "HEAD"
    for byte in b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n" + bytes(1000):
        time.sleep(1)
        connection.sendall(b"" if head else bytes([byte]))


def pouring(head: bytes, piece: bytes, times: int = 1_000_000_000, pause: float = 0.0) -> Handle:
    """Send `head`, then `piece` again and again; for HEAD, a complete `head` only."""

    def handle(connection: socket.socket) -> None:
        for method, _, _ in requests(connection):
            connection.sendall(head)
            if method == "HEAD" and head.endswith(b"\r\n\r\n"):
                continue
            for _ in range(times):
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
            return

    return handle


def packed_zeros() -> Handle:
    """Respond with 100 MB of gzip that decompresses to 10 GB."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    # After a full flush a piece does not depend on earlier ones, so it can be repeated.
    piece = packer.compress(bytes(1024 * 1024) + os.urandom(9 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n"
    return pouring(head + b"\x1f\x8b\x08\0\0\0\0\0\0\xff", piece, 10 * 1024)


def over_tls(context: ssl.SSLContext, handle: Handle) -> Handle:
    """Serve `handle` over TLS."""

    def serve(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
            handle(wrapped)

    return serve


def relaying(
    address: tuple[str, int],
    *,
    hangs: Callable[[str], bool] = lambda _: False,
    version: str = "1.1",
    delay: float = 0.0,
    ask: Callable[[bytes], bytes] = bytes,
    tell: Callable[[str, bytes], bytes] = lambda _, answer: answer,
) -> Handle:
    """Relay every request to the deployment at `address`, except for targets on which it `hangs`.

    `ask` may change the request, and `tell`, which also gets the target, the response.
    """

    def handle(connection: socket.socket) -> None:
        with socket.create_connection(address) as beyond:
            for method, target, request in requests(connection):
                if hangs(target):
                    connection.recv(1)
                    return
                time.sleep(delay)
                beyond.sendall(ask(request))
                answer, last = _answer(beyond, method)
                answer = tell(target, answer)
                connection.sendall(answer.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))
                if last or version == "1.0":
                    return

    return handle


def _answer(beyond: socket.socket, method: str) -> tuple[bytes, bool]:
    """Read one response, and say whether the connection ends with it."""
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        piece = beyond.recv(65536)
        if not piece:
            return buffer, True
        buffer += piece
    head, _, body = buffer.partition(b"\r\n\r\n")
    status, length = int(head.split(b" ", 2)[1]), _length(head)
    if method == "HEAD" or status in (204, 304):
        return buffer, False
    while length is None or len(body) < length:
        piece = beyond.recv(65536)
        if not piece:
            return head + b"\r\n\r\n" + body, True
        body += piece
    return head + b"\r\n\r\n" + body, b"\r\nconnection: close" in head.lower()


@contextmanager
def restarting(address: tuple[str, int], *, after: int, seconds: float) -> Iterator[str]:
    """Relay to the deployment at `address`; after `after` responses, refuse connections for `seconds`."""
    lock, over = threading.Lock(), threading.Event()
    seen, open_now = 0, list[socket.socket]()
    listener = _listen(0)
    port = listener.getsockname()[1]
    down = threading.Event()

    def counted(_: str, answer: bytes) -> bytes:
        nonlocal seen
        with lock:
            seen += 1
            if seen == after:
                down.set()
        return answer

    # Counts responses: on a busy machine many requests may be under way before the first response.
    relay = relaying(address, hangs=lambda _: down.is_set(), tell=counted)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            relay(connection)

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                time.sleep(0.01)
                continue
            open_now.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def restart() -> None:
        nonlocal listener
        down.wait()
        if over.is_set():
            return
        _close(listener)
        _end(open_now)
        if over.wait(seconds):  # the client may have given up by then
            return
        down.clear()
        listener = _listen(port)

    threads = [threading.Thread(target=work, daemon=True) for work in (accept, restart)]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        over.set()
        down.set()
        _close(listener)
        for thread in threads:
            thread.join(timeout=5)
        _end(open_now)


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    listener.settimeout(0.05)  # on macOS nothing else wakes a thread that accepts
    return listener


def _close(listener: socket.socket) -> None:
    with suppress(OSError):  # Windows and macOS do not shut down a socket that listens
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _end(connections: list[socket.socket]) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
