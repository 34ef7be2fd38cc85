"""Faults of the webhooks: who is let in, and what is said of it."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_caio.reference.decisions import SIGNATURE_HEADERS, webhook_signature
from pytest_caio.reference.deployment import Asked, Deployment, Knock, Reply
from pytest_caio.reference.faults.fault import Faults, edit_json
from pytest_caio.reference.settings import BEARER_KEYS, SECRET_KEYS

__all__ = ["WEBHOOKS"]

fault = Faults()


def _signature(knock: Knock) -> str | None:
    """The signature given, without its prefix; None where no header carries one."""
    given = [knock.headers[name] for name in SIGNATURE_HEADERS[knock.provider] if name in knock.headers]
    return given[0].removeprefix("hmac-").removeprefix("sha256=") if given else None


def _also_signed(deployment: Deployment, accepts: Callable[[Knock], bool]) -> None:
    was = deployment.signature_accepted
    deployment.signature_accepted = lambda knock: was(knock) or accepts(knock)


def _admit(deployment: Deployment, admits: Callable[[Knock], bool]) -> None:
    was = deployment.webhook_refusal
    deployment.webhook_refusal = lambda knock: None if admits(knock) else was(knock)


def _say(deployment: Deployment, edit: Callable[[dict[str, Any]], None]) -> None:
    deployment.report_edits.append(lambda report: edit(report["dependencies"]["webhooks"]))


@fault("Any signature is taken for a right one, as long as there is one.", "WH-05", "WH-06", "WH-07", "WH-08")
def any_signature(deployment: Deployment) -> None:
    """Accept every signature that is not empty."""
    _also_signed(deployment, lambda knock: bool(_signature(knock)))


@fault("An empty signature is taken for a right one.", "WH-05", "WH-08")
def empty_signature(deployment: Deployment) -> None:
    """Accept a signature header without a value."""
    _also_signed(deployment, lambda knock: _signature(knock) == "")


@fault("The signature does not cover the body, so a body can be exchanged.", "WH-06", "WH-08")
def signature_over_nothing(deployment: Deployment) -> None:
    """Accept a signature over an empty body, whatever the body."""
    was = deployment.signature_accepted
    _also_signed(deployment, lambda knock: was(replace(knock, body=b"")))


@fault("A signature that cannot be read is passed over instead of refused.", "WH-05", "WH-08")
def malformed_signature(deployment: Deployment) -> None:
    """Accept a signature that is not hexadecimal."""

    def accepts(knock: Knock) -> bool:
        given = _signature(knock)
        return bool(given) and not set(given or "") <= set(string.hexdigits)

    _also_signed(deployment, accepts)


@fault("A signature with a prefix, as in sha256=, is not checked.", "WH-05", "WH-08")
def prefixed_signature(deployment: Deployment) -> None:
    """Accept every signature header that has a prefix."""
    _also_signed(
        deployment,
        lambda knock: any("=" in knock.headers.get(name, "") for name in SIGNATURE_HEADERS[knock.provider]),
    )


@fault("RB2B's second signature header is not checked.", "WH-05")
def second_header(deployment: Deployment) -> None:
    """Accept whatever is in X-Signature at RB2B's route."""
    _also_signed(deployment, lambda knock: knock.provider == "rb2b" and "x-signature" in knock.headers)


@fault("Instantly's unsubscribes are let in without a signature.", "WH-03", "WH-05", "WH-12")
def one_route_unsigned(deployment: Deployment) -> None:
    """Check nothing on one route."""
    _admit(deployment, lambda knock: knock.path == "/webhooks/instantly/unsubscribe")


@fault("Every webhook lets in posts without a signature.", "WH-03", "WH-08", "WH-12")
def unsigned_webhooks(deployment: Deployment) -> None:
    """Refuse only what has a wrong signature."""
    _admit(deployment, lambda knock: _signature(knock) is None)


@fault("One provider's secret opens another's webhooks.", "WH-07", "WH-08")
def shared_secret(deployment: Deployment) -> None:
    """Accept a signature under any provider's secret."""

    def accepts(knock: Knock) -> bool:
        secrets = [deployment.settings[key] for key in SECRET_KEYS.values() if key in deployment.settings]
        return _signature(knock) in {webhook_signature(secret, knock.body) for secret in secrets}

    _also_signed(deployment, accepts)


@fault("The dashboard's token opens the webhooks.", "WH-07", "WH-08")
def dashboard_token_opens(deployment: Deployment) -> None:
    """Accept the dashboard's token as a bearer and in its own header."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]

    def admits(knock: Knock) -> bool:
        given = (knock.headers.get("authorization"), knock.headers.get("x-dashboard-token"))
        return f"Bearer {token}" in given or token in given

    _admit(deployment, admits)


@fault("Any bearer opens the webhooks, signed or not.", "WH-04", "WH-07", "WH-08")
def any_bearer(deployment: Deployment) -> None:
    """Accept every bearer that is not empty."""
    _admit(deployment, lambda knock: knock.headers.get("authorization", "").startswith("Bearer "))


@fault("Clay has neither secret nor bearer: its webhooks answer 503.", "WH-02", "WH-03")
def secret_missing(deployment: Deployment) -> None:
    """Take Clay's secret and the bearer it shares away."""
    for key in (SECRET_KEYS["clay"], BEARER_KEYS["clay"]):
        deployment.settings.pop(key, None)


@fault("HeyReach's webhooks are open to everybody.", "WH-08")
def heyreach_open(deployment: Deployment) -> None:
    """Allowlist HeyReach unsigned, without a secret or a bearer."""
    for key in (SECRET_KEYS["heyreach"], BEARER_KEYS["heyreach"]):
        deployment.settings.pop(key, None)
    deployment.settings["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault("HeyReach is on the unsigned allowlist, though its secret still guards it.", "WH-08")
def heyreach_allowlisted(deployment: Deployment) -> None:
    """Set the allowlist and keep the secret."""
    deployment.settings["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault(
    "HeyReach cannot sign: by decision, the deployment and its file let it in unsigned.", "WH-08", "ENV-11"
)
def heyreach_unsigned(deployment: Deployment) -> None:
    """Fall back as a waiver allows: allowlisted, without a secret or a bearer, in its file too."""
    heyreach_open(deployment)
    for key in (SECRET_KEYS["heyreach"], BEARER_KEYS["heyreach"]):
        deployment.published.pop(key, None)
    deployment.published["HEYREACH_UNSIGNED_ALLOWLIST"] = "true"


@fault("Webhook signatures are not required.", "WH-01", "WH-11", "RDY-08")
def signatures_optional(deployment: Deployment) -> None:
    """Turn strict mode off."""
    deployment.settings["WEBHOOK_SIGNATURE_REQUIRED"] = "false"


@fault("One webhook's health says that strict mode is off.", "WH-11")
def health_not_strict(deployment: Deployment) -> None:
    """Say so of RB2B alone."""
    edit_json(deployment, "/webhooks/rb2b/health", lambda body: body.update(signature_strict_mode=False))


@fault("A webhook's health does not say whether strict mode is on.", "WH-11")
def health_silent(deployment: Deployment) -> None:
    """Leave the flag out for Clay."""
    edit_json(deployment, "/webhooks/clay/health", lambda body: body.pop("signature_strict_mode"))


@fault("Webhooks are said to be guarded while one stands open.", "WH-03", "WH-12")
def dependencies_lie(deployment: Deployment) -> None:
    """Let everything into RB2B's route, and say nothing of it."""
    _admit(deployment, lambda knock: knock.provider == "rb2b")


@fault("A provider is said to be without authentication while it has one.", "WH-02", "WH-12")
def dependencies_slander(deployment: Deployment) -> None:
    """Report Clay as unauthenticated."""

    def edit(webhooks: dict[str, Any]) -> None:
        webhooks["unauthed_providers"] = ["clay"]
        webhooks["provider_auth"]["clay"] = dict.fromkeys(
            ("hmac", "bearer", "unsigned_allowlisted", "authed"), False
        )

    _say(deployment, edit)


@fault("Webhooks are said not to be ready.", "WH-02")
def webhooks_not_ready(deployment: Deployment) -> None:
    """Report the webhooks, which are not required then, as not ready."""
    _say(deployment, lambda webhooks: webhooks.update(ready=False, status="unhealthy"))


@fault("Rightly signed posts are refused.", "WH-09")
def signed_refused(deployment: Deployment) -> None:
    """Refuse everything, as a deployment does that holds other secrets."""
    deployment.webhook_refusal = lambda _: 401


@fault("A rightly signed post that is not JSON crashes the server (500).", "WH-10")
def nonsense_500(deployment: Deployment) -> None:
    """Answer 500 where a body is refused for its form."""

    def change(asked: Asked, reply: Reply) -> None:
        if asked.path.startswith("/webhooks/") and reply.status in {400, 413, 422}:
            reply.status, reply.body = 500, b"Internal Server Error"

    deployment.rewrites.append(change)


WEBHOOKS = fault.all
