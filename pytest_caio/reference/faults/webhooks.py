"""Faults of the webhooks: who is let in, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

from pytest_caio.reference.deployment import Asked, Deployment, Knock, Reply
from pytest_caio.reference.faults.fault import Faults, crash
from pytest_caio.reference.faults.webhooks_signatures import given_signature
from pytest_caio.reference.settings import BEARER_KEYS, SECRET_KEYS

__all__ = ["WEBHOOKS"]

fault = Faults()
# What asks for no credential cannot refuse a wrong one.
UNASKED = ("WH-04", "WH-05", "WH-06", "WH-07")


def _admit(deployment: Deployment, admits: Callable[[Knock], bool]) -> None:
    was = deployment.webhook_refusal
    deployment.webhook_refusal = lambda knock: None if admits(knock) else was(knock)


@fault(
    "Instantly's unsubscribes are let in without a signature.",
    "WH-03",
    "WH-12",
    then=UNASKED,
    place="webhook handler",
)
def one_route_unsigned(deployment: Deployment) -> None:
    """Check nothing on one route."""
    _admit(deployment, lambda knock: knock.path == "/webhooks/instantly/unsubscribe")


@fault(
    "Instantly's replies are let in without a signature.",
    "WH-03",
    "WH-12",
    then=(*UNASKED, "AUTH-17"),
    place="webhook handler",
)
def reply_unsigned(deployment: Deployment) -> None:
    """Check nothing on the route of replies."""
    _admit(deployment, lambda knock: knock.path == "/webhooks/instantly/reply")


@fault(
    "Instantly's bounces are let in without a signature.",
    "WH-03",
    "WH-12",
    then=UNASKED,
    place="webhook handler",
)
def bounce_unsigned(deployment: Deployment) -> None:
    """Check nothing on the route of bounces."""
    _admit(deployment, lambda knock: knock.path == "/webhooks/instantly/bounce")


@fault(
    "Instantly's opens are let in without a signature.",
    "WH-03",
    "WH-12",
    then=UNASKED,
    place="webhook handler",
)
def open_unsigned(deployment: Deployment) -> None:
    """Check nothing on the route of opens."""
    _admit(deployment, lambda knock: knock.path == "/webhooks/instantly/open")


@fault(
    "Clay's webhooks are let in without a signature.", "WH-03", "WH-12", then=UNASKED, place="webhook handler"
)
def clay_unsigned(deployment: Deployment) -> None:
    """Check nothing on Clay's route."""
    _admit(deployment, lambda knock: knock.provider == "clay")


@fault(
    "HeyReach's webhooks are let in without a signature.",
    "WH-08",
    then=("WH-12",),
    place="HEYREACH_WEBHOOK_SECRET",
)
def heyreach_unguarded(deployment: Deployment) -> None:
    """Check nothing on HeyReach's route, and say nothing of it."""
    _admit(deployment, lambda knock: knock.provider == "heyreach")


@fault(
    "Every webhook lets in posts without a signature.",
    "WH-03",
    "WH-08",
    "WH-12",
    then=("AUTH-17", "WH-04", "WH-07"),
    place="webhook handler",
)
def unsigned_webhooks(deployment: Deployment) -> None:
    """Refuse only what has a wrong signature."""
    _admit(deployment, lambda knock: given_signature(knock) is None)


@fault("The dashboard's token opens the webhooks.", "WH-07", "WH-08", place="webhook handler")
def dashboard_token_opens(deployment: Deployment) -> None:
    """Accept the dashboard's token as a bearer and in its own header."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]

    def admits(knock: Knock) -> bool:
        given = (knock.headers.get("authorization"), knock.headers.get("x-dashboard-token"))
        return f"Bearer {token}" in given or token in given

    _admit(deployment, admits)


@fault("A provider's bearer opens its webhooks, though a secret is set.", "WH-12", place="secrets")
def bearer_beside_secret(deployment: Deployment) -> None:
    """Accept the provider's own bearer beside the signature."""
    _admit(deployment, lambda knock: knock.provider in BEARER_KEYS and deployment.bearer_accepted(knock))


@fault("One provider's bearer opens another's webhooks.", "WH-07", "WH-08", then=("WH-12",), place="bearer")
def shared_bearer(deployment: Deployment) -> None:
    """Accept the bearers of the other providers."""

    def admits(knock: Knock) -> bool:
        others = {deployment.settings[key] for key in BEARER_KEYS.values()}
        others.discard(deployment.settings.get(BEARER_KEYS.get(knock.provider, ""), ""))
        return knock.headers.get("authorization", "").removeprefix("Bearer ") in others

    _admit(deployment, admits)


@fault(
    "Any bearer opens the webhooks, signed or not.",
    "WH-04",
    "WH-07",
    "WH-08",
    then=("AUTH-17", "WH-12"),
    place="webhook handler",
)
def any_bearer(deployment: Deployment) -> None:
    """Accept every bearer that is not empty."""
    _admit(deployment, lambda knock: knock.headers.get("authorization", "").startswith("Bearer "))


@fault(
    "Clay has neither secret nor bearer: its webhooks answer 503.",
    "WH-02",
    "WH-03",
    then=("AUTH-03", "RDY-01", "RDY-02", "WH-09", "WH-10", "WH-12", *UNASKED),
    place="CLAY_WEBHOOK_SECRET",
)
def secret_missing(deployment: Deployment) -> None:
    """Take Clay's secret and the bearer it shares away."""
    for key in (SECRET_KEYS["clay"], BEARER_KEYS["clay"]):
        deployment.settings.pop(key, None)


@fault(
    "Clay has neither secret nor bearer, and is said to authenticate.",
    *("WH-02", "WH-03", "WH-12"),
    then=("AUTH-03", "RDY-01", "RDY-02", "WH-09", "WH-10", *UNASKED),
    place="CLAY_WEBHOOK_SECRET",
)
def clay_vouched_for(deployment: Deployment) -> None:
    """Take both away, and say that Clay authenticates all the same."""
    secret_missing(deployment)
    deployment.report_edits.append(
        lambda report: report["dependencies"]["webhooks"]["provider_auth"]["clay"].update(authed=True)
    )


@fault(
    "HeyReach's webhooks are open to everybody.", "WH-08", then=("WH-12",), place="HEYREACH_WEBHOOK_SECRET"
)
def heyreach_open(deployment: Deployment) -> None:
    """Allowlist HeyReach unsigned, without a secret or a bearer."""
    for key in (SECRET_KEYS["heyreach"], BEARER_KEYS["heyreach"]):
        deployment.settings.pop(key, None)
    deployment.settings["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault(
    "HeyReach is on the unsigned allowlist, though its secret still guards it.",
    "WH-08",
    place="HEYREACH_UNSIGNED_ALLOWLIST",
)
def heyreach_allowlisted(deployment: Deployment) -> None:
    """Set the allowlist and keep the secret."""
    deployment.settings["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault(
    "HeyReach cannot sign: by decision, the deployment and its file let it in unsigned.",
    *("WH-08", "ENV-11"),
    place="HEYREACH_UNSIGNED_ALLOWLIST",
)
def heyreach_unsigned(deployment: Deployment) -> None:
    """Fall back as a waiver allows: allowlisted, without a secret or a bearer, in its file too."""
    heyreach_open(deployment)
    for key in (SECRET_KEYS["heyreach"], BEARER_KEYS["heyreach"]):
        deployment.published.pop(key, None)
    deployment.published["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault("Rightly signed posts are refused.", "WH-09", place="*_WEBHOOK_SECRET")
def signed_refused(deployment: Deployment) -> None:
    """Refuse everything, as a deployment does that holds other secrets."""
    deployment.webhook_refusal = lambda _: 401


@fault("A rightly signed post that is not JSON crashes the server (500).", "WH-10", place="webhook handler")
def nonsense_500(deployment: Deployment) -> None:
    """Answer 500 where a body is refused for its form."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.path.startswith("/webhooks/") and reply.status in {400, 413, 422}:
            reply.status, reply.body = 500, b"Internal Server Error"

    deployment.rewrites.append(change)


@fault("A webhook's bearer of thousands of characters crashes the server (500).", "AUTH-17", place="compare")
def long_bearer_500(deployment: Deployment) -> None:
    """Crash on an Authorization header longer than 4 KiB at a webhook."""
    crash(
        deployment,
        lambda asked, _: (
            asked.path.startswith("/webhooks/") and len(asked.headers.get("authorization", "")) > 4096
        ),
    )


@fault(
    "Webhooks are said to be guarded while one stands open.",
    "WH-03",
    "WH-12",
    then=UNASKED,
    place="webhook handler",
)
def dependencies_lie(deployment: Deployment) -> None:
    """Let everything into RB2B's route, and say nothing of it."""
    _admit(deployment, lambda knock: knock.provider == "rb2b")


WEBHOOKS = fault.all
