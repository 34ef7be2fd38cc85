"""The webhook gate: what a firewall may say of a post that it does not pass on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.outcomes import Mismatch
from pytest_caio.probing.exchange import Exchange
from tests.support.gate_runs import gate_module

OWN, FIREWALL = (b'{"detail": "no"}', "application/json"), (b"<h1>Forbidden</h1>", "text/html")


def refuses(case: str, status: int, answer: tuple[bytes, str]) -> bool:
    """Return whether an answer to an unsigned post counts as a refusal."""
    body, kind = answer
    asked = Request("POST", "http://127.0.0.1:9", "/webhooks/clay")
    seen = Exchange(
        asked, datetime.now(UTC), 1.0, status_code=status, headers=(("Content-Type", kind),), body=body
    )
    try:
        gate_module("webhooks").must_refuse(seen, case)
    except Mismatch:
        return False
    return True


@pytest.mark.parametrize("case", ["/webhooks/clay, as plain text", "/webhooks/clay, as if from inside"])
def test_a_firewall_may_forbid_what_is_odd(case: str) -> None:
    """To plain text or a claimed address 401, 415 and a firewall's 403 or 421 are refusals, and no other."""
    healthy = [(401, OWN), (415, OWN), (415, FIREWALL), (403, FIREWALL), (421, FIREWALL)]
    faulty = [(200, OWN), (400, OWN), (403, OWN), (421, OWN), (422, OWN), (404, FIREWALL), (503, FIREWALL)]
    assert [one for one in healthy if not refuses(case, *one)] == []
    assert [one for one in faulty if refuses(case, *one)] == []


def test_a_plain_post_is_refused_with_401() -> None:
    """An unsigned post as posts come is refused by the dashboard itself."""
    assert refuses("/webhooks/clay", 401, OWN)
    assert not any(refuses("/webhooks/clay", status, FIREWALL) for status in (403, 415, 421))
