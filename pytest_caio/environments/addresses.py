"""Rules for the origins, URLs and Redis namespaces in an env file."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from pytest_caio.environments.keys import canonical
from pytest_caio.environments.urls import web_url

__all__ = [
    "foreign_names",
    "inngest_url_fault",
    "is_local",
    "names_environment",
    "origin_fault",
]

_ALIASES = {"production": ("production", "prod")}
# Names of environments that a namespace must not contain, except its own environment's.
_USUAL = ("production", "staging", "stage", "development", "dev")


def origin_fault(origin: str, *, production: bool) -> str:
    """Return why an origin must not be allowed, or an empty string if it may be; the origin is not quoted.

    Browsers send only scheme, host and port, in lower case, without a default port (Fetch standard,
    "Origin header"): an origin that is written in another way matches nothing, or too much.
    """
    if origin == "null":
        return "is null, which every sandboxed page sends"
    if "*" in origin:
        return "has a wildcard in it"
    if not origin.lower().startswith("https://"):
        return "is not https://"
    url = web_url(origin)
    if url is None:
        return "is no origin"
    if url.credentials:
        return "has credentials in it"
    if re.search(r"[/?#]", origin[len("https://") :]):
        return "has a path; an origin ends with its host or port, without a slash"
    if origin != origin.lower():
        return "is not in lower case, as browsers send it"
    if origin == f"{url.origin}:443":
        return "names port 443, which browsers leave out"
    if origin != url.origin:
        return "is not written as browsers send it (an international name as xn--…, an address in full)"
    if production and is_local(url.host):
        return "is this machine (localhost)"
    return ""


def inngest_url_fault(url: str, host: str) -> str:
    """Return why a URL is not Inngest's endpoint on `host`, or an empty string; the URL is not quoted."""
    url = url.strip()
    if not url.lower().startswith("https://"):
        return "is not https://"
    parts = web_url(url)
    if parts is None:
        return "is no URL"
    if parts.credentials:
        return "has credentials in it"
    if not parts.path.endswith("/inngest") or re.search("[?#]", url):
        return "does not end with /inngest"
    named, own = parts.host.rstrip("."), host.rstrip(".")
    if named != own and not (is_local(named) and is_local(own)):
        return f"is not on the deployment's host, {host}"
    return ""


def is_local(host: str) -> bool:
    """Return whether a host name or address means this machine, in any notation that resolvers accept."""
    host = host.removesuffix(".")
    if host == "localhost" or host.endswith((".localhost", ".localdomain")):
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:  # 127.1 and 2130706433 are 127.0.0.1
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def names_environment(namespace: str, environment: str) -> bool:
    """Return whether a namespace contains the environment's name, or an alias of it, as a separate word."""
    name = canonical(environment)
    return any(_has_word(namespace, alias) for alias in _ALIASES.get(name, (name,)))


def foreign_names(namespace: str, environment: str, others: Iterable[str] = ()) -> list[str]:
    """Return the names of other environments that a namespace contains: the usual ones, and `others`."""
    own = canonical(environment)
    names = dict.fromkeys(canonical(name) for name in (*_USUAL, *others))
    return [name for name in names if name != own and names_environment(namespace, name)]


def _has_word(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text.lower()))
