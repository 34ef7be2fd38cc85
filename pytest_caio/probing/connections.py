"""The connections over which requests are sent: each has an httpx transport of its own, and is used again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Connections", "left_over"]


class _Closing(Protocol):
    async def aclose(self) -> None: ...


_Transport = TypeVar("_Transport", bound=_Closing)


class Connections(Generic[_Transport]):
    """The connections of a prober, by origin: those that are idle can be taken, and put back after use.

    `make` makes a transport with a connection to an origin.
    """

    def __init__(self, make: Callable[[str], _Transport]) -> None:
        self._make = make
        self._idle: dict[str, list[_Transport]] = {}
        self._made: set[_Transport] = set()

    async def take(self, origin: str) -> _Transport | None:
        """Return the last connection put back that can be used again, if any; close those that cannot."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = _connection(transport := idle.pop())
            if connection.is_idle() and not connection.has_expired():
                return transport
            await self.close(transport)
        return None

    def make(self, origin: str) -> _Transport:
        """Return a new connection, which is opened by its first request."""
        made = self._make(origin)
        self._made.add(made)
        return made

    def put_back(self, transport: _Transport, origin: str) -> None:
        """Keep a connection after a whole response, to be taken again."""
        self._idle.setdefault(origin, []).append(transport)

    async def keep(self, most: int, origin: str) -> None:
        """Close idle connections to an origin until there are no more than `most`."""
        idle = self._idle.get(origin, [])
        while len(idle) > max(most, 0):
            await self.close(idle.pop(0))

    async def close(self, transport: _Transport) -> None:
        """Close a connection that was taken or made."""
        self._made.discard(transport)
        await transport.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(transport.aclose() for transport in self._made))


def left_over(transport: object) -> bytes:
    """Return what a connection received after the response.

    httpcore would read them as the next response, and no public API shows them.
    """
    state = getattr(getattr(_connection(transport), "_connection", None), "_h11_state", None)
    return bytes(state.trailing_data[0]) if state is not None else b""


def _connection(transport: object) -> Any:
    """Return the connection of a transport, as httpcore has it; None of one that replaces the network."""
    return getattr(transport, "_pool", None)
