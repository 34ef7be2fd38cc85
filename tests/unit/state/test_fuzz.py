"""Odd Redis URLs and state folders: each ends in findings or in one line, and no secret is shown."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_caio.contract.redis_url import redis_password, redis_place, redis_url_fault
from pytest_caio.environments.keys import weakness
from pytest_caio.errors import InputError
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.secret import names_secret
from pytest_caio.state import connect, inspect_server, look_at_files, read_index
from pytest_caio.state import server as state_server

CORE = "Zk4vQ9rT2mXw7LpB"
ODD = st.text(st.sampled_from("/?#@%:&=[]\\ \t\u00fc\u200b0aZ+;,'\"$"), max_size=4)
SECRETS = st.builds(lambda before, after: before + CORE + after, ODD, ODD)
SCHEMES = st.sampled_from(
    "redis:// rediss:// unix:// REDIS:// valkey:// redis+sentinel:// postgres:// redis: //".split()
)
HOSTS = st.sampled_from(
    ["h:6379", "h", "127.0.0.1:1", "[::1]:1", "[::1", "", ":", "h:port", "h:99999", "a" * 300, "..", "\u00fc"]
)
PATHS = st.sampled_from(["", "/", "/0", "/99", "/x", "/0/1", "//", "/-1", "/\u0663", "/" + "9" * 40])
NAMES = st.sampled_from(
    """
    db username password family protocol ssl_cert_reqs ssl_check_hostname ssl_ca_certs ssl_min_version retry
    host port path socket_timeout socket_connect_timeout max_connections health_check_interval encoding ssl
    decode_responses client_name redis_connect_func credential_provider parser_class connection_class lib_name
    """.split()
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "4",
            "none",
            "CERT_NONE",
            "True",
            "\udcff",
            "9" * 5000,
            "utf-16",
            "%00",
            "a b",
            "nan",
            "1e9",
        ]
    ),
    st.text(max_size=6),
)


@st.composite
def redis_urls(draw: st.DrawFn) -> str:
    """Draw a Redis URL, or what somebody might take for one, with a secret as its password or an option."""
    user = draw(st.sampled_from(["", "default", "u:", "\u00fc"]))
    userinfo = draw(st.sampled_from(["{user}:{secret}@", "{secret}@", "{user}:{secret}", ""]))
    options = [f"{name}={value}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=3))]
    # Without an @ after it, a password with an @ or a / in it cannot be told from a host and its path.
    secret = CORE if userinfo.endswith("}") else draw(SECRETS)
    if not userinfo:
        options.insert(0, f"{draw(st.sampled_from(['password', 'username']))}={secret}")
    query = "?" + "&".join(options) if options else ""
    url = draw(SCHEMES) + userinfo.format(user=user, secret=secret) + draw(HOSTS) + draw(PATHS) + query
    return draw(st.sampled_from([url, f" {url}\n", CORE, url.replace("//", "/", 1)]))


@pytest.mark.parametrize("examples", [200, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_any_redis_url_ends_in_words(monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    """Whatever stands in REDIS_URL ends in one line or a client: no traceback, and no secret."""

    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)  # nothing leaves this machine
    monkeypatch.setattr(state_server, "_RETRIES", 0)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(redis_urls())
    def check(url: str) -> None:
        fault = redis_url_fault(url)
        shown = [fault, redis_place(url), weakness("REDIS_URL", url)]
        redis_password(url)
        try:
            with connect(url) as client:
                shown += inspect_server(client).faults
        except InputError as error:
            shown.append(str(error))
        assert [text for text in shown if CORE in text or "\n" in text] == []
        assert names_secret("REDIS_URL", url)

    check()


@pytest.mark.parametrize("examples", [12, pytest.param(500, marks=pytest.mark.nightly)])
def test_any_redis_url_is_redacted(examples: int) -> None:
    """The secret of a Redis URL is redacted on its own, however it was written into the URL."""

    @settings(max_examples=examples, deadline=None, database=None)
    @given(redis_urls().filter(lambda url: len(url) < 300))
    def check(url: str) -> None:
        shown = Redactor({"REDIS_URL": url}).redact(f"refused: {CORE}; {url}")
        assert not any(CORE[at : at + 8] in shown for at in range(len(CORE) - 7))

    check()


CONTENTS = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b'{"date": "2026-02-24"}',
            b'{"date": "yesterday"}',
            b'{"email": "a@b.example"}',
            b'{"email": 1, "email": 2}',
            b'{"batch_id": "a b"}',
            b'{"batch_id": NaN}',
            b'{"email": "\\ud800@b.example"}',
            b"[" * 3000,
            b"9" * 5000,
        ]
    ),
)
FILE_NAMES = st.one_of(
    st.sampled_from(
        ["operator_state.json", "batch_1.json", "lead.json", "x.JSON", "a\nb.json", ".hive-mind"]
    ),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
)
PLACES = st.sampled_from(["", "operator_batches", "cadence_state", "cadence_state/inner"])
KINDS = st.sampled_from(["file", "file", "file", "folder", "loop"])


@pytest.mark.parametrize("examples", [150, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_any_state_folder_ends_in_words(examples: int) -> None:
    """Whatever stands in a hive directory is a record, a problem of one line, or no hive directory."""

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(st.lists(st.tuples(PLACES, FILE_NAMES, KINDS, CONTENTS), max_size=6))
    def check(entries: list[tuple[str, str, str, bytes]]) -> None:
        with tempfile.TemporaryDirectory() as made:
            hive = Path(made)
            for place, name, kind, content in entries:
                _put(hive / place / name, kind, content)
            try:
                index = read_index(hive, "caio")
            except InputError:
                return
            lines = [*map(str, index.problems), *index.ignored]
            assert all(line.isprintable() for line in lines)
            json.dumps(lines).encode("ascii")
            assert look_at_files(hive, "caio").counts == index.counts
            assert len(index.digest) == 64

    check()


def _put(path: Path, kind: str, content: bytes) -> None:
    """Make a file, a folder or a link to itself, where that can be; what is there stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            return
        if kind == "file":
            path.write_bytes(content)
        elif kind == "folder":
            path.mkdir()
        elif os.name == "posix":
            path.symlink_to(path)
    except (OSError, ValueError):
        return
