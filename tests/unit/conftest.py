"""Fixtures of the unit tests: environments, loopback servers, transports and probers."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pytest_caio.reference.golden as demo
from pytest_caio.checks.probe import Request
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.environments.tokens import Revoked
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.prober import Prober
from pytest_caio.probing.transport import Transport
from pytest_caio.redaction.secret import Secret
from tests.support.loopback import Loopback


@pytest.fixture
def make_environment() -> Callable[..., Environment]:
    """Make an environment from keys and values; `profile` and `revoked` may be given."""

    def make(
        base_url: str = "http://127.0.0.1:9",
        profile: Profile | None = None,
        revoked: tuple[str, ...] = (),
        name: str = "demo",
        **values: str,
    ) -> Environment:
        hidden = {key: Secret(value) for key, value in values.items()}
        return Environment(name, base_url, profile or Profile(), hidden, Revoked(tuple(map(Secret, revoked))))

    return make


@pytest.fixture
def make_server() -> Iterator[Callable[..., Loopback]]:
    """Start loopback servers, which are stopped after the test."""
    started: list[Loopback] = []

    def make(tls: ssl.SSLContext | None = None) -> Loopback:
        started.append(Loopback(tls))
        return started[-1]

    yield make
    for server in started:
        server.close()


@pytest.fixture
def server(make_server: Callable[..., Loopback]) -> Loopback:
    """A loopback server."""
    return make_server()


@pytest.fixture
def make_prober() -> Iterator[Callable[..., Prober]]:
    """Make probers over real sockets, or over an `inner` transport; they are closed after the test."""
    made: list[Prober] = []

    def make(*, connections: int = 8, rate: float = 0, timeout: float = 5, inner: Any = None) -> Prober:
        prober = Prober(
            lambda: Transport(timeout=timeout, inner=inner),
            connections=connections,
            rate=rate,
        )
        made.append(prober)
        return prober

    yield make
    for prober in made:
        prober.close()


@pytest.fixture
def send() -> Callable[..., list[Exchange]]:
    """Send requests one after the other through one transport, and return their exchanges."""

    def run(*requests: Request, timeout: float = 5, inner: Any = None) -> list[Exchange]:
        async def all_of_them() -> list[Exchange]:
            transport = Transport(timeout=timeout, inner=inner)
            try:
                return [await transport.send(request) for request in requests]
            finally:
                await transport.aclose()

        return asyncio.run(all_of_them())

    return run


@pytest.fixture
def no_garbage() -> None:
    """Collect the garbage of other tests, and say nothing of what they left open: it is not this test's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def dead_origin() -> Iterator[str]:
    """A loopback origin that refuses every connection: its port is bound, and nothing listens on it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file to the test's temporary folder."""

    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture(scope="session")
def demo_path() -> Path:
    """The path of the demo's golden set."""
    return Path(str(demo.__file__)).with_name("golden_set.json")
