"""Faults of the CORS policy in the answer to a request itself, and of what it says of credentials."""

from __future__ import annotations

from collections.abc import Callable

from pytest_caio.contract.paths import PAGES
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite

__all__ = ["CORS_ANSWERS"]

_ALLOW_ORIGIN = "access-control-allow-origin"
_CREDENTIALS = "access-control-allow-credentials"


def _once_more(name: str) -> Apply:
    """Send a header of the policy a second time in the answer to a request itself, as two layers do."""

    def change(_: Incoming, reply: Reply) -> None:
        if name in reply.headers:
            reply.headers.append(name, reply.headers[name])

    return rewrite(None, change, method="GET", last=True)


def _to_every_site(chosen: Callable[[Incoming, Reply], bool], *, star: bool = False) -> Apply:
    """Let every site read the answers that are `chosen`, with its visitor's session or, as `*`, without."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.method != "OPTIONS" and "origin" in asked.headers and chosen(asked, reply):
            reply.headers[_ALLOW_ORIGIN] = "*" if star else asked.headers["origin"]

    return rewrite(None, change, last=True)


def _guarded(asked: Incoming, _: Reply) -> bool:
    return asked.path.startswith("/api/") and not asked.path.startswith("/api/health")


def _limit_strangers(deployment: Deployment) -> None:
    """Answer the requests of other sites as a limit does (429), before the policy has judged them."""

    def change(asked: Incoming, reply: Reply) -> None:
        own = (f"http://{asked.headers['host']}", *deployment.cors.origins)
        if asked.method == "GET" and asked.headers.get("origin", own[0]) not in own:
            reply.status, reply.body = 429, b"<html>Too many requests</html>"
            reply.headers["content-type"] = "text/html"

    rewrite(None, change, last=True)(deployment)


# fmt: off
CORS_ANSWERS = Faults([
    fault("answers-silent", "The allowed sites may ask, and may not read the answer.", "CORS-01",
          answer(None, method="GET", last=True, headers={_ALLOW_ORIGIN: None}),
          place="CORS_ALLOWED_ORIGINS"),
    fault("answers-named-twice", "An answer names the allowed site twice, which browsers refuse.", "CORS-01",
          _once_more(_ALLOW_ORIGIN), place="CORS_ALLOWED_ORIGINS"),
    fault("credentials-refused", "The allowed sites may not send a session.", "CORS-01",
          lambda d: setattr(d.cors, "credentials", False), place="allow_credentials"),
    fault("credentials-unsaid", "The allowed sites may send a session, and not read the answer.", "CORS-01",
          answer(None, method="GET", last=True, headers={_CREDENTIALS: None}), place="allow_credentials"),
    fault("credentials-twice", "An answer says twice that sessions may be sent, which browsers refuse.",
          "CORS-01", _once_more(_CREDENTIALS), place="allow_credentials"),
    fault("guarded-reflected", "Every site may read what the API guards, in a visitor's name.", "CORS-02",
          _to_every_site(_guarded), place="CORS_ALLOWED_ORIGINS"),
    fault("guarded-wildcard", "Every site may read what the API guards (`*`).", "CORS-02 CORS-03",
          _to_every_site(_guarded, star=True), place="CORS_ALLOWED_ORIGINS"),
    fault("opened-reflected", "Every site may read what the token opens, and not how others are refused.",
          "CORS-02", _to_every_site(lambda asked, reply: _guarded(asked, reply) and reply.status == 200),
          place="CORS_ALLOWED_ORIGINS"),
    fault("pages-reflected", "Every site may read the pages, in a visitor's name.", "CORS-02",
          _to_every_site(lambda asked, _: asked.path in PAGES), place="CORS_ALLOWED_ORIGINS"),
    fault("webhooks-reflected", "Every site may read what webhooks answer.", "CORS-02",
          _to_every_site(lambda asked, _: asked.path.startswith("/webhooks/")),
          place="CORS_ALLOWED_ORIGINS"),
    fault("strangers-limited", "A limit answers other sites (429): what they may read is not seen.",
          "CORS-02 CORS-03", _limit_strangers, place="--request-rate"),
])
# fmt: on
