"""Requests to a reference deployment, with and without credentials, and its settings."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from dotenv import dotenv_values

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.hosting.process import ReferenceProcess

EVENT = b'{"event_type": "caio_unknown_event", "email": "nobody@example.com"}'
SIGNATURES = {name: provider.signature_headers[0] for name, provider in PROVIDERS.items()}


@dataclass(frozen=True)
class Site:
    """A running deployment: its URL, its healthy settings, its revoked tokens, and an HTTP client."""

    base_url: str
    settings: dict[str, str]
    revoked: tuple[str, ...]
    client: httpx.Client

    @property
    def token(self) -> str:
        """The dashboard token."""
        return self.settings["DASHBOARD_AUTH_TOKEN"]

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Send a request without credentials; underscores in header names stand for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, headers=named)

    def inside(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Send a request with the token."""
        return self.client.request(method, path, headers={"X-Dashboard-Token": self.token}, **more)

    def raw(self, target: str, method: str = "GET") -> httpx.Response:
        """Send a request target exactly as written."""
        return self.client.request(method, "/", extensions={"target": target.encode()})

    def knock(self, path: str, body: bytes = EVENT, **headers: str) -> httpx.Response:
        """Post to a webhook."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers=named)

    def signed(
        self, path: str, provider: str, body: bytes = EVENT, over: bytes | None = None, prefix: str = ""
    ) -> httpx.Response:
        """Post to a webhook with a provider's signature, over the body or, if given, over `over`."""
        owner = path.split("/")[2]
        return self.client.post(
            path,
            content=body,
            headers={SIGNATURES[owner]: prefix + self.signature(provider, body if over is None else over)},
        )

    def signature(self, provider: str, body: bytes) -> str:
        """Return a provider's signature over a body."""
        secret = self.settings[PROVIDERS[provider].secret_key]
        return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    def introspect(self, key: str | None = None) -> httpx.Response:
        """Send a signed introspection request to /inngest."""
        at = str(int(time.time()))
        word = (key or self.settings["INNGEST_SIGNING_KEY"]).split("-", 2)[2]
        signature = hmac.new(word.encode(), at.encode(), hashlib.sha256).hexdigest()
        return self.client.get("/inngest", headers={"X-Inngest-Signature": f"t={at}&s={signature}"})

    def preflight(
        self, origin: str, method: str = "GET", headers: str = "x-dashboard-token"
    ) -> httpx.Response:
        """Send a preflight, as a browser does before a cross-origin request."""
        return self.client.options(
            "/api/operator/status",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": headers,
            },
        )

    def allowed(self, origin: str) -> bool:
        """Say whether a preflight allows an origin."""
        return "access-control-allow-origin" in self.preflight(origin).headers

    @property
    def origin(self) -> str:
        """The first allowed origin."""
        return self.settings["CORS_ALLOWED_ORIGINS"].split(",")[0]

    def log_in(self, token: str, target: str = "/") -> httpx.Response:
        """Send the login form; the client keeps no cookie of it."""
        answer = self.client.post("/login", data={"token": token, "next": target})
        self.client.cookies.clear()
        return answer

    def report(self) -> dict[str, Any]:
        """Return the dependency report."""
        body: dict[str, Any] = self.inside("/api/runtime/dependencies").json()
        return body


@contextmanager
def site_of(process: ReferenceProcess) -> Iterator[Site]:
    """Give a running process as a site."""
    settings = {key: value or "" for key, value in dotenv_values(process.env_file).items()}
    lines = process.revoked_file.read_text("utf-8").split()
    revoked = tuple(line for line in lines if not line.startswith("caio_session="))
    with httpx.Client(base_url=process.base_url, trust_env=False, timeout=10) as client:
        yield Site(process.base_url, settings, revoked, client)


Hosted = Callable[..., AbstractContextManager[Site]]
"""The type of the `hosted` fixture: call it with names of faults, and enter the result for a running site."""
