"""Redis URLs: which the client would not use as they are meant, where they lead, and their password."""

from __future__ import annotations

import socket
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

from pytest_caio.contract.redis_url import redis_password, redis_place, redis_url_fault, seen_from

LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(lambda labels: "h" + ".".join(labels) + ".example")
WORD = "s3cret-word"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://127.0.0.1:6379",
        "redis://127.0.0.1/",
        "redis://:secret@127.0.0.1:6379/0",
        "rediss://default:other@LOCALHOST:6379/0",
        "redis://127.0.0.1:6379?db=0",
        "redis://127.0.0.1:6379/7?db=0",
        " redis://localhost./0 ",
    ],
)
def test_one_place_is_written_in_many_ways(url: str) -> None:
    """Credentials, case and defaults do not make another database."""
    assert redis_place(url) == "127.0.0.1:6379/0"


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1/1", "redis://127.0.0.1:6380", "redis://b.example", "unix:///r"]
)
def test_other_places_are_others(url: str) -> None:
    """Another host, port or database is another place."""
    assert redis_place(url) not in ("", "127.0.0.1:6379/0")


@pytest.mark.parametrize("url", ["", "https://h/0", "redis://h:port/0", "redis://h/zero", "redis://[h"])
def test_no_place(url: str) -> None:
    """What is no Redis URL leads nowhere."""
    assert redis_place(url) == ""


@given(
    HOSTS, st.none() | st.integers(1, 65535), st.none() | st.integers(0, 15), st.none() | st.integers(0, 15)
)
def test_the_place_is_where_the_client_goes(
    host: str, port: int | None, path: int | None, asked: int | None
) -> None:
    """The Redis client itself goes to that host, port and database."""
    url = f"redis://:p%40ss@{host}" + (f":{port}" if port else "") + (f"/{path}" if path is not None else "")
    url += f"?db={asked}" if asked is not None else ""
    told = parse_url(url)
    assert redis_place(url) == f"{told['host']}:{told.get('port', 6379)}/{told.get('db', 0)}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            f"rediss://:{WORD}@h?ssl_cert_reqs=CERT_NONE",
            "an option ssl_cert_reqs with a value the client does",
        ),
        (
            f"rediss://:{WORD}@h?ssl_check_hostname=perhaps",
            "ssl_check_hostname with a value the client does not",
        ),
        ("rediss://h?ssl_ca_certs=/none.pem", "an option ssl_ca_certs that names no file on this machine"),
        ("redis://h?ssl_cert_reqs=none", "an option ssl_cert_reqs, which goes with rediss:// alone"),
        ("redis://h?family=0", "an option family that the client does not take"),
        ("redis://h?ssl=true", "an option ssl that the client does not take: TLS is asked for by rediss://"),
        ("redis://h?protocol=4", "an option protocol with a value the client does not take: write 2 or 3"),
        (f"redis://h:1/0?db={WORD}", "an option db with a value the client does not take"),
        (f"redis://h:1/0?{WORD}=1", "has an option that the client does not take"),
        (f"redis://h:1/0?{WORD}", "has something after its ? that is no option"),
        (f"redis://:{WORD}#x@h", "has # in its user or password: percent-encode it there (# as %23)"),
        (f"redis://:{WORD}/x@h", "has / in its user or password: percent-encode it there (/ as %2F)"),
        (f"redis://default:12/{WORD}@h:6379/0", "percent-encode"),
        (f"redis://default:12?{WORD}@h:6379/0", "percent-encode it there (? as %3F)"),
        (f"redis://:[{WORD}/?#@h", "has / and ? and # and [ in its user or password"),
        (f"redis://h/0#{WORD}", "percent-encode it there (# as %23)"),
        (f"redis://:{WORD}", "has a port that is no number"),
        ("redis://h:port/0", "has a port that is no number"),
        ("redis://h:0/0", "has a port that is no number"),
        ("redis://h:65536/0", "has a port that is no number"),
        ("redis://:x@:6379/0", "names no host"),
        ("redis://[h", "has a host that cannot be read"),
        ("redis://h1,h2:6379/0", "has a host that cannot be read: write one server's address"),
        (r"redis://h\x:6379/0", "has a host that cannot be read: write one server's address"),
        ("redis://h/zero", "names a database that is no number"),
        ("redis://h/0/1", "names a database that is no number"),
        ("redis://h /0", "has a blank"),
        ("unix://", "names no socket"),
        ("unix:///a-password@h:6379", "has / in its user or password"),
        ("valkey://h/0", "begins with valkey://: write redis://"),
        ("valkeys://h/0", "begins with valkeys://: write rediss://"),
        ("REDIS://h/0", "begins with redis:// in capitals"),
        ("redis+sentinel://h/0", "is for Sentinel"),
        ("redis-cluster://h/0", "is for a cluster"),
        ("https://h/0", "is no Redis URL"),
        ("h:6379", "is no Redis URL"),
        (WORD, "is no Redis URL"),
        ("", "is no Redis URL"),
    ],
)
def test_a_url_that_the_client_does_not_take(url: str, words: str) -> None:
    """`ssl_cert_reqs=CERT_NONE`, `?family=0`, `#` in the password: which option, or to percent-encode."""
    fault = redis_url_fault(url)
    assert words in fault
    assert WORD not in fault
    assert redis_place(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        *(
            "redis://h",
            "rediss://h:6380/99",
            "redis://u:p@ss@h/0/",
            "redis://:p%2Fw@[::1]:6379/0",
            "redis:///0",
        ),
        *(
            "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=False",
            "redis://h?client_name=a@b",
            "unix:///r?db=2",
        ),
        *(
            "redis://h/0?password=p@/w&username=u",
            "redis://h?socket_timeout=1.5&protocol=3&decode_responses=yes",
        ),
    ],
)
def test_a_url_that_the_client_takes(url: str) -> None:
    """An option that the client takes, and a password whose meaning is clear, are no fault."""
    assert redis_url_fault(url) == ""


def test_a_socket_is_not_for_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no sockets of files, a unix:// URL is refused in words."""
    monkeypatch.delattr(socket, "AF_UNIX")
    assert "which Windows does not have" in redis_url_fault("unix:///run/redis.sock")


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://default:p%2Fw%40x@h/0", "p/w@x"),
        ("redis://:p/w#x?y@h/0", "p/w#x?y"),
        ("redis://u:p@ss@h", "p@ss"),
        ("redis://h/0?password=p%2Fw", "p/w"),
        ("redis://:one@h/0?password=two", "one"),
        ("redis://h/0", ""),
        ("nothing", ""),
    ],
)
def test_the_password_is_the_one_that_is_sent(url: str, password: str) -> None:
    """The password is percent-decoded, also of an option; of a URL that is not encoded, what was meant."""
    assert redis_password(url) == password
    if not redis_url_fault(url):
        assert parse_url(url).get("password", "") == password


def test_private_names_are_explained() -> None:
    """A name of Railway's private network asks for the public URL."""
    assert "give the checks the public URL" in seen_from("redis.railway.internal")
    assert seen_from("h.example") == "asked at h.example from the machine that runs the checks"
