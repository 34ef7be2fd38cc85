"""What the deployment says of itself: health, readiness, dependencies, Inngest, cross-origin policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_caio.reference.dashboard.deployment import COMMIT
from tests.support.reference_site import Hosted, Site


def test_health(site: Site) -> None:
    """Health is public and names the commit."""
    answer = site.get("/api/health")
    assert answer.status_code == 200
    assert answer.json()["commit"] == COMMIT
    assert "date" in answer.headers
    assert site.get("/api/health/live").status_code == 404


def test_readiness(site: Site) -> None:
    """Readiness is public, and says ready with its checks."""
    body = site.get("/api/health/ready").json()
    assert body["status"] == "ready"
    assert body["checks"] == {"redis": True, "inngest": True, "webhooks": True}
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() == timedelta(0)


def test_dependencies(site: Site) -> None:
    """The dependency report has every field of the contract, and is from now."""
    report = site.report()
    assert report["ready"] is True
    assert report["required_failures"] == []
    assert abs(datetime.now(UTC) - datetime.fromisoformat(report["checked_at"])) < timedelta(seconds=30)
    redis = report["dependencies"]["redis"]
    assert set(redis) == {"required", "configured", "connected", "latency_ms", "status", "ready", "message"}
    assert redis["connected"] is True
    assert redis["latency_ms"] > 0
    inngest = report["dependencies"]["inngest"]
    assert inngest["app_id"] == site.settings["INNGEST_APP_ID"]
    assert inngest["required"] is inngest["keys_present"] is inngest["route_mounted"] is True
    assert report["auth"] == {
        "strict_mode": True,
        "query_token_enabled": False,
        "token_header": "X-Dashboard-Token",
        "token_configured": True,
        "session_secret_explicit": True,
        "session_secret_source": "SESSION_SECRET_KEY",
        "webhook_signature_required": True,
        "environment": "production",
    }


def test_without_redis(hosted: Hosted) -> None:
    """Without Redis readiness is 503, paths that need it are 503, and health still answers."""
    with hosted("redis-down") as site:
        assert site.get("/api/health/ready").json() == {"detail": "Runtime dependencies not ready: redis"}
        assert site.inside("/api/pending-emails").status_code == 503
        assert site.log_in(site.token).status_code == 503
        assert site.get("/api/health").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_documents(path: str, site: Site) -> None:
    """The API's documents are not there, for anybody."""
    assert site.get(path).status_code == site.inside(path).status_code == 404


def test_inngest(site: Site) -> None:
    """The SDK refuses unsigned introspection, and a signed one shows five functions in cloud mode."""
    unsigned = site.get("/inngest")
    assert unsigned.status_code == 401
    assert unsigned.headers["x-inngest-sdk-handled"] == "true"
    told = site.introspect().json()
    assert (told["mode"], told["function_count"]) == ("cloud", 5)
    assert told["app_id"] == site.settings["INNGEST_APP_ID"]
    assert site.introspect("signkey-prod-" + "0" * 64).status_code == 401
    # An unsigned registration is refused, and a run of a function as well.
    assert site.get("/inngest", "PUT").status_code == 401
    assert site.get("/inngest?fnId=x", "POST").status_code == 401


def test_old_inngest(hosted: Hosted) -> None:
    """The old SDK's answer to unsigned introspection is 200 with fewer fields, to a signed one the same."""
    with hosted(inngest_sdk="old") as site:
        assert site.get("/inngest").json() == {
            "function_count": 5,
            "has_event_key": True,
            "has_signing_key": True,
            "mode": "cloud",
        }
        assert site.introspect().json()["authentication_succeeded"] is True
        # A wrong signature is answered 200 too, with what everybody is told.
        assert site.introspect("signkey-prod-" + "0" * 64).json() == site.get("/inngest").json()


def test_preflight_of_allowed_origins(site: Site) -> None:
    """An allowed origin's preflight is 200 and names it, the methods and the headers, also on 401s."""
    for origin in site.settings["CORS_ALLOWED_ORIGINS"].split(","):
        answer = site.preflight(origin)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert set(answer.headers["access-control-allow-headers"].split(", ")) == {
            "Accept",
            "Accept-Language",
            "Content-Language",
            "Content-Type",
            "X-Dashboard-Token",
        }
        refused = site.get("/api/operator/status", Origin=origin)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == origin


def test_preflight_of_other_origins(site: Site) -> None:
    """Any other origin is 400 and not named, look-alikes included."""
    host = site.origin.removeprefix("https://")
    for origin in (
        "https://other.example",
        "null",
        f"http://{host}",
        f"https://{host}.other.example",
        f"https://other{host}",
        f"https://other.{host}",
    ):
        answer = site.preflight(origin)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in site.get("/api/health", Origin=origin).headers


def test_preflight_of_other_methods(site: Site) -> None:
    """An allowed origin's preflight for another method or header is 400."""
    assert site.preflight(site.origin, "DELETE").status_code == 400
    assert site.preflight(site.origin, headers="authorization").status_code == 400
