"""Faults of the webhooks: which posts are accepted, and what the reports say about it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply, WebhookPost
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import (
    admit_webhook,
    assign,
    crash,
    publish,
    report,
    rewrite,
    set_variable,
    using,
)
from pytest_caio.reference.faults.webhooks_signatures import given_signature

__all__ = ["WEBHOOKS"]

# The checks that send wrong credentials: red for a webhook that requires none.
UNASKED = "WH-04 WH-05 WH-06 WH-07 WH-13"


def _keyless(verb: Callable[[str, None], Apply], provider: str) -> tuple[Apply, ...]:
    """Remove a provider's secret and its bearer (maybe shared), from the deployment or from its env file."""
    return tuple(verb(key, None) for key in PROVIDERS[provider].keys)


def _by_bearer(provider: str, accepts: Callable[[str, str], object]) -> tuple[Apply, ...]:
    """Let a provider in by its bearer, as its env file says, and by what `accepts(given, right)` accepts."""
    key, bearer_key = PROVIDERS[provider].keys

    def given(post: WebhookPost) -> str:
        return post.headers.get("authorization", "").removeprefix("Bearer ")

    return (
        *(verb(key, None) for verb in (set_variable, publish)),
        using(
            lambda d: admit_webhook(
                lambda post: post.provider == provider and bool(accepts(given(post), d.settings[bearer_key]))
            )
        ),
    )


def _in_query(post: WebhookPost) -> list[str]:
    return parse_qs(post.query).get("token", [])


# fmt: off
WEBHOOKS = Faults([
    fault("one-route-unsigned", "Instantly's unsubscribes are let in without a signature.", "WH-03 WH-12",
          admit_webhook(lambda post: post.path == "/webhooks/instantly/unsubscribe"),
          then=UNASKED, place="webhook handler"),
    fault("reply-unsigned", "Instantly's replies are let in without a signature.", "WH-03 WH-12",
          admit_webhook(lambda post: post.path == "/webhooks/instantly/reply"),
          then=UNASKED, place="webhook handler"),
    fault("bounce-unsigned", "Instantly's bounces are let in without a signature.", "WH-03 WH-12",
          admit_webhook(lambda post: post.path == "/webhooks/instantly/bounce"),
          then=UNASKED, place="webhook handler"),
    fault("open-unsigned", "Instantly's opens are let in without a signature.", "WH-03 WH-12",
          admit_webhook(lambda post: post.path == "/webhooks/instantly/open"),
          then=UNASKED, place="webhook handler"),
    fault("clay-unsigned", "Clay's webhooks are let in without a signature.", "WH-03 WH-12",
          admit_webhook(lambda post: post.provider == "clay"), then=UNASKED, place="webhook handler"),
    fault("heyreach-unguarded", "HeyReach's webhooks are let in without a signature.", "WH-08",
          admit_webhook(lambda post: post.provider == "heyreach"),
          then="WH-12", place="HEYREACH_WEBHOOK_SECRET"),
    fault("plain-unsigned", "A webhook's signature is asked for only where the body is said to be JSON.",
          "WH-03 WH-08", admit_webhook(lambda post: post.headers.get("content-type") == "text/plain"),
          place="webhook handler"),
    fault("inside-unsigned", "Who claims in X-Forwarded-For to be local posts without a signature.",
          "WH-03 WH-08", admit_webhook(lambda post: post.headers.get("x-forwarded-for") == "127.0.0.1"),
          place="webhook handler"),
    fault("unsigned-webhooks", "Every webhook lets in posts without a signature.", "WH-03 WH-08 WH-12",
          admit_webhook(lambda post: given_signature(post) is None),
          then="WH-04 WH-07 WH-13", place="webhook handler"),
    fault("bearer-beside-secret", "A provider's bearer opens its webhooks, though a secret is set.", "WH-12",
          using(lambda d: admit_webhook(
              lambda post: bool(PROVIDERS[post.provider].bearer_key) and d.bearer_accepted(post))),
          place="secrets"),
    fault("any-bearer", "Any bearer opens the webhooks, signed or not.", "WH-04 WH-07 WH-08",
          admit_webhook(lambda post: post.headers.get("authorization", "").startswith("Bearer ")),
          then="WH-12", place="webhook handler"),
    fault("secret-missing", "Clay has neither secret nor bearer: its webhooks answer 503.", "WH-02 WH-03",
          *_keyless(set_variable, "clay"),
          then=f"AUTH-03 RDY-01 RDY-02 WH-09 WH-10 WH-12 {UNASKED}", place="CLAY_WEBHOOK_SECRET"),
    fault("clay-vouched-for", "Clay has neither secret nor bearer, and is said to authenticate.",
          "WH-02 WH-03 WH-12", *_keyless(set_variable, "clay"),
          report("dependencies", "webhooks", "provider_auth", "clay", authed=True),
          then=f"AUTH-03 RDY-01 RDY-02 WH-09 WH-10 {UNASKED}", place="CLAY_WEBHOOK_SECRET"),
    fault("heyreach-open", "HeyReach's webhooks are open to everybody.", "WH-08",
          *_keyless(set_variable, "heyreach"), set_variable("HEYREACH_UNSIGNED_ALLOWLIST", "true"),
          then="WH-12", place="HEYREACH_WEBHOOK_SECRET"),
    fault("heyreach-allowlisted", "HeyReach is on the unsigned allowlist, though its secret still guards it.",
          "WH-08", set_variable("HEYREACH_UNSIGNED_ALLOWLIST", "true"),
          place="HEYREACH_UNSIGNED_ALLOWLIST"),
    # The fallback that a waiver allows.
    fault("heyreach-unsigned",
          "HeyReach cannot sign: by decision, the deployment and its file let it in unsigned.",
          "WH-08 ENV-11",
          *_keyless(set_variable, "heyreach"), set_variable("HEYREACH_UNSIGNED_ALLOWLIST", "true"),
          *_keyless(publish, "heyreach"), publish("HEYREACH_UNSIGNED_ALLOWLIST", "true"),
          place="HEYREACH_UNSIGNED_ALLOWLIST"),
    fault("signed-refused", "Rightly signed posts are refused.", "WH-09",
          assign(webhook_refusal=lambda _: 401), place="_WEBHOOK_SECRET"),
    fault("long-bearer-500", "A webhook's bearer of thousands of characters crashes the server (500).",
          "AUTH-17", crash(lambda asked, _: (
              asked.path.startswith("/webhooks/") and len(asked.headers.get("authorization", "")) > 4096)),
          place="compare"),
    fault("empty-bearer", "A bearer with nothing in it opens the webhooks.", "WH-04 WH-08",
          admit_webhook(lambda post: post.headers.get("authorization", "").strip() == "Bearer"),
          place="webhook handler"),
    fault("bearer-prefix", "Clay sends a bearer, and the first half of it is enough.", "WH-04",
          *_by_bearer("clay", lambda given, right: given and right.startswith(given)), place="secret"),
    fault("bearer-any-case", "Clay sends a bearer, in which upper and lower case are alike.", "WH-04",
          *_by_bearer("clay", lambda given, right: given.lower() == right.lower()), place="secret"),
    fault("bearer-in-query", "A webhook's bearer is taken from the address, where every log keeps it.",
          "WH-13 WH-08", using(lambda d: admit_webhook(
              lambda post: d.settings.get(PROVIDERS[post.provider].bearer_key or "") in _in_query(post))),
          place="headers"),
    fault("providers-unreported", "The report on webhooks names no provider.", "WH-02 WH-08 WH-12",
          report("dependencies", "webhooks", provider_auth={}), place="CLAY_WEBHOOK_SECRET"),
    fault("clay-unauthed", "Clay is said not to authenticate, and is not listed among those that do not.",
          "WH-02 WH-12", report("dependencies", "webhooks", "provider_auth", "clay", authed=False),
          place="CLAY_WEBHOOK_SECRET"),
    fault("dependencies-lie", "Webhooks are said to be guarded while one stands open.", "WH-03 WH-12",
          admit_webhook(lambda post: post.provider == "rb2b"), then=UNASKED, place="webhook handler"),
])
# fmt: on


@WEBHOOKS.add("The dashboard's token opens the webhooks.", "WH-07 WH-08", place="webhook handler")
def dashboard_token_opens(deployment: Deployment) -> None:
    """Accept the dashboard's token as a bearer and in its own header."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]

    def admits(post: WebhookPost) -> bool:
        given = (post.headers.get("authorization"), post.headers.get("x-dashboard-token"))
        return f"Bearer {token}" in given or token in given

    admit_webhook(admits)(deployment)


@WEBHOOKS.add("One provider's bearer opens another's webhooks.", "WH-07 WH-08", then="WH-12", place="bearer")
def shared_bearer(deployment: Deployment) -> None:
    """Accept the bearers of the other providers."""

    def admits(post: WebhookPost) -> bool:
        others = {deployment.settings[key] for key in BEARER_KEYS}
        others.discard(deployment.settings.get(PROVIDERS[post.provider].bearer_key or "", ""))
        return post.headers.get("authorization", "").removeprefix("Bearer ") in others

    admit_webhook(admits)(deployment)


@WEBHOOKS.add(
    "A rightly signed post that is not JSON crashes the server (500).", "WH-10", place="webhook handler"
)
def nonsense_500(deployment: Deployment) -> None:
    """Answer 500 instead of refusing a body for its form (400, 413, 422)."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.path.startswith("/webhooks/") and reply.status in {400, 413, 422}:
            reply.status, reply.body = 500, b"Internal Server Error"

    rewrite(None, change)(deployment)
