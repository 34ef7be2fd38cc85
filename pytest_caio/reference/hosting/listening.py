"""The socket on which the reference deployment listens."""

from __future__ import annotations

import socket

from pytest_caio.errors import InputError

__all__ = ["loopback_socket"]


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
