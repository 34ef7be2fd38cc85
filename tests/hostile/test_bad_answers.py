"""Deployments with malformed or oversized responses: NO-GO, with a plain reason, and in bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.support import bad_servers as bad
from tests.support.deadlines import Pace
from tests.support.judging import GATES, must_be_no_go
from tests.support.nightly import some_nightly
from tests.support.suite_runs import ASKING, SHORT, Ask, Deployment, clean_environment, serving, start_suite

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
JSON = "Content-Type: application/json"
READY = b'{"status":"ready","ready":true}'
TOO_LARGE = "the answer is larger than 1 MiB"
NOT_HTTP = "the answer is not HTTP"
WRONG_TYPES = {
    "status": 1,
    "ready": "yes",
    "checked_at": {},
    "required_failures": 5,
    "timestamp": [],
    "checks": "all",
    "dependencies": {"redis": [], "inngest": 7, "webhooks": None},
    "auth": {"strict_mode": "true", "query_token_enabled": 0, "environment": ["production"]},
    "mode": {},
    "function_count": "four",
    "pending_emails": {"a": 1},
    "count": "many",
    "detail": {"x": [[]]},
    "version": [],
    "commit": 5,
}
PORTAL = bad.http(
    200, b"<html><form action='/login'>Welcome to the hotel</form>" * 20, "Content-Type: text/html"
)

ANSWERS = {
    "resets": (bad.resetting, "the connection was dropped before a whole answer"),
    "closes at once": (bad.broken(b""), "the connection was dropped before a whole answer"),
    "closes in the body": (
        bad.broken(OK + b"Content-Length: 9\r\n\r\nhalf"),
        "dropped before a whole answer",
    ),
    "pours": (bad.pouring(OK + b"\r\n", b"x" * 65536), TOO_LARGE),
    "pours chunks": (bad.pouring(CHUNKED, b"1000\r\n" + b"[" * 4096 + b"\r\n"), TOO_LARGE),
    "broken chunking": (bad.broken(CHUNKED + b"ZZ\r\nhello\r\n0\r\n\r\n"), NOT_HTTP),
    "not UTF-8": (bad.answering(bad.http(200, b'{"status":"\xff\xfe\xc3(' * 9, JSON)), "not UTF-8 text"),
    "nested deep": (bad.answering(bad.http(200, b"[" * 100_000 + b"]" * 100_000, JSON)), "200, [[[["),
    "nested deep in a report": (
        bad.answering(bad.http(200, b'{"dependencies":' * 10_000 + b"1" + b"}" * 10_000, JSON)),
        "200, {",
    ),
    "wrong types": (bad.answering(bad.as_json(WRONG_TYPES)), "must be true or false, and is text"),
    "a list": (bad.answering(bad.as_json([1, 2])), "it must be an object, and is an array"),
    "NaN": (bad.answering(bad.as_json({"status": float("nan"), "x": float("inf")})), "NaN is no JSON number"),
    "a number beyond all": (
        bad.answering(bad.http(200, b'{"status":1e99999}', JSON)),
        ":1e99999} (it has another form)",
    ),
    # A run reads at most 16 MiB of all responses together: which of them exceed it depends on their order.
    "1 MiB of line ends": (
        bad.answering(bad.http(200, b"\n" * 1_000_000, "Content-Type: text/plain")),
        TOO_LARGE,
    ),
    "1 MiB of backslashes": (
        bad.answering(bad.http(200, b"\\" * 1_000_000 + b"\n", "Content-Type: text/plain")),
        TOO_LARGE,
    ),
    "1 MiB of addresses": (
        bad.answering(bad.http(200, b"a@a.aa " * 140_000 + b"://:@" * 9000, "Content-Type: text/plain")),
        TOO_LARGE,
    ),
    "10 MB of headers": (bad.pouring(OK, b"X-A: " + b"x" * 8000 + b"\r\n", 1250), "larger than 100 KiB"),
    "many cookies": (
        bad.answering(bad.http(200, b"ok", *(f"Set-Cookie: caio_session=a{n}; Path=/" for n in range(1500)))),
        "more than 1000 headers",
    ),
    "429": (bad.answering(bad.http(429, b"", "Retry-After: 3600")), "answers 429 to everything"),
    "a captive portal": (bad.answering(PORTAL), "a login page of the network in between"),
    "HTTP/1.0": (bad.broken(bad.http(200, READY, JSON, version="1.0")), "answers 200 to everything"),
    "an old answer without head": (bad.broken(b"<html>hello"), "dropped before a whole answer"),
    "bytes after the end": (
        bad.answering(bad.http(200, READY, JSON) + b"more"),
        "there is more after its end",
    ),
    "two answers in one": (
        bad.answering(bad.http(401) + bad.http(200, READY)),
        "there is more after its end",
    ),
    "a length too short": (
        bad.answering(OK + b"Content-Length: 5\r\n\r\n" + READY),
        "there is more after its end",
    ),
    "a length too long": (bad.broken(OK + b"Content-Length: 500\r\n\r\n" + READY), "dropped before a whole"),
    "a negative length": (bad.broken(OK + b"Content-Length: -1\r\n\r\n" + READY), NOT_HTTP),
    "two lengths": (bad.broken(OK + b"Content-Length: 31\r\nContent-Length: 2\r\n\r\n" + READY), NOT_HTTP),
    "length and chunks": (bad.broken(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n3\r\nyes\r\n0\r\n\r\n"), ""),
    "rubbish for a status": (bad.broken(b"HTTP/1.1 OK 200\r\n\r\n"), NOT_HTTP),
    "a status out of range": (bad.broken(b"HTTP/1.1 999999 Odd\r\n\r\n"), NOT_HTTP),
    "another protocol": (bad.broken(b"\x16\x03\x01\0\x05hello" * 50), NOT_HTTP),
}


# Each of these takes the same way through the code as another one of ANSWERS.
LIKE_OTHERS = (
    "resets",
    "nested deep in a report",
    "a list",
    "1 MiB of addresses",
    "HTTP/1.0",
    "two answers in one",
    "another protocol",
    "closes at once",
    "pours chunks",
    "a number beyond all",
    "1 MiB of line ends",
    "1 MiB of backslashes",
    "an old answer without head",
    "bytes after the end",
    "a length too short",
    "a negative length",
    "two lengths",
    "length and chunks",
    "rubbish for a status",
    "a status out of range",
)


@pytest.mark.parametrize("name", some_nightly(ANSWERS, *LIKE_OTHERS))
def test_a_bad_answer_is_no_go(name: str, ask_at: Ask, pace: Pace) -> None:
    """A run against a bad response is NO-GO soon, names what was received, and leaves complete evidence."""
    handle, words = ANSWERS[name]
    with serving(handle) as url:
        # None of them hangs, so the timeout is long: a response that is slow to read must not time out.
        outcome = pace.keeps(lambda _: ask_at(url, *SHORT, "--http-timeout=60"), runs=4)
    must_be_no_go(outcome, words)


# A redirect to the login is followed by browsers, so that its checks read where it leads.
LOGIN_TOO = "test_readiness or test_cors or login"


def test_nothing_follows_a_redirect(ask_at: Ask, pace: Pace) -> None:
    """A redirect to another host is judged as the response, and that host receives no request."""
    heard = []

    def listen(connection: object) -> None:
        heard.append(connection)

    with serving(listen) as elsewhere:
        answer = bad.http(307, b"", f"Location: {elsewhere}/stolen")
        with serving(bad.answering(answer)) as url:
            outcome = pace.keeps(lambda _: ask_at(url, "acceptance", "-k", LOGIN_TOO), 0, runs=4)
        assert heard == []
    must_be_no_go(outcome, "307, redirect to")


def test_http_1_0_is_understood(ask: Ask, deployment: Deployment) -> None:
    """A healthy deployment behind an HTTP/1.0 proxy fails no check except possibly RDY-11 and RDY-13."""
    with serving(bad.relaying(deployment.address, version="1.0")) as url:
        outcome = ask("acceptance/test_readiness.py", *deployment.arguments, f"--base-url={url}")
    assert {check for check, found in outcome.checks.items() if found != "passed"} <= {"RDY-11", "RDY-13"}


def test_ipv6_alone_is_enough(ask_at: Ask, deployment: Deployment) -> None:
    """A healthy deployment that listens on an IPv6 address only is GO."""
    with serving(bad.relaying(deployment.address), host="::1") as url:
        assert url.startswith("http://[::1]:")
        outcome = ask_at(url, *SHORT)
    assert (outcome.status, outcome.lines[-1]) == (0, "GO"), outcome.stdout


def test_a_host_name_that_does_not_resolve_is_no_go(ask_at: Ask) -> None:
    """A host name that does not resolve is NO-GO for that reason, not for the timeout of a request."""
    outcome = ask_at("http://deployment.invalid", *GATES, "--http-timeout=60")
    must_be_no_go(outcome, "the host name does not resolve")


def peak_mb(arguments: list[str], folder: Path) -> tuple[float, int | None, Path]:
    """Run the suite; return the peak memory of its larger process in MB, exit status and evidence folder.

    The interpreter is included, and in the process that sends the requests what it shares with the other.
    """
    process = start_suite(arguments, folder, environment=clean_environment(), fresh=True)
    readers = [threading.Thread(target=stream.read) for stream in (process.stdout, process.stderr) if stream]
    for reader in readers:
        reader.start()
    peak, own = 0, psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.Error, OSError):  # a process that has just ended
            forks = [child for child in own.children() if child.cmdline() == own.cmdline()]
            # The kernel's own count: getrusage of children would include other processes of the tests.
            for pid in (process.pid, *(fork.pid for fork in forks)):
                status = Path(f"/proc/{pid}/status").read_text("utf-8")
                peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)])
        time.sleep(0.02)
    for reader in readers:
        reader.join()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    return peak * 1024 / 1e6, process.returncode, folder


LARGE = {
    "an ordinary answer": bad.answering(bad.http(401, b'{"detail":"no"}', JSON)),
    "pouring": bad.pouring(OK + b"\r\n", b"x" * 65536),
    "unpacking": bad.packed_zeros(),
    "1 MiB each": bad.answering(bad.http(401, b"x" * 1024 * 1024)),
    "40 KB of headers each": bad.answering(bad.http(401, b"{}", *(f"X-{n}: {n:030}" for n in range(990)))),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
@pytest.mark.parametrize(
    "name", some_nightly(LARGE, "an ordinary answer", "1 MiB each", "40 KB of headers each")
)
def test_memory_is_bounded(name: str, deployment: Deployment, tmp_path: Path, pace: Pace) -> None:
    """A run peaks below 150 MB and ends with NO-GO, however much the deployment sends."""
    folders = (tmp_path / str(number) for number in itertools.count())
    with serving(LARGE[name]) as url:
        asked = [*ASKING, *deployment.arguments, f"--base-url={url}"]
        peak, status, folder = pace.keeps(
            lambda deadline: peak_mb([*asked, f"--http-timeout={deadline}"], next(folders)), runs=8
        )
    assert status == 1
    assert peak < 150, peak
    (path,) = folder.glob("*Z.json")
    evidence = json.loads(path.read_text("utf-8"))
    assert evidence["verdict"] == "NO-GO"
