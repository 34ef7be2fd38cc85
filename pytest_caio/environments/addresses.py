"""Rules for the origins, URLs and Redis namespaces in an env file."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from pytest_caio.environments.keys import canonical

__all__ = [
    "foreign_names",
    "inngest_url_fault",
    "is_local",
    "names_environment",
    "origin_fault",
    "stays_on",
]

_ALIASES = {"production": ("production", "prod")}
_HOST_AND_PORT = re.compile(r"(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?", re.IGNORECASE | re.ASCII)
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
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return "is no origin"
    if parts.scheme != "https" or not origin.lower().startswith("https://"):
        return "is not https://"
    if "@" in parts.netloc:
        return "has credentials in it"
    if parts.path or parts.query or parts.fragment or origin.endswith(("?", "#")):
        return "has a path; an origin ends with its host or port, without a slash"
    if not parts.hostname or not _HOST_AND_PORT.fullmatch(parts.netloc):
        return "is no origin"
    if origin != origin.lower():
        return "is not in lower case, as browsers send it"
    if port == 443:
        return "names port 443, which browsers leave out"
    if production and is_local(parts.hostname):
        return "is this machine (localhost)"
    return ""


def inngest_url_fault(url: str, host: str) -> str:
    """Return why a URL is not Inngest's endpoint on `host`, or an empty string; the URL is not quoted."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return "is no URL"
    if parts.scheme != "https":
        return "is not https://"
    if "@" in parts.netloc:
        return "has credentials in it"
    if not parts.path.endswith("/inngest") or parts.query or parts.fragment:
        return "does not end with /inngest"
    named, own = (parts.hostname or "").rstrip("."), host.lower().rstrip(".")
    if named != own and not (is_local(named) and is_local(own)):
        return f"is not on the deployment's host, {host}"
    return ""


def is_local(host: str) -> bool:
    """Return whether a host name or address means this machine, in any notation that resolvers accept."""
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


def stays_on(base_url: str, location: str) -> bool:
    """Return whether a browser stays on the host of `base_url` when it follows `location`.

    Browsers drop tabs and line ends, read a backslash as a slash, and take what follows any number of slashes
    for a host (WHATWG URL standard). Behind a proxy that ends TLS, a deployment may redirect to itself with
    either scheme.
    """
    told = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    told = re.sub(r"^(?:(https?:)/*|//+)", lambda found: f"{found[1] or ''}//", told, flags=re.IGNORECASE)
    try:
        target, here = urlsplit(urljoin(f"{base_url}/", told)), urlsplit(base_url)
        same_port = _port(target) == _port(here) or {_port(target), _port(here)} == {80, 443}
    except ValueError:
        return False
    return target.scheme in ("http", "https") and target.hostname == here.hostname and same_port


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
