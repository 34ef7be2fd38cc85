"""The webhook providers: their routes, secrets and signatures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "HEYREACH_ROUTE",
    "PROVIDERS",
    "PROVIDER_KEYS",
    "SIGNATURE_HEADERS",
    "WEBHOOK_EVENT",
    "WEBHOOK_ROUTES",
]

PROVIDERS = ("instantly", "heyreach", "clay", "rb2b")


HEYREACH_ROUTE = "/webhooks/heyreach"


# Route to provider; HeyReach's is judged apart, because one waiver covers it whole.
WEBHOOK_ROUTES = {
    "/webhooks/instantly/reply": "instantly",
    "/webhooks/instantly/bounce": "instantly",
    "/webhooks/instantly/open": "instantly",
    "/webhooks/instantly/unsubscribe": "instantly",
    "/webhooks/clay": "clay",
    "/webhooks/rb2b": "rb2b",
}


# An event that no handler knows, about an address that cannot exist: even an open door does nothing.
WEBHOOK_EVENT = (
    b'{"event_type":"caio_acceptance_probe","event":"caio_acceptance_probe","email":"probe@example.com"}'
)


# Webhook provider to the keys of which one must be set; RB2B takes a signature only.
PROVIDER_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "instantly": ("INSTANTLY_WEBHOOK_SECRET", "WEBHOOK_BEARER_TOKEN"),
        "heyreach": ("HEYREACH_WEBHOOK_SECRET", "HEYREACH_BEARER_TOKEN"),
        "clay": ("CLAY_WEBHOOK_SECRET", "WEBHOOK_BEARER_TOKEN"),
        "rb2b": ("RB2B_WEBHOOK_SECRET",),
    }
)


SIGNATURE_HEADERS = {
    "instantly": "X-Instantly-Signature",
    "heyreach": "X-HeyReach-Signature",
    "clay": "X-Clay-Signature",
    "rb2b": "X-RB2B-Signature",
}
