"""URLs of the web as browsers read them (WHATWG URL standard), the only place that reads one."""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

__all__ = ["Url", "browser_url", "local_redirect", "web_url"]

_PORTS = {"http": 80, "https": 443}
_LONGEST = 8192  # characters of a redirect's target; more would only take long to read
_BLANKS = "".join(map(chr, range(33)))
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII)
_PLAIN = re.compile(r"https?://[^/?#\\\s][^\\\s]*", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_LAST_IS_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)$", re.ASCII)


class Url(NamedTuple):
    """The parts of an http or https URL: a canonical host, and the path without dot segments."""

    scheme: str
    host: str  # in lower case, in Punycode; an IPv6 address has no brackets here
    port: int
    path: str = "/"
    query: str = ""
    credentials: bool = False

    @property
    def authority(self) -> str:
        """The host and, unless it is the scheme's own, the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin as browsers send it: without the scheme's own port."""
        return f"{self.scheme}://{self.authority}"


def browser_url(text: str, base: Url | None = None) -> Url | None:
    r"""Return where a browser goes that follows `text` on the page `base`; None if not to http or https.

    Browsers drop tabs and line ends, read a backslash as a slash, any number of slashes after a scheme as
    two, and a URL of the page's own scheme without two slashes as a path.
    """
    text = re.sub(r"[\t\r\n]", "", text.strip(_BLANKS))
    text, _, _ = text.partition("#")
    named = _SCHEME.match(text)
    scheme = named[1].lower() if named else base.scheme if base else ""
    if scheme not in _PORTS:
        return None
    rest, mark, query = text[named.end() if named else 0 :].partition("?")
    rest = rest.replace("\\", "/")
    if base is None or scheme != base.scheme or rest.startswith("//"):
        authority, _, path = rest.lstrip("/").partition("/")
        return _with_authority(scheme, authority, f"/{path}", query)
    if not rest:
        return base._replace(query=query if mark else base.query, credentials=False)
    folder = "" if rest.startswith("/") else base.path.rpartition("/")[0] + "/"
    return base._replace(path=_without_dots(folder + rest), query=query, credentials=False)


@functools.lru_cache(maxsize=64)
def web_url(text: str) -> Url | None:
    """Return the parts of a URL in a configuration, or None if it is none.

    There everybody must read the same: what browsers alone make sense of, as `https:/host`, is no URL.
    """
    url = browser_url(text) if _PLAIN.fullmatch(text) else None
    return url if url and re.fullmatch(r"[a-z0-9._:-]+", url.host) else None


def local_redirect(url: str, location: str) -> Url | None:
    """Return where a browser goes that follows `location` from `url`, if it stays on the same host.

    Behind a proxy that ends TLS, a deployment may redirect to itself with either scheme, and a browser may
    come with either: with both it must stay. A dot after a host name does not make it another host.
    """
    here = browser_url(url)
    if here is None or len(location) > _LONGEST:
        return None
    led = {scheme: browser_url(location, here._replace(scheme=scheme)) for scheme in _PORTS}
    for target in led.values():
        if target is None or target.host.rstrip(".") != here.host.rstrip("."):
            return None
        if target.port != here.port and {target.port, here.port} != set(_PORTS.values()):
            return None
    return led[here.scheme]


def _with_authority(scheme: str, authority: str, path: str, query: str) -> Url | None:
    _, at, place = authority.rpartition("@")
    name, _, digits = place.rpartition(":") if re.search(r":[^\]]*$", place) else (place, "", "")
    host, port = _host(name), digits.lstrip("0") or "0"
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        return None
    number = int(port) if digits else _PORTS[scheme]
    return Url(scheme, host, number, _without_dots(path), query, bool(at))


def _host(name: str) -> str:
    """Return a host in its canonical form, or an empty string if it is none."""
    if name.startswith("["):
        try:
            return str(ipaddress.IPv6Address(name[1:-1])) if name.endswith("]") and "%" not in name else ""
        except ValueError:
            return ""
    try:
        host = unquote_to_bytes(name).decode("utf-8")
        # A name of ASCII letters needs no mapping, and may have signs that IDNA does not know, as `_`.
        if host.isascii() and not re.search(r"(?:^|\.)xn--", host, re.IGNORECASE):
            host = host.lower()
        else:
            import idna  # noqa: PLC0415 - few hosts need it

            host = idna.encode(host, uts46=True).decode("ascii")
        if _FORBIDDEN.search(host):
            return ""
        if _LAST_IS_NUMBER.search(host.removesuffix(".")):
            # 127.1, 0x7f.1 and 2130706433 are 127.0.0.1.
            return str(ipaddress.IPv4Address(socket.inet_aton(host.removesuffix("."))))
    except (UnicodeError, OSError, ValueError):
        return ""
    return host


def _without_dots(path: str) -> str:
    """Return a path without dot segments; an encoded dot counts as one."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        plain = re.sub("%2e", ".", segment, flags=re.IGNORECASE)
        if plain == "..":
            kept = kept[:-1]
        if plain not in (".", ".."):
            kept.append(segment)
        elif number == len(segments):
            kept.append("")
    return "/" + "/".join(kept)
