"""Faults of the cross-origin policy: which sites a visitor's browser lets read the API."""

from __future__ import annotations

import re

from pytest_caio.reference.deployment import Deployment
from pytest_caio.reference.faults.fault import Faults

__all__ = ["CORS"]

fault = Faults()


def _hosts(deployment: Deployment) -> str:
    """A pattern of the hosts allowed."""
    return "|".join(re.escape(origin.partition("://")[2]) for origin in deployment.cors.origins)


@fault("Every site may call the API in a visitor's name.", "CORS-02")
def origin_reflected(deployment: Deployment) -> None:
    """Answer with whatever origin asked."""
    deployment.cors.origin_regex = ".*"


@fault("Pages without an origin of their own may call the API (`null`).", "CORS-02")
def origin_null(deployment: Deployment) -> None:
    """Allow the origin `null`."""
    deployment.cors.origins.append("null")


@fault("Every site may read the API's answers (`*`).", "CORS-01", "CORS-02", "CORS-03")
def origin_wildcard(deployment: Deployment) -> None:
    """Allow `*`, which goes without credentials."""
    deployment.cors.origins, deployment.cors.credentials = ["*"], False


@fault("Sites whose name begins with an allowed one may call the API.", "CORS-02")
def origin_suffix(deployment: Deployment) -> None:
    """Compare the beginning of the origin: `dashboard.example.attacker.example`."""
    deployment.cors.origin_regex = f"https://({_hosts(deployment)}).*"


@fault("Sites whose name ends with an allowed one may call the API.", "CORS-02")
def origin_prefix(deployment: Deployment) -> None:
    """Compare the end of the origin: `attackerdashboard.example`."""
    deployment.cors.origin_regex = f"https://[^.]*({_hosts(deployment)})"


@fault("Subdomains of the allowed sites may call the API.", "CORS-02")
def origin_subdomain(deployment: Deployment) -> None:
    """Allow any subdomain."""
    deployment.cors.origin_regex = rf"https://.+\.({_hosts(deployment)})"


@fault("Allowed sites may call the API over plain http.", "CORS-02")
def origin_http(deployment: Deployment) -> None:
    """Allow the http form of the origins."""
    deployment.cors.origins += [origin.replace("https://", "http://") for origin in deployment.cors.origins]


@fault("One allowed site was forgotten: its browser is refused.", "CORS-01")
def origin_missing(deployment: Deployment) -> None:
    """Drop the first allowed origin."""
    del deployment.cors.origins[0]


@fault("Other sites may delete.", "CORS-04")
def extra_method(deployment: Deployment) -> None:
    """Allow DELETE."""
    deployment.cors.methods.append("DELETE")


@fault("Other sites may use every method.", "CORS-04")
def any_method(deployment: Deployment) -> None:
    """Allow `*` as methods."""
    deployment.cors.methods = ["*"]


@fault("Other sites may send an Authorization header.", "CORS-05")
def extra_header(deployment: Deployment) -> None:
    """Allow one header more."""
    deployment.cors.headers.append("Authorization")


@fault("Other sites may send any header.", "CORS-05")
def any_header(deployment: Deployment) -> None:
    """Allow `*` as headers."""
    deployment.cors.headers = ["*"]


@fault("A browser's preflight is refused for want of a token (401).", "CORS-01", "CORS-06")
def preflight_guarded(deployment: Deployment) -> None:
    """Put the guard before the CORS answers."""
    deployment.cors.behind_guard = True


CORS = fault.all
