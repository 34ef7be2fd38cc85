"""What stands where REDIS_URL leads and is no usable Redis: each in words, and within ten seconds."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_caio.state import StoreError, connect, fetch, inspect_server, members, storage_of, survey
from pytest_caio.state import server as state_server

Serve = Callable[..., int]
WORD = "s3cret-word-of-redis"
PATIENCE = state_server._ANSWER_SECONDS


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that answer each chunk of what they are sent with the same bytes; None is silence."""
    with contextlib.ExitStack() as stack:

        def start(answer: bytes | bytearray | None, tls: ssl.SSLContext | None = None) -> int:
            class Handler(socketserver.BaseRequestHandler):
                def handle(self) -> None:
                    with contextlib.suppress(OSError):
                        connection = tls.wrap_socket(self.request, server_side=True) if tls else self.request
                        while connection.recv(65536):
                            if answer is not None and not answer:
                                return
                            connection.sendall(bytes(answer or b""))

            server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return server.server_address[1]

        yield start


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an answer for a sixth of a second only."""
    assert state_server._CONNECT_SECONDS + state_server._ANSWER_SECONDS <= 12
    monkeypatch.setattr(state_server, "_ANSWER_SECONDS", 0.15)


def told(url: str) -> str:
    """Return what is said of a Redis that is none, and see that every function says as much."""
    with connect(url) as client:
        (fault,) = inspect_server(client).faults
        for ask in (
            lambda: survey(client, "caio"),
            lambda: members(client, "k"),
            lambda: fetch(client, ["k"]),
        ):
            with pytest.raises(StoreError):
                ask()
    assert WORD not in fault
    return fault


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "What answers is not Redis: asked at 127.0.0.1"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "where it is reached with TLS, write rediss://"),
        (b"220 mail.example ESMTP\r\n", "What answers is not Redis"),
        (b":many\r\n", "What answers is not Redis"),
        (b"*1\r\n" * 3000, "What answers is not Redis"),
        (b"", "Redis cannot be reached: asked at 127.0.0.1"),
        (None, "Redis does not answer in time: asked at 127.0.0.1"),
        (b"-DENIED Redis is running in protected mode\r\n", "Redis is in protected mode"),
        (b"-ERR max number of clients reached\r\n", "Redis takes no more connections"),
        (b"-MOVED 7 10.0.0.1:6379\r\n", "Redis is a cluster"),
        (b"-CROSSSLOT Keys in request don't hash to the same slot\r\n", "Redis is a cluster"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "Redis is a cluster"),
        (b"-ERR SELECT is not allowed in cluster mode\r\n", "Redis is a cluster"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "Redis is still loading its data"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "a replica that has lost its primary"),
        (b"-BUSY Redis is busy running a script.\r\n", "Redis is busy with a script"),
        (
            b"-ERR AUTH <password> called without any password configured for the default user. Are you sure "
            b"your configuration is correct?\r\n",
            "Redis has no password, and REDIS_URL gives one",
        ),
        (b"-NOAUTH Authentication required.\r\n", "Redis refuses the credentials in REDIS_URL"),
        (b"-WRONGPASS invalid username-password pair\r\n", "Redis refuses the credentials in REDIS_URL"),
        (b"-NOPERM this user has no permissions to run the 'ping' command\r\n", "does not permit this user"),
        (b"-ERR s3cret-word-of-redis\r\n", "Redis refused a command (ERR)"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_usable_redis_is_told(serve: Serve, answer: bytes | None, words: str) -> None:
    """An HTTP server, silence, protected mode, a cluster, a full table of clients: each in words."""
    assert words in told(f"redis://:{WORD}@127.0.0.1:{serve(answer)}/0")


def test_no_password_in_the_url_is_told(serve: Serve) -> None:
    """Without a password in the URL (NOAUTH), the words are about that, and not about a wrong one."""
    url = f"redis://127.0.0.1:{serve(b'-NOAUTH Authentication required.' + bytes([13, 10]))}/0"
    assert "Redis wants a password, and REDIS_URL has none" in told(url)


def test_tls_and_no_tls_are_told_apart(serve: Serve) -> None:
    """TLS against a plain port, plain against TLS, a certificate not trusted: what to write instead."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    place = f"127.0.0.1:{serve(b'+PONG' + bytes([13, 10]), tls)}/0"
    plain = f"127.0.0.1:{serve(b'-ERR unknown command' + bytes([13, 10]))}/0"
    silent = f"127.0.0.1:{serve(None)}/0"
    assert "where it is reached with TLS, write rediss://" in told(f"redis://{place}")
    assert "Redis has a certificate that is not trusted" in told(f"rediss://{place}")
    assert "where it is reached without TLS, write redis://" in told(f"rediss://{plain}")
    assert "where it is reached without TLS, write redis://" in told(f"rediss://{silent}")


@pytest.mark.parametrize("host", ["redis.railway.internal", "no-such-host.invalid", "a" * 70, "h..example"])
def test_a_host_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """`redis.railway.internal` is not resolvable outside Railway: the public URL is to be given."""
    fault = told(f"redis://:{WORD}@{host}:6379/0")
    if host.endswith(".internal"):
        assert "give the checks the public URL of Redis (REDIS_PUBLIC_URL in Railway)" in fault
    assert f"asked at {host}" in fault


def test_options_of_the_url_do_not_make_it_wait(serve: Serve) -> None:
    """Timeouts and retries that the URL asks for do not count here: the checks have their own."""
    started = time.monotonic()
    options = "socket_timeout=60&socket_connect_timeout=60&retry_on_timeout=true&max_connections=0&protocol=3"
    fault = told(f"redis://127.0.0.1:{serve(None)}/0?{options}")
    assert "does not answer in time" in fault
    assert time.monotonic() - started < 5


def test_a_port_that_nothing_takes_is_told() -> None:
    """Where nothing listens, it is said; so is a socket that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert "nothing takes connections there" in told(f"redis://127.0.0.1:{bound.getsockname()[1]}/0")
    if hasattr(socket, "AF_UNIX"):
        assert "asked at the socket that REDIS_URL names" in told("unix:///run/no-such-redis.sock")


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_silent_server_is_given_up_in_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A server that accepts and is silent, and TLS against a plain port (it took 61 s), take under 10 s."""
    monkeypatch.setattr(state_server, "_ANSWER_SECONDS", PATIENCE)
    started = time.monotonic()
    with connect(f"{scheme}://127.0.0.1:{serve(None)}/0") as client:
        assert "does not answer in time" in inspect_server(client).faults[0]
    assert time.monotonic() - started < 10


REPLIES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.builds(
        lambda kind, rest: kind + rest + b"\r\n",
        st.sampled_from(list(map(bytes, zip(b"+-:$*%_,#!=~>|(")))),
        st.binary(max_size=12),
    ),
)


@pytest.mark.parametrize("examples", [20, pytest.param(500, marks=pytest.mark.nightly)])
def test_no_answer_ends_in_a_traceback(serve: Serve, monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    """Whatever a server answers, what comes of it is findings or one line."""
    monkeypatch.setattr(state_server, "_ANSWER_SECONDS", 0.01)
    answer = bytearray(b"x")
    port = serve(answer)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(REPLIES, min_size=1, max_size=3).map(b"".join))
    def check(replies: bytes) -> None:
        answer[:] = replies
        with connect(f"redis://127.0.0.1:{port}/0") as client:
            inspect_server(client)
            storage_of(client)
            for ask in (
                lambda: survey(client, "caio"),
                lambda: members(client, "k"),
                lambda: fetch(client, ["k"]),
            ):
                with contextlib.suppress(StoreError):
                    ask()

    check()
