"""Faults of the CORS policy: which other sites a visitor's browser lets read the API."""

from __future__ import annotations

import re
from functools import partial

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.dashboard.settings import FORMER_ORIGIN
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite

__all__ = ["CORS"]

_preflight = partial(answer, None, method="OPTIONS", last=True)


def _allow(pattern: str) -> Apply:
    """Allow the origins that match a pattern, in which `HOSTS` stands for the allowed hosts."""

    def change(deployment: Deployment) -> None:
        hosts = "|".join(re.escape(origin.partition("://")[2]) for origin in deployment.cors.origins)
        deployment.cors.origin_regex = pattern.replace("HOSTS", hosts)

    return change


def _on_demand(what: str, wanted: str) -> Apply:
    """Add to the header `what`, which the policy sets, everything that a preflight requests in `wanted`."""

    def change(asked: Incoming, reply: Reply) -> None:
        allowed = reply.headers.get(what, "").split(", ")
        more = [one for one in asked.headers[wanted].split(", ") if one not in allowed]
        reply.headers[what] = ", ".join([*allowed, *more])

    return rewrite(None, change, method="OPTIONS", last=True)


# fmt: off
CORS = Faults([
    fault("origin-reflected", "Every site may call the API in a visitor's name.", "CORS-02",
          _allow(".*"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-null", "Pages without an origin of their own may call the API (`null`).", "CORS-02",
          lambda d: d.cors.origins.append("null"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-suffix", "Sites whose name begins with an allowed one may call the API.", "CORS-02",
          _allow(r"https://(HOSTS).*"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-prefix", "Sites whose name ends with an allowed one may call the API.", "CORS-02",
          _allow(r"https://[^.]*(HOSTS)"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-subdomain", "Subdomains of the allowed sites may call the API.", "CORS-02",
          _allow(r"https://.+\.(HOSTS)"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-subdomain-of-last", "Subdomains of the last allowed site may call the API.", "CORS-02",
          lambda d: setattr(d.cors, "origin_regex", d.cors.origins[-1].replace("://", r"://.+\.")),
          place="CORS_ALLOWED_ORIGINS"),
    fault("origin-http", "Allowed sites may call the API over plain http.", "CORS-02",
          lambda d: d.cors.origins.extend([one.replace("https://", "http://") for one in d.cors.origins]),
          place="CORS_ALLOWED_ORIGINS"),
    fault("origin-of-previews", "Sites that are named like an allowed one and more may call the API.",
          "CORS-02", lambda d: setattr(d.cors, "origin_regex", re.escape(d.cors.origins[0]).replace(
              r"\.", r"-[a-z0-9]+\.", 1)), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-local", "Pages on a visitor's own machine may call the API, from any port.", "CORS-02",
          _allow(r"http://localhost(:\d+)?"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-of-developer", "Pages of a developer's machine may call the API.", "CORS-02",
          lambda d: d.cors.origins.append("http://localhost:3000"), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-pattern", "The allowed sites are read as patterns: a dot is any letter.", "CORS-02",
          lambda d: setattr(d.cors, "origin_regex", "|".join(d.cors.origins)), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-former", "A site that once was the dashboard's own may still call the API.", "CORS-02",
          lambda d: d.cors.origins.append(FORMER_ORIGIN), place="CORS_ALLOWED_ORIGINS"),
    fault("origin-missing", "One allowed site was forgotten: its browser is refused.", "CORS-01",
          lambda d: d.cors.origins.pop(0), place="CORS_ALLOWED_ORIGINS"),
    fault("extra-method", "Other sites may delete.", "CORS-04",
          lambda d: d.cors.methods.append("DELETE"), place="CORS_ALLOWED_METHODS"),
    fault("any-method", "Other sites may use every method.", "CORS-04",
          lambda d: d.cors.methods.append("*"), place="CORS_ALLOWED_METHODS"),
    fault("method-on-demand", "Other sites that ask for a method are told that they may use it.", "CORS-04",
          _on_demand("access-control-allow-methods", "access-control-request-method"),
          place="CORS_ALLOWED_METHODS"),
    fault("header-on-demand", "Other sites that ask for a header are told that they may send it.", "CORS-05",
          _on_demand("access-control-allow-headers", "access-control-request-headers"),
          place="CORS_ALLOWED_HEADERS"),
    fault("extra-header", "Other sites may send an Authorization header.", "CORS-05",
          lambda d: d.cors.headers.append("Authorization"), place="CORS_ALLOWED_HEADERS"),
    fault("any-header", "Other sites may send any header.", "CORS-05",
          lambda d: d.cors.headers.append("*"), place="CORS_ALLOWED_HEADERS"),
    fault("preflight-guarded", "A browser's preflight is refused for want of a token (401).",
          "CORS-06 CORS-01", lambda d: setattr(d.cors, "behind_guard", True),
          then="CORS-04 CORS-05", place="auth guard"),
    fault("origin-port", "Allowed sites may call the API from any port.", "CORS-02",
          _allow(r"https://(HOSTS):\d+"), place="CORS_ALLOWED_ORIGINS"),
    fault("method-wildcard", "Other sites may use whatever method there is (`*`).", "CORS-03 CORS-04",
          _preflight(headers={"access-control-allow-methods": "*"}), place="CORS_ALLOWED_METHODS"),
    fault("header-wildcard", "Other sites may send whatever header there is (`*`).", "CORS-03 CORS-05",
          _preflight(headers={"access-control-allow-headers": "*"}), place="CORS_ALLOWED_HEADERS"),
    fault("method-missing", "The allowed sites may not post.", "CORS-04",
          lambda d: d.cors.methods.remove("POST"), place="CORS_ALLOWED_METHODS"),
    fault("header-missing", "The allowed sites may not send the token.", "CORS-05",
          lambda d: d.cors.headers.remove("X-Dashboard-Token"), then="CORS-01", place="CORS_ALLOWED_HEADERS"),
    fault("preflight-500", "The preflights of allowed sites crash (500).", "CORS-01 CORS-06",
          _preflight(was=200, status=500), then="CORS-03", place="deploy logs"),
    fault("refusal-500", "The preflights of other sites crash (500).", "CORS-02 CORS-03 CORS-06",
          _preflight(was=400, status=500), then="CORS-04 CORS-05", place="deploy logs"),
])
# fmt: on


@CORS.add(
    "Every site may read the API's answers (`*`).", "CORS-01 CORS-02 CORS-03", place="CORS_ALLOWED_ORIGINS"
)
def origin_wildcard(deployment: Deployment) -> None:
    """Allow `*`, which CORS permits only without credentials."""
    deployment.cors.origins, deployment.cors.credentials = ["*"], False


@CORS.add(
    "Every site may read answers, though its preflight is refused.", "CORS-02", place="CORS_ALLOWED_ORIGINS"
)
def origin_in_answers(deployment: Deployment) -> None:
    """Allow the origin of every request that is not a preflight."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.method != "OPTIONS" and "origin" in asked.headers:
            reply.headers["access-control-allow-origin"] = asked.headers["origin"]

    rewrite(None, change, last=True)(deployment)


@CORS.add(
    "A preflight names the allowed site twice, which browsers refuse.",
    "CORS-01",
    place="CORS_ALLOWED_ORIGINS",
)
def origin_twice(deployment: Deployment) -> None:
    """Send the header a second time, as two layers of CORS do."""

    def change(asked: Incoming, reply: Reply) -> None:
        reply.headers.append("access-control-allow-origin", asked.headers["origin"])

    rewrite(None, change, method="OPTIONS", was=200, last=True)(deployment)


@CORS.add("The allowed sites may not say what they send.", "CORS-05", place="CORS_ALLOWED_HEADERS")
def content_type_missing(deployment: Deployment) -> None:
    """Leave out Content-Type, which CORS safelists only for the media types of forms."""

    def change(_: Incoming, reply: Reply) -> None:
        named = reply.headers["access-control-allow-headers"].split(", ")
        left = [name for name in named if name.lower() != "content-type"]
        reply.headers["access-control-allow-headers"] = ", ".join(left)

    rewrite(None, change, method="OPTIONS", last=True)(deployment)


@CORS.add(
    "Every preflight is answered 200 with nothing in it.",
    "CORS-06 CORS-01",
    then="CORS-04 CORS-05",
    place="CORS middleware",
)
def preflight_blank(deployment: Deployment) -> None:
    """Answer like a server that handles OPTIONS itself, before the CORS policy."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status, reply.body = 200, b""
        for name in [name for name in reply.headers if name.startswith("access-control-")]:
            del reply.headers[name]

    rewrite(None, change, method="OPTIONS", last=True)(deployment)
