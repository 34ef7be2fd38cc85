"""An edge proxy in front of a healthy deployment that sometimes drops a connection or returns an error."""

from __future__ import annotations

import re
import select
import socket
import threading

__all__ = ["Edge"]

BAD_GATEWAY = (
    b"HTTP/1.1 %d Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 12\r\n\r\n"
)


class Edge:
    """Relays each request over a connection of its own, except for every `nth`, which it refuses.

    It refuses by responding with `status` or, if that is 0, by dropping the connection. A request is refused
    only once, unless `nth` is 1; requests whose first line matches `spared` are not refused.
    """

    def __init__(self, upstream: tuple[str, int], status: int, nth: int, spared: re.Pattern[bytes]) -> None:
        self._upstream = upstream
        self._status = status
        self._nth = nth
        self._spared = spared
        self._counting = threading.Lock()
        self._count = 0
        self._known: set[bytes] = set()
        self.refused = 0

    def __call__(self, connection: socket.socket) -> None:
        """Serve one connection, which carries one request, since every response closes it."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        with self._counting:
            refuse = self._picks(head)
            self.refused += refuse
        if refuse:
            if self._status:
                page = b"" if head.startswith(b"HEAD ") else b"<p>edge</p>\n"
                connection.sendall(BAD_GATEWAY % self._status + page)
            return
        if b"\r\nupgrade:" not in head.lower():
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(self._upstream) as upstream:
            upstream.sendall(head)
            pump(connection, upstream)

    def _picks(self, head: bytes) -> bool:
        if self._nth == 1:
            return True
        if self._spared.search(head.partition(b"\r\n")[0]) or head in self._known:
            return False
        self._count += 1
        if self._count % self._nth:
            return False
        self._known.add(head)
        return True


def pump(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes in both directions until either side closes."""
    while True:
        for source in select.select([one, other], [], [], 30)[0]:
            chunk = source.recv(65536)
            if not chunk:
                return
            (other if source is one else one).sendall(chunk)
