"""Every variation shows on the wire, so that the proof that none is minded is one of real differences."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from pytest_caio.reference.faults import FAULTS
from pytest_caio.reference.variations import VARIATIONS
from tests.support.proof_groups import variation_groups
from tests.support.reference_site import Hosted, Site

_HANDSHAKE = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "Y2Fpby1hY2NlcHRhbmNlIQ=="}
SLOW = 0.2  # seconds, which `answers-slow` adds to every answer


def face(site: Site) -> list[str]:
    """Return what a deployment answers to a tour of it, without what differs each time."""
    answers = [
        *(site.get(path) for path in ("/api/health", "/api/health/ready", "/sales", "/login")),
        site.get("/api/operator/status"),
        site.inside("/api/cadence/leads"),
        site.inside("/api/operator/trigger", "POST", json={"dry_run": True}),
        *(
            site.inside(f"/api/{path}")
            for path in ("runtime/dependencies", "pending-emails", "emails/history")
        ),
        site.raw("//api/operator/status"),
        site.raw("/api/operator/status;x"),
        site.raw("/static/../.env"),
        site.get("/api/operator/status", X_Original_URL="/login"),
        site.log_in(site.token),
        site.log_in("wrong"),
        site.preflight(site.origin),
        site.preflight("https://other.example"),
        site.signed("/webhooks/clay", "clay"),
        site.knock("/webhooks/clay", Content_Type="text/plain"),
    ]
    # A websocket is not among what is slow, nor what is refused before the dashboard is asked.
    quick = [site.get("/ws", Connection="Upgrade", Upgrade="websocket", **_HANDSHAKE), _in_a_crowd(site)]
    # Sessions, identifiers, times and counts are new each time; the zone of a time is not.
    told = [re.sub(r"[+-]\d\d:\d\d(?=\")", _spelled, _told(answer)) for answer in (*answers, *quick)]
    # A busy machine delays some answers, but not each of them.
    slow = min(answer.elapsed.total_seconds() for answer in answers) >= SLOW
    return [re.sub(r"caio_session=[^;\"]+|\b[0-9a-f-]{8,}\b|\d+", "0", text) for text in told] + [
        "slow"
    ] * slow


def _in_a_crowd(site: Site) -> httpx.Response:
    """Return what a deployment answers while forty connections to it are open."""
    address = urlsplit(site.base_url)
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection((address.hostname, address.port)))
        return stack.enter_context(httpx.Client(trust_env=False)).get(f"{site.base_url}/api/health")


def _spelled(zone: re.Match[str]) -> str:
    return zone[0].translate(str.maketrans("0123456789", "ghijklmnop"))


def _told(answer: httpx.Response) -> str:
    raw = [(name.lower(), name, value) for name, value in answer.headers.raw]
    # Of a date only that it is there: it may be there twice.
    headers = [
        (name, b"" if low == b"date" else value) for low, name, value in raw if low != b"content-length"
    ]
    return f"{answer.status_code} {headers} {answer.text}"


def test_the_tour_is_the_same_each_time(healthy: Site, hosted: Hosted) -> None:
    """Two healthy deployments answer a tour alike, so that a difference is the variation's."""
    with hosted() as other:
        assert face(healthy) == face(other)


@pytest.mark.nightly
@pytest.mark.parametrize("group", variation_groups(VARIATIONS))
def test_each_variation_of_a_group_shows(group: Sequence[str], hosted: Hosted) -> None:
    """A deployment with a group of variations answers something otherwise than without any one of them."""

    def answers(*names: str) -> list[str]:
        with hosted(*names) as varied:
            assert varied.report()["ready"] is True
            return face(varied)

    # The slow one comes by itself, so that the others need not wait for it.
    quick = [name for name in group if name != "answers-slow"]
    seen = answers(*quick)
    assert (answers(*group) != seen) is ("answers-slow" in group)
    hidden = [name for name in quick if answers(*(other for other in quick if other != name)) == seen]
    assert hidden == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", VARIATIONS)
def test_variation_shows(name: str, healthy: Site, hosted: Hosted) -> None:
    """A varied deployment answers something otherwise than a healthy one, and reports itself ready."""
    with hosted(name) as varied:
        assert face(varied) != face(healthy)
        assert varied.report()["ready"] is True


def test_no_variation_is_a_fault() -> None:
    """No name stands for both, and a variation turns nothing red."""
    assert not set(VARIATIONS) & set(FAULTS)
    assert not [name for name, way in VARIATIONS.items() if way.reds or way.consequences]
