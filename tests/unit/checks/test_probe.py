"""Probes are data: what they ask is resolved for an environment, and what they lack is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_caio.checks import probe as probes
from pytest_caio.checks.credentials import TOKEN, bearer
from pytest_caio.checks.probe import Effect, Probe, Request, get, post, probe
from pytest_caio.outcomes import MissingInput

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_a_probe_of_each_method(method: str) -> None:
    """Each method has its declaration; what could change something says that it is harmless."""
    declared = getattr(probes, method.lower())("/x", headers={"A": "1"}, body=b"b", name="n")
    effect = Effect.NONE if method in ("GET", "HEAD", "OPTIONS") else Effect.HARMLESS
    assert declared == Probe(method, "/x", None, (("A", "1"),), b"b", effect, "n")
    assert declared == probe(method, "/x", headers={"A": "1"}, body=b"b", name="n")
    assert probe(method, "/x", effect=Effect.WRITE).effect is Effect.WRITE


def test_labels() -> None:
    """A probe is found by its name, else by method and target."""
    assert get("/x?a=1").label == "GET /x?a=1"
    assert get("/x", name="the x").label == "the x"


def test_a_probe_resolves_to_a_request(make_environment: Callable) -> None:
    """Everything that a probe declares is in its request, at the environment's origin."""
    declared = post(
        "//x", headers={"A": "1"}, body=b"b", effect=Effect.ONCE, sample=3, retry_statuses=frozenset({502})
    )
    assert declared.resolve(make_environment("https://a.example:8443")) == Request(
        "POST", "https://a.example:8443", "//x", (("A", "1"),), b"b", Effect.ONCE, 3
    )
    assert declared.resolve(make_environment()).retry_statuses == {502}
    assert declared.resolve(make_environment()).credential == "none"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "http://a.example"),
        ("https://a.example:8443", "http://a.example"),
        ("https://[2001:db8::1]:8443", "http://[2001:db8::1]"),
    ],
)
def test_plain_http_is_asked_of_the_same_host(make_environment: Callable, url: str, origin: str) -> None:
    """Asked in clear, a host is asked on its http port."""
    assert get("/x", plain_http=True).resolve(make_environment(url)).origin == origin


def test_a_credential_is_applied_and_named(make_environment: Callable) -> None:
    """A credential adds its header, is shown by name, and its value is kept out of what is shown."""
    request = get("/x", TOKEN, headers={"A": "1"}).resolve(make_environment(DASHBOARD_AUTH_TOKEN=SECRET))
    assert request.headers == (("A", "1"), ("X-Dashboard-Token", SECRET))
    assert request.credential == "DASHBOARD_AUTH_TOKEN"
    assert request.secrets == (("DASHBOARD_AUTH_TOKEN", SECRET),)


@pytest.mark.parametrize("values", [{}, {"WEBHOOK_BEARER_TOKEN": ""}])
def test_a_missing_input_is_named(make_environment: Callable, values: dict[str, str]) -> None:
    """A key that was not given, or given empty, is named, and nothing is resolved."""
    with pytest.raises(MissingInput, match=r"^missing input: WEBHOOK_BEARER_TOKEN$") as caught:
        post("/x", bearer("WEBHOOK_BEARER_TOKEN")).resolve(make_environment(**values))
    assert caught.value.names == ("WEBHOOK_BEARER_TOKEN",)


def test_a_missing_input_fails_its_check() -> None:
    """A missing input is an assertion that does not hold: the release does not proceed."""
    assert isinstance(MissingInput("A", "B"), AssertionError)
    assert str(MissingInput("A", "B")) == "missing input: A, B"


def test_requests_are_equal_by_what_is_sent() -> None:
    """What is not sent, such as the credential's name, makes no second request."""
    one = Request("GET", "http://a", "/")
    assert one == replace(one, credential="x", retry_statuses=frozenset(), secrets=(("a", "b"),))
    assert hash(one) == hash(replace(one, credential="x"))
    for difference in ({"method": "POST"}, {"origin": "http://b"}, {"target": "/x"}, {"sample": 1}):
        assert one != replace(one, **difference)


def test_decorators_keep_the_written_order() -> None:
    """The first written probe is the first asked."""

    @get("/a")
    @get("/b")
    @get("/c")
    def function() -> None: ...

    assert [p.target for p in function.caio_probes] == ["/a", "/b", "/c"]


def test_a_request_shows_no_secrets() -> None:
    """The values to keep out of everything shown are not in a request's repr by themselves."""
    assert SECRET not in repr(Request("GET", "http://a", "/", secrets=(("a", SECRET),)))
