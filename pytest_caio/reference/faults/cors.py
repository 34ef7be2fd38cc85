"""Faults of the cross-origin policy: which sites a visitor's browser lets read the API."""

from __future__ import annotations

import re
from collections.abc import Callable

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Faults

__all__ = ["CORS"]

fault = Faults()


def _hosts(deployment: Deployment) -> str:
    """A pattern of the hosts allowed."""
    return "|".join(re.escape(origin.partition("://")[2]) for origin in deployment.cors.origins)


def _preflights(deployment: Deployment, change: Callable[[Incoming, Reply], None]) -> None:
    """Change what preflights are answered, after the policy."""

    def changed(asked: Incoming, reply: Reply) -> None:
        if asked.method == "OPTIONS":
            change(asked, reply)

    deployment.cors.rewrites.append(changed)


def _add(reply: Reply, what: str, asked: Incoming, wanted: str) -> None:
    """Allow what a preflight asks for, beside what the policy allows."""
    name = f"access-control-allow-{what}"
    allowed = reply.headers.get(name, "").split(", ")
    more = [one for one in asked.headers[wanted].split(", ") if one not in allowed]
    reply.headers[name] = ", ".join([*allowed, *more])


@fault("Every site may call the API in a visitor's name.", "CORS-02", place="CORS_ALLOWED_ORIGINS")
def origin_reflected(deployment: Deployment) -> None:
    """Answer with whatever origin asked."""
    deployment.cors.origin_regex = ".*"


@fault(
    "Pages without an origin of their own may call the API (`null`).", "CORS-02", place="CORS_ALLOWED_ORIGINS"
)
def origin_null(deployment: Deployment) -> None:
    """Allow the origin `null`."""
    deployment.cors.origins.append("null")


@fault(
    "Every site may read the API's answers (`*`).",
    "CORS-01",
    "CORS-02",
    "CORS-03",
    place="CORS_ALLOWED_ORIGINS",
)
def origin_wildcard(deployment: Deployment) -> None:
    """Allow `*`, which goes without credentials."""
    deployment.cors.origins, deployment.cors.credentials = ["*"], False


@fault(
    "Sites whose name begins with an allowed one may call the API.", "CORS-02", place="CORS_ALLOWED_ORIGINS"
)
def origin_suffix(deployment: Deployment) -> None:
    """Compare the beginning of the origin: `dashboard.example.attacker.example`."""
    deployment.cors.origin_regex = f"https://({_hosts(deployment)}).*"


@fault("Sites whose name ends with an allowed one may call the API.", "CORS-02", place="CORS_ALLOWED_ORIGINS")
def origin_prefix(deployment: Deployment) -> None:
    """Compare the end of the origin: `attackerdashboard.example`."""
    deployment.cors.origin_regex = f"https://[^.]*({_hosts(deployment)})"


@fault("Subdomains of the allowed sites may call the API.", "CORS-02", place="CORS_ALLOWED_ORIGINS")
def origin_subdomain(deployment: Deployment) -> None:
    """Allow any subdomain."""
    deployment.cors.origin_regex = rf"https://.+\.({_hosts(deployment)})"


@fault("Allowed sites may call the API over plain http.", "CORS-02", place="CORS_ALLOWED_ORIGINS")
def origin_http(deployment: Deployment) -> None:
    """Allow the http form of the origins."""
    deployment.cors.origins += [origin.replace("https://", "http://") for origin in deployment.cors.origins]


@fault("One allowed site was forgotten: its browser is refused.", "CORS-01", place="CORS_ALLOWED_ORIGINS")
def origin_missing(deployment: Deployment) -> None:
    """Drop the first allowed origin."""
    del deployment.cors.origins[0]


@fault("Other sites may delete.", "CORS-04", place="CORS_ALLOWED_METHODS")
def extra_method(deployment: Deployment) -> None:
    """Allow DELETE."""
    deployment.cors.methods.append("DELETE")


@fault("Other sites may use every method.", "CORS-04", place="CORS_ALLOWED_METHODS")
def any_method(deployment: Deployment) -> None:
    """Allow `*` as methods."""
    deployment.cors.methods = ["*"]


@fault(
    "Other sites that ask for a method are told that they may use it.",
    "CORS-04",
    place="CORS_ALLOWED_METHODS",
)
def method_on_demand(deployment: Deployment) -> None:
    """Add the method that was asked for to those allowed."""
    _preflights(
        deployment, lambda asked, reply: _add(reply, "methods", asked, "access-control-request-method")
    )


@fault(
    "Other sites that ask for a header are told that they may send it.",
    "CORS-05",
    place="CORS_ALLOWED_HEADERS",
)
def header_on_demand(deployment: Deployment) -> None:
    """Add the headers that were asked for to those allowed."""
    _preflights(
        deployment, lambda asked, reply: _add(reply, "headers", asked, "access-control-request-headers")
    )


@fault("Other sites may send an Authorization header.", "CORS-05", place="CORS_ALLOWED_HEADERS")
def extra_header(deployment: Deployment) -> None:
    """Allow one header more."""
    deployment.cors.headers.append("Authorization")


@fault("Other sites may send any header.", "CORS-05", place="CORS_ALLOWED_HEADERS")
def any_header(deployment: Deployment) -> None:
    """Allow `*` as headers."""
    deployment.cors.headers = ["*"]


@fault(
    "A browser's preflight is refused for want of a token (401).",
    "CORS-06",
    "CORS-01",
    then=("CORS-04", "CORS-05"),
    place="auth guard",
)
def preflight_guarded(deployment: Deployment) -> None:
    """Put the guard before the CORS answers."""
    deployment.cors.behind_guard = True


@fault("Allowed sites may call the API from any port.", "CORS-02", place="CORS_ALLOWED_ORIGINS")
def origin_port(deployment: Deployment) -> None:
    """Compare the origin without its port."""
    deployment.cors.origin_regex = rf"https://({_hosts(deployment)}):\d+"


@fault(
    "Every site may read answers, though its preflight is refused.", "CORS-02", place="CORS_ALLOWED_ORIGINS"
)
def origin_in_answers(deployment: Deployment) -> None:
    """Answer requests, preflights aside, with whatever origin asked."""

    def change(asked: Incoming, reply: Reply) -> None:
        if asked.method != "OPTIONS" and "origin" in asked.headers:
            reply.headers["access-control-allow-origin"] = asked.headers["origin"]

    deployment.cors.rewrites.append(change)


@fault(
    "A preflight names the allowed site twice, which browsers refuse.",
    "CORS-01",
    place="CORS_ALLOWED_ORIGINS",
)
def origin_twice(deployment: Deployment) -> None:
    """Send the header a second time, as two layers of CORS do."""

    def change(asked: Incoming, reply: Reply) -> None:
        if reply.status == 200:
            reply.headers.append("access-control-allow-origin", asked.headers["origin"])

    _preflights(deployment, change)


@fault("Other sites may use whatever method there is (`*`).", "CORS-03", "CORS-04", place="without *")
def method_wildcard(deployment: Deployment) -> None:
    """Answer `*` as methods."""
    _preflights(deployment, lambda _, reply: reply.headers.update({"access-control-allow-methods": "*"}))


@fault("Other sites may send whatever header there is (`*`).", "CORS-03", "CORS-05", place="without *")
def header_wildcard(deployment: Deployment) -> None:
    """Answer `*` as headers."""
    _preflights(deployment, lambda _, reply: reply.headers.update({"access-control-allow-headers": "*"}))


@fault("The allowed sites may not post.", "CORS-04", place="CORS_ALLOWED_METHODS")
def method_missing(deployment: Deployment) -> None:
    """Leave POST out."""
    deployment.cors.methods.remove("POST")


@fault(
    "The allowed sites may not send the token.", "CORS-05", then=("CORS-01",), place="CORS_ALLOWED_HEADERS"
)
def header_missing(deployment: Deployment) -> None:
    """Leave X-Dashboard-Token out."""
    deployment.cors.headers.remove("X-Dashboard-Token")


@fault("The allowed sites may not say what they send.", "CORS-05", place="CORS_ALLOWED_HEADERS")
def content_type_missing(deployment: Deployment) -> None:
    """Leave Content-Type out, which is safelisted for forms alone."""

    def change(_: Incoming, reply: Reply) -> None:
        named = reply.headers["access-control-allow-headers"].split(", ")
        left = [name for name in named if name.lower() != "content-type"]
        reply.headers["access-control-allow-headers"] = ", ".join(left)

    _preflights(deployment, change)


@fault(
    "Every preflight is answered 200 with nothing in it.",
    *("CORS-06", "CORS-01"),
    then=("CORS-04", "CORS-05"),
    place="CORS middleware",
)
def preflight_blank(deployment: Deployment) -> None:
    """Answer as a server does that answers OPTIONS itself, before the policy."""

    def change(_: Incoming, reply: Reply) -> None:
        reply.status, reply.body = 200, b""
        for name in [name for name in reply.headers if name.startswith("access-control-")]:
            del reply.headers[name]

    _preflights(deployment, change)


@fault(
    "The preflights of allowed sites crash (500).",
    "CORS-01",
    "CORS-06",
    then=("CORS-03",),
    place="CORS_ALLOWED_ORIGINS",
)
def preflight_500(deployment: Deployment) -> None:
    """Answer 500 where the policy says yes."""
    _preflights(deployment, lambda _, reply: setattr(reply, "status", 500 if reply.status == 200 else 400))


@fault(
    "The preflights of other sites crash (500).",
    *("CORS-02", "CORS-03", "CORS-06"),
    then=("CORS-04", "CORS-05"),
    place="CORS_ALLOWED_ORIGINS",
)
def refusal_500(deployment: Deployment) -> None:
    """Answer 500 where the policy says no."""
    _preflights(deployment, lambda _, reply: setattr(reply, "status", 500 if reply.status == 400 else 200))


CORS = fault.all
