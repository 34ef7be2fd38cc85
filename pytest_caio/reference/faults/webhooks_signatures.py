"""Faults of webhook signatures: what is wrongly accepted as a right one."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.reference.dashboard.decisions import own_signature, webhook_signature
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import WebhookPost
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import accept_signature, crash, using

__all__ = ["SIGNATURES", "given_signature"]

_HEADERS = {name for provider in PROVIDERS.values() for name in provider.signature_headers}


def given_signature(post: WebhookPost) -> str | None:
    """Return the signature in a webhook post, without its prefix, or None if it has no signature header."""
    given = [
        post.headers[name] for name in PROVIDERS[post.provider].signature_headers if name in post.headers
    ]
    return given[0].removeprefix("hmac-").removeprefix("sha256=") if given else None


def _has_prefix(post: WebhookPost) -> bool:
    return any("=" in post.headers.get(name, "") for name in PROVIDERS[post.provider].signature_headers)


def _right(deployment: Deployment, post: WebhookPost) -> str:
    return webhook_signature(deployment.settings.get(PROVIDERS[post.provider].secret_key, ""), post.body)


def _almost(accepts: Callable[[str, str], bool]) -> Apply:
    """Accept as rightly signed also what `accepts(given, right)` is true for."""
    return using(
        lambda d: accept_signature(lambda post: accepts(given_signature(post) or "", _right(d, post)))
    )


def _in_query(name: Callable[[WebhookPost], str]) -> Apply:
    """Accept a right signature also in the query, under this name."""
    return using(
        lambda d: accept_signature(lambda post: _right(d, post) in parse_qs(post.query).get(name(post), []))
    )


# fmt: off
SIGNATURES = Faults([
    fault("any-signature", "Any signature is taken for a right one, as long as there is one.",
          "WH-05 WH-06 WH-07 WH-08", accept_signature(lambda post: bool(given_signature(post))),
          place="webhook handler"),
    fault("empty-signature", "An empty signature is taken for a right one.", "WH-05 WH-08",
          accept_signature(lambda post: given_signature(post) == ""), place="webhook handler"),
    fault("signature-over-nothing", "The signature does not cover the body, so a body can be exchanged.",
          "WH-06 WH-08", using(lambda d: accept_signature(
              lambda post: own_signature(d.settings, replace(post, body=b"")))),
          place="webhook handler"),
    fault("malformed-signature", "A signature that cannot be read is passed over instead of refused.",
          "WH-05 WH-08",
          accept_signature(lambda post: not set(given_signature(post) or "") <= set(string.hexdigits)),
          place="webhook handler"),
    fault("prefixed-signature", "A signature with a prefix, as in sha256=, is not checked.", "WH-05 WH-08",
          accept_signature(_has_prefix), place="webhook handler"),
    fault("signature-form", "A signature's form is checked, not its value.", "WH-05 WH-06 WH-07 WH-08",
          accept_signature(lambda post: bool(re.fullmatch("[0-9a-f]{64}", given_signature(post) or ""))),
          place="webhook handler"),
    fault("second-header", "RB2B's second signature header is not checked.", "WH-05",
          accept_signature(lambda post: post.provider == "rb2b" and "x-signature" in post.headers),
          place="webhook handler"),
    fault("second-header-half", "The beginning of a signature is enough in RB2B's second header.", "WH-05",
          using(lambda d: accept_signature(
              lambda post: post.provider == "rb2b" and "x-signature" in post.headers
              and _right(d, post).startswith(post.headers["x-signature"]))),
          place="webhook handler"),
    fault("hmac-prefixed-signature", "A signature with the prefix hmac-sha256= is not checked.",
          "WH-05 WH-08",
          accept_signature(lambda post: any(
              post.headers.get(name, "").startswith("hmac-sha256=") for name in _HEADERS)),
          place="webhook handler"),
    fault("signed-with-token", "A signature made with the dashboard's token is taken for a provider's.",
          "WH-07 WH-08", using(lambda d: accept_signature(
              lambda post: given_signature(post) == webhook_signature(
                  d.settings["DASHBOARD_AUTH_TOKEN"], post.body))),
          place="_WEBHOOK_SECRET"),
    fault("signature-half", "The first half of a signature is enough.", "WH-05 WH-08",
          _almost(lambda given, right: len(given) >= 8 and right.startswith(given)), place="webhook handler"),
    fault("signature-and-more", "Anything that begins with the right signature is taken for it.",
          "WH-05 WH-08", _almost(lambda given, right: given.startswith(right)), place="webhook handler"),
    fault("signature-first-character", "The first character of a signature is not looked at.", "WH-05 WH-08",
          _almost(lambda given, right: len(given) == len(right) and given[1:] == right[1:]),
          place="webhook handler"),
    fault("signature-last-character", "The last character of a signature is not looked at.", "WH-05 WH-08",
          _almost(lambda given, right: len(given) == len(right) and given[:-1] == right[:-1]),
          place="webhook handler"),
    fault("signature-without-secret", "A signature made with an empty secret is taken for a right one.",
          "WH-05 WH-08", accept_signature(
              lambda post: given_signature(post) == webhook_signature("", post.body)),
          place="webhook handler"),
    fault("signature-in-query", "A signature is also taken from the address, as signature=.", "WH-13 WH-08",
          _in_query(lambda _: "signature"), place="headers"),
    fault("signature-header-in-query", "A signature is also taken from the address, under its header's name.",
          "WH-13 WH-08", _in_query(lambda post: PROVIDERS[post.provider].signature_headers[0].lower()),
          place="headers"),
    fault("odd-signature-500", "A signature with an accent or an umlaut in it crashes the server (500).",
          "AUTH-17", crash(lambda asked, _: not all(asked.headers.get(n, "").isascii() for n in _HEADERS)),
          place="hmac"),
])
# fmt: on


@SIGNATURES.add("One provider's secret opens another's webhooks.", "WH-07 WH-08", place="_WEBHOOK_SECRET")
def shared_secret(deployment: Deployment) -> None:
    """Accept a signature under any provider's secret."""

    def accepts(post: WebhookPost) -> bool:
        keys = [provider.secret_key for provider in PROVIDERS.values()]
        secrets = [deployment.settings[key] for key in keys if key in deployment.settings]
        return given_signature(post) in {webhook_signature(secret, post.body) for secret in secrets}

    accept_signature(accepts)(deployment)
