"""The webhook providers, one record each; everything else about a provider is derived from its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "BEARER_KEYS",
    "PROVIDERS",
    "ROUTES",
    "SUPPRESSING_ROUTES",
    "UNREADABLE_BODY",
    "UNSIGNED_KEYS",
    "WEBHOOK_EVENT",
    "WebhookProvider",
]


@dataclass(frozen=True)
class WebhookProvider:
    """A provider that posts to the deployment's webhooks.

    `title` is its name as people write it, `routes` the paths it posts to. `secret_key`, `bearer_key` and
    `unsigned_key` are environment variables. Once the secret is set, only a signature made with it is
    accepted; without a secret the bearer token is, unless `bearer_key` is None: that provider must sign.
    `signature_headers` are the headers in which a signature is accepted, the usual one first. `unsigned_key`
    is the switch that accepts requests with neither, empty if the provider has none. `suppressing` are those
    of its routes that put the address in a post onto the suppression list.
    """

    name: str
    title: str
    routes: tuple[str, ...]
    secret_key: str
    bearer_key: str | None
    signature_headers: tuple[str, ...]
    unsigned_key: str = ""
    suppressing: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The environment variables of its credentials, the secret's first; at least one must be set."""
        return (self.secret_key, self.bearer_key) if self.bearer_key else (self.secret_key,)

    def way_in(self, values: Mapping[str, object]) -> str:
        """Return how it authenticates where these values are set: by a signature, a bearer, or nothing."""
        if values.get(self.secret_key):
            return "signature"
        return "bearer" if values.get(self.bearer_key or "") else "nothing"

    @property
    def health(self) -> str:
        """The path of its health report."""
        return f"/webhooks/{self.name}/health"


PROVIDERS: Mapping[str, WebhookProvider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            WebhookProvider(
                "instantly",
                "Instantly",
                tuple(f"/webhooks/instantly/{event}" for event in ("reply", "bounce", "open", "unsubscribe")),
                "INSTANTLY_WEBHOOK_SECRET",
                "WEBHOOK_BEARER_TOKEN",
                ("X-Instantly-Signature",),
                suppressing=("/webhooks/instantly/bounce", "/webhooks/instantly/unsubscribe"),
            ),
            WebhookProvider(
                "heyreach",
                "HeyReach",
                ("/webhooks/heyreach",),
                "HEYREACH_WEBHOOK_SECRET",
                "HEYREACH_BEARER_TOKEN",
                ("X-HeyReach-Signature",),
                "HEYREACH_UNSIGNED_ALLOWLIST",
            ),
            WebhookProvider(
                "clay",
                "Clay",
                ("/webhooks/clay",),
                "CLAY_WEBHOOK_SECRET",
                "WEBHOOK_BEARER_TOKEN",
                ("X-Clay-Signature",),
            ),
            WebhookProvider(
                "rb2b",
                "RB2B",
                ("/webhooks/rb2b",),
                "RB2B_WEBHOOK_SECRET",
                None,
                ("X-RB2B-Signature", "X-Signature"),
            ),
        )
    }
)
ROUTES: Mapping[str, WebhookProvider] = MappingProxyType(
    {route: provider for provider in PROVIDERS.values() for route in provider.routes}
)
"""Every webhook route, with its provider."""
SUPPRESSING_ROUTES = frozenset(route for provider in PROVIDERS.values() for route in provider.suppressing)
"""The routes to which nothing is posted that may be let in."""
BEARER_KEYS = tuple(dict.fromkeys(p.bearer_key for p in PROVIDERS.values() if p.bearer_key))
"""The environment variables of the bearer tokens, each once: two providers may share one."""
UNSIGNED_KEYS = tuple(provider.unsigned_key for provider in PROVIDERS.values() if provider.unsigned_key)
"""The switches that accept a provider's unsigned requests."""

# The body of every post that must be refused. The route is the event: any JSON object that is let in is acted
# on. This is no JSON, so nothing happens even where a route stands open (400 or 500).
UNREADABLE_BODY = b"{"
# The body of a post that must be let in, which is acted on: an event about an address at a reserved domain.
WEBHOOK_EVENT = b'{"event_type":"caio_acceptance_probe","data":{"lead_email":"probe@example.com"}}'
