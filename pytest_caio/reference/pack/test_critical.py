"""The reference deployment's critical tests: access, webhook signatures, and redirects after a login."""

from __future__ import annotations

import pytest

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard.decisions import local_next, webhook_signature
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, WebhookPost
from pytest_caio.reference.dashboard.settings import fresh_settings


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    """A deployment with new secrets, which is not served."""
    return Deployment(fresh_settings("demo", "http://127.0.0.1:9", "redis://127.0.0.1:9/0", []))


def asked(path: str, **headers: str) -> Incoming:
    """Return a GET of a path."""
    return Incoming("GET", path, path, "", {name.replace("_", "-"): v for name, v in headers.items()})


def test_the_token_opens_the_api(deployment: Deployment) -> None:
    """The token gives access to the API, and near misses of it do not."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    assert deployment.authorised(asked("/api/operator/status", x_dashboard_token=token))
    for wrong in ("", token[:-1], token + "x", token.swapcase(), f" {token}"):
        assert not deployment.authorised(asked("/api/operator/status", x_dashboard_token=wrong))


@pytest.mark.parametrize(
    "path", ["/api/operator/status", "/API/operator/status", "//api/leads", "/sales", "/x"]
)
def test_the_guard_stands_before_every_path(deployment: Deployment, path: str) -> None:
    """No spelling of a protected path is open."""
    assert deployment.door(asked(path)) != "open"
    assert not deployment.authorised(asked(path))


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_webhooks_are_signed(deployment: Deployment, provider: str) -> None:
    """A webhook post is accepted only with its provider's signature of its own body."""
    body, (header, *_) = b'{"event_type": "reply"}', PROVIDERS[provider].signature_headers
    signature = webhook_signature(deployment.settings[PROVIDERS[provider].secret_key], body)

    def refusal(signed: str, sent: bytes = body) -> int | None:
        return deployment.webhook_refusal(
            WebhookPost(provider, f"/webhooks/{provider}", {header: signed}, sent)
        )

    assert refusal(signature) is None
    assert refusal(f"sha256={signature}") is None
    assert [refusal(""), refusal("0" * 64), refusal(signature, body + b" ")] == [401, 401, 401]


@pytest.mark.parametrize("target", ["//other.example", "https://other.example", "/\\other.example", "sales"])
def test_a_login_stays_on_this_host(target: str) -> None:
    """A login never redirects to another host."""
    assert local_next(target) == "/"
    assert local_next("/sales?day=1") == "/sales?day=1"
