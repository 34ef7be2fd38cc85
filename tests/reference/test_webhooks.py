"""The webhooks: the order of credentials, and what is made of a body."""

from __future__ import annotations

import pytest
import redis

from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS
from pytest_caio.contract.providers import ROUTES as PROVIDER_OF
from tests.support.reference_site import SIGNATURES, Hosted, Site

ROUTES = sorted((route, provider.name) for route, provider in PROVIDER_OF.items())


@pytest.mark.parametrize(("path", "provider"), ROUTES)
def test_signed(path: str, provider: str, site: Site) -> None:
    """A rightly signed unknown event is 200, with either prefix or none."""
    for prefix in ("", "sha256=", "hmac-sha256="):
        assert site.signed(path, provider, prefix=prefix).status_code == 200


@pytest.mark.parametrize(("path", "provider"), ROUTES)
def test_not_rightly_signed(path: str, provider: str, site: Site) -> None:
    """No signature, a wrong, an empty, a malformed, another body's and another provider's are 401."""
    name = SIGNATURES[provider].replace("-", "_")
    assert site.knock(path).status_code == 401
    for value in ("", "sha256=", "0" * 64, "sha256=" + "0" * 64, "not-hex"):
        assert site.knock(path, **{name: value}).status_code == 401
    odd = {SIGNATURES[provider]: "caf\xe9".encode()}
    assert site.client.post(path, content=b"{}", headers=odd).status_code == 401
    assert site.signed(path, provider, over=b"").status_code == 401
    assert site.signed(path, provider, over=b'{"other": 1}').status_code == 401
    for other in set(PROVIDERS) - {provider}:
        assert site.signed(path, other).status_code == 401


@pytest.mark.parametrize(("path", "provider"), ROUTES)
def test_bearer_beside_a_secret(path: str, provider: str, site: Site) -> None:
    """Where there is a secret, neither the bearer nor the dashboard's token is a way in."""
    for value in (site.settings[PROVIDERS[provider].bearer_key or BEARER_KEYS[0]], site.token, "wrong"):
        assert site.knock(path, Authorization=f"Bearer {value}").status_code == 401
    assert site.knock(path, X_Dashboard_Token=site.token).status_code == 401


def test_rb2b_has_two_headers(site: Site) -> None:
    """RB2B's signature is also taken from X-Signature, the others' is not."""
    right = site.signature("rb2b", b"{}")
    assert site.knock("/webhooks/rb2b", b"{}", X_Signature=right).status_code == 200
    assert site.knock("/webhooks/rb2b", b"{}", X_Signature="0" * 64).status_code == 401
    right = site.signature("clay", b"{}")
    assert site.knock("/webhooks/clay", b"{}", X_Signature=right).status_code == 401


@pytest.mark.parametrize(("path", "provider"), ROUTES)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"event_type": ', 400),
        (b"\xff\xfe\x00", 400),
        (b"", 400),
        (b"[" * 100_000, 400),
        (b"[1, 2]", 422),
        (b'"text"', 422),
        (b'{"pad": "' + b"x" * 1024 * 1024 + b'"}', 413),
        (b'{"event_type": 7}', 200),
    ],
    ids=["broken", "not text", "empty", "deep", "array", "string", "1 MiB", "odd event"],
)
def test_signed_nonsense(path: str, provider: str, body: bytes, status: int, site: Site) -> None:
    """A rightly signed body that cannot be used is a 4xx, whatever is wrong with it."""
    assert site.signed(path, provider, body=body).status_code == status


def test_unsigned_nonsense(site: Site) -> None:
    """A body is not looked at before its signature."""
    assert site.knock("/webhooks/clay", b"{").status_code == 401
    assert site.knock("/webhooks/clay", b"x" * 1024 * 1024).status_code == 401


@pytest.mark.parametrize("provider", PROVIDERS)
def test_health(provider: str, site: Site) -> None:
    """Each provider's health is public and says that strict mode is on."""
    answer = site.get(f"/webhooks/{provider}/health")
    assert answer.status_code == 200
    assert answer.json()["signature_strict_mode"] is True


def test_the_route_is_the_event(hosted: Hosted) -> None:
    """Any JSON object that is let in is acted on: noted, called out for, and on two routes suppressed."""
    with hosted() as site, redis.Redis.from_url(site.settings["REDIS_URL"], decode_responses=True) as store:
        context = site.settings["CONTEXT_REDIS_PREFIX"]
        about = b'{"event_type": "nobody_knows_it", "data": {"lead_email": "nobody@example.com"}}'
        for path, body in (("clay", about), ("instantly/bounce", about), ("instantly/unsubscribe", b"{}")):
            answer = site.signed(f"/webhooks/{path}", path.partition("/")[0], body=body)
            assert answer.json() == {"status": "accepted"}
        assert store.smembers(f"{context}:suppressed") == {"nobody@example.com", ""}
        assert store.hgetall(f"{context}:outgoing") == {"CRM: tag a contact": "3", "alert": "3"}
        traces = site.inside("/api/traces/recent").json()["traces"]
        assert {"webhook:clay", "webhook:instantly"} <= {trace["kind"] for trace in traces}


def test_report_agrees(site: Site) -> None:
    """The dependency report says what the routes do."""
    webhooks = site.report()["dependencies"]["webhooks"]
    assert webhooks["required"] is webhooks["ready"] is True
    assert webhooks["unauthed_providers"] == []
    for provider in PROVIDERS:
        assert webhooks["provider_auth"][provider] == {
            "hmac": True,
            "bearer": provider != "rb2b",
            "unsigned_allowlisted": False,
            "authed": True,
        }


def test_nothing_configured(hosted: Hosted) -> None:
    """A provider without secret and bearer is 503 in strict mode, and reported so; readiness follows."""
    with hosted("secret-missing") as site:
        assert site.knock("/webhooks/clay").status_code == 503
        assert site.report()["required_failures"] == ["webhooks"]
        assert site.get("/api/health/ready").json() == {"detail": "Runtime dependencies not ready: webhooks"}
