"""What the tests of the reference deployment share: one process to read from, and broken ones in threads."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from pytest_caio.commands.serve import forget_variables
from pytest_caio.reference.dashboard.app import build_app
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.settings import fresh_settings
from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.hosting.listening import loopback_socket
from pytest_caio.reference.hosting.process import ReferenceProcess
from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.reference.hosting.server import Server
from pytest_caio.reference.variations import VARIATIONS
from tests.support.reference_site import Hosted, Site, site_of

_DATABASES = 2048  # two for each deployment in a thread


@pytest.fixture(scope="session")
def process() -> Iterator[ReferenceProcess]:
    """One healthy reference deployment in a process of its own."""
    with ReferenceProcess() as running:
        yield running


@pytest.fixture(scope="session")
def site(process: ReferenceProcess) -> Iterator[Site]:
    """The healthy process, with its settings and a client."""
    with site_of(process) as opened:
        yield opened


@pytest.fixture
def client(site: Site) -> httpx.Client:
    """A client of the healthy process, without credentials."""
    return site.client


@pytest.fixture(scope="session")
def store() -> Iterator[RedisServer]:
    """The Redis that the deployments in threads use, a database each."""
    with RedisServer({"databases": str(_DATABASES)}) as running:
        yield running


@pytest.fixture(scope="session")
def hosted(store: RedisServer) -> Iterator[Hosted]:
    """Serve a deployment with these faults or variations in a thread, on a Redis database of its own."""
    # The next one is left free, for the fault that reads another database.
    used = iter(range(2, _DATABASES, 2))
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading real authorities takes longer than a test
    threads: list[threading.Thread] = []
    forget_variables()

    @contextmanager
    def serve(*faults: str, **options: Any) -> Iterator[Site]:
        database = f"{store.url.rpartition('/')[0]}/{next(used)}"
        bound = loopback_socket("127.0.0.1", 0)
        base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        settings = fresh_settings("production", base_url, database)
        deployment = Deployment(settings, revoked=("revoked-token-of-last-month",), **options)
        published = dict(settings)
        for name in faults:
            (FAULTS.get(name) or VARIATIONS[name]).apply(deployment)
        server = Server(build_app(deployment, 3), bound, deployment.most_connections)
        started = threading.Event()
        threads.append(threading.Thread(target=server.serve_until_stopped, args=(started.set,)))
        threads[-1].start()
        try:
            assert started.wait(20)
            with httpx.Client(base_url=base_url, trust_env=False, timeout=20, verify=no_tls) as client:
                yield Site(base_url, published, deployment.revoked, client)
        finally:
            server.should_exit = True  # it ends in its own time, while the next one starts

    yield serve
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def healthy(hosted: Hosted) -> Iterator[Site]:
    """A healthy deployment in a thread, to hold each variation against."""
    with hosted() as opened:
        yield opened
