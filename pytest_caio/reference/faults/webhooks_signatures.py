"""Faults of the webhooks' signatures: what is taken for a right one."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import replace

from pytest_caio.reference.decisions import SIGNATURE_HEADERS, webhook_signature
from pytest_caio.reference.deployment import Deployment, Knock
from pytest_caio.reference.faults.fault import Faults, crash
from pytest_caio.reference.settings import SECRET_KEYS

__all__ = ["SIGNATURES", "given_signature"]

fault = Faults()


def given_signature(knock: Knock) -> str | None:
    """Return the signature given, without its prefix; None where no header carries one."""
    given = [knock.headers[name] for name in SIGNATURE_HEADERS[knock.provider] if name in knock.headers]
    return given[0].removeprefix("hmac-").removeprefix("sha256=") if given else None


def _also_signed(deployment: Deployment, accepts: Callable[[Knock], bool]) -> None:
    was = deployment.signature_accepted
    deployment.signature_accepted = lambda knock: was(knock) or accepts(knock)


@fault(
    "Any signature is taken for a right one, as long as there is one.",
    "WH-05",
    "WH-06",
    "WH-07",
    "WH-08",
    then=("AUTH-17",),
    place="webhook handler",
)
def any_signature(deployment: Deployment) -> None:
    """Accept every signature that is not empty."""
    _also_signed(deployment, lambda knock: bool(given_signature(knock)))


@fault("An empty signature is taken for a right one.", "WH-05", "WH-08", place="webhook handler")
def empty_signature(deployment: Deployment) -> None:
    """Accept a signature header without a value."""
    _also_signed(deployment, lambda knock: given_signature(knock) == "")


@fault(
    "The signature does not cover the body, so a body can be exchanged.",
    "WH-06",
    "WH-08",
    place="webhook handler",
)
def signature_over_nothing(deployment: Deployment) -> None:
    """Accept a signature over an empty body, whatever the body."""
    was = deployment.signature_accepted
    _also_signed(deployment, lambda knock: was(replace(knock, body=b"")))


@fault(
    "A signature that cannot be read is passed over instead of refused.",
    "WH-05",
    "WH-08",
    then=("AUTH-17",),
    place="webhook handler",
)
def malformed_signature(deployment: Deployment) -> None:
    """Accept a signature that is not hexadecimal."""

    def accepts(knock: Knock) -> bool:
        given = given_signature(knock)
        return bool(given) and not set(given or "") <= set(string.hexdigits)

    _also_signed(deployment, accepts)


@fault("A signature with a prefix, as in sha256=, is not checked.", "WH-05", "WH-08", place="webhook handler")
def prefixed_signature(deployment: Deployment) -> None:
    """Accept every signature header that has a prefix."""
    _also_signed(
        deployment,
        lambda knock: any("=" in knock.headers.get(name, "") for name in SIGNATURE_HEADERS[knock.provider]),
    )


@fault(
    "A signature's form is checked, not its value.",
    "WH-05",
    "WH-06",
    "WH-07",
    "WH-08",
    place="webhook handler",
)
def signature_form(deployment: Deployment) -> None:
    """Accept whatever has 64 hexadecimal digits."""
    _also_signed(
        deployment, lambda knock: re.fullmatch("[0-9a-f]{64}", given_signature(knock) or "") is not None
    )


@fault("RB2B's second signature header is not checked.", "WH-05", place="webhook handler")
def second_header(deployment: Deployment) -> None:
    """Accept whatever is in X-Signature at RB2B's route."""
    _also_signed(deployment, lambda knock: knock.provider == "rb2b" and "x-signature" in knock.headers)


@fault("One provider's secret opens another's webhooks.", "WH-07", "WH-08", place="*_WEBHOOK_SECRET")
def shared_secret(deployment: Deployment) -> None:
    """Accept a signature under any provider's secret."""

    def accepts(knock: Knock) -> bool:
        secrets = [deployment.settings[key] for key in SECRET_KEYS.values() if key in deployment.settings]
        return given_signature(knock) in {webhook_signature(secret, knock.body) for secret in secrets}

    _also_signed(deployment, accepts)


@fault("A signature with an accent or an umlaut in it crashes the server (500).", "AUTH-17", place="hmac")
def odd_signature_500(deployment: Deployment) -> None:
    """Crash on a signature beyond ASCII, as a comparison of texts does."""
    names = {name for every in SIGNATURE_HEADERS.values() for name in every}
    crash(deployment, lambda asked, _: not all(asked.headers.get(name, "").isascii() for name in names))


SIGNATURES = fault.all
