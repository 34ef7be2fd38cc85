"""Origins, Inngest's URL, redirects and namespaces: what is wrong with one, and which are the same."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.environments.addresses import (
    foreign_names,
    inngest_url_fault,
    names_environment,
    origin_fault,
)

LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(lambda labels: "h" + ".".join(labels) + ".example")
PORTS = st.none() | st.integers(1, 65535).filter(lambda port: port != 443)


@given(HOSTS, PORTS)
def test_https_origins_pass(host: str, port: int | None) -> None:
    """An https host, with a port or without, is an origin."""
    origin = f"https://{host}" + (f":{port}" if port else "")
    assert origin_fault(origin, production=True) == ""


@given(HOSTS, st.sampled_from(["/", "/app", "?a=b", "#top", "?", "#", "\\@b.example", " ", ",", "%2f", "*"]))
def test_nothing_may_follow_an_origin(host: str, more: str) -> None:
    """Whatever stands after host and port makes it no origin."""
    assert origin_fault(f"https://{host}{more}", production=False)


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("*", "has a wildcard in it"),
        ("https://*.caio.example", "has a wildcard in it"),
        ("null", "is null"),
        ("http://ops.caio.example", "is not https://"),
        ("ops.caio.example", "is not https://"),
        ("//ops.caio.example", "is not https://"),
        ("https:ops.caio.example", "is not https://"),
        ("https://", "is no origin"),
        ("https://:3000", "is no origin"),
        ("https://ops.caio.example:http", "is no origin"),
        ("https://[::1", "is no origin"),
        ("https://me:pass@ops.caio.example", "has credentials in it"),
        ("https://Ops.caio.example", "is not in lower case"),
        ("HTTPS://ops.caio.example", "is not in lower case"),
        ("https://ops.caio.example:443", "names port 443"),
        ("https:///ops.caio.example", "is no origin"),
        ("https:\\\\ops.caio.example", "is not https://"),
        ("https://café.example", "is not written as browsers send it"),
        ("https://192.168.1", "is not written as browsers send it"),
        ("https://ops.caio.example:0443", "is not written as browsers send it"),
        ("https://localhost", "is this machine"),
        ("https://localhost.", "is this machine"),
        ("https://app.localhost:3000", "is this machine"),
        ("https://127.0.0.1:8000", "is this machine"),
        ("https://[::1]", "is this machine"),
        ("https://0.0.0.0", "is this machine"),
    ],
)
def test_origins_that_are_none(origin: str, words: str) -> None:
    """What is no explicit https origin is told why."""
    assert origin_fault(origin, production=True).startswith(words)


def test_this_machine_outside_production() -> None:
    """Elsewhere than in production the developer's own machine may be allowed, by https."""
    assert origin_fault("https://localhost:3000", production=False) == ""
    assert origin_fault("http://localhost:3000", production=False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://caio.example/inngest", ""),
        ("https://CAIO.example:443/api/inngest", ""),
        (" https://caio.example./inngest ", ""),
        ("http://caio.example/inngest", "is not https://"),
        ("caio.example/inngest", "is not https://"),
        ("https://caio.example", "does not end with /inngest"),
        ("https://caio.example/inngest/", "does not end with /inngest"),
        ("https://caio.example/inngest?a=/inngest", "does not end with /inngest"),
        ("https://caio.example.evil.example/inngest", "is not on the deployment's host"),
        ("https://evil.example#.caio.example/inngest", "does not end with /inngest"),
        ("https://me@caio.example/inngest", "has credentials in it"),
        ("https://[caio.example/inngest", "is no URL"),
        ("https:/caio.example/inngest", "is not https://"),
        ("https:///caio.example/inngest", "is no URL"),
        ("https://other.example\\@caio.example/inngest", "is no URL"),
    ],
)
def test_inngest_url(url: str, words: str) -> None:
    """Inngest's URL is https, ends with its path and is on the deployment's host, whatever the port."""
    fault = inngest_url_fault(url, "caio.example")
    assert fault.startswith(words)
    assert bool(fault) == bool(words)


@pytest.mark.parametrize(
    ("namespace", "named"),
    [
        ("caio:production:ratelimit", True),
        ("caio:prod:ratelimit", True),
        ("Production", True),
        ("caio-prod-context", True),
        ("caio:nonprod:context", False),
        ("caio:products", False),
        ("caio", False),
        ("", False),
    ],
)
def test_a_namespace_names_its_environment(namespace: str, named: bool) -> None:
    """The name, or prod for production, stands in it as a word."""
    assert names_environment(namespace, "production") is named
    assert names_environment(namespace, "prod") is named


def test_foreign_names() -> None:
    """The usual names of environments are foreign, and those that are asked beside this one."""
    assert foreign_names("caio:prod:x", "staging") == ["production"]
    assert foreign_names("caio:prod:x", "production") == []
    assert foreign_names("caio:canary", "production") == []
    assert foreign_names("caio:canary", "production", ["canary", "production"]) == ["canary"]
