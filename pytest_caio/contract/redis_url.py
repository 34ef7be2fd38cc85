"""What a Redis URL may be, where it leads, and the password in it; messages quote its host alone."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

__all__ = ["redis_password", "redis_place", "redis_url_fault", "seen_from"]

_SCHEMES = ("redis", "rediss", "unix")
_NO_URL = "is no Redis URL: use redis://, rediss:// or unix://"
# Characters that end the host's part of a URL, or that are brackets of an IPv6 address.
_UNENCODED = "/?#[]"
_DATABASE = re.compile(r"/?\d{0,9}/?", re.ASCII)
_NUMBER, _SWITCH = r"\d{1,9}(\.\d{1,9})?", "true|false|yes|no|1|0"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# The options that the client takes in a URL, and what their values look like.
_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "db": r"\d{1,9}",
        "username": r".*",
        "password": r".*",
        "client_name": r"[!-~]+",
        "protocol": "2|3",
        "encoding": r"(?i:utf-?8)",
        "ssl_cert_reqs": "none|optional|required",
        "ssl_check_hostname": _SWITCH,
        **dict.fromkeys(_FILES, r".+"),
        **dict.fromkeys(("socket_timeout", "socket_connect_timeout", "timeout"), _NUMBER),
        **dict.fromkeys(("max_connections", "health_check_interval"), r"\d{1,9}"),
        **dict.fromkeys(("decode_responses", "socket_keepalive", "retry_on_timeout"), _SWITCH),
    }
)
# Options that other clients take, or that this one takes elsewhere: they may be named, as no password is.
_FOREIGN = frozenset(
    """
    family ssl tls host port path retry retries max_retries pool_size ssl_ca_path ssl_ca_data ssl_password
    ssl_min_version ssl_ciphers ssl_validate_ocsp retry_on_error socket_type socket_read_size connection_class
    parser_class credential_provider encoding_errors sentinel master master_name sentinelMasterId database
    connectTimeout commandTimeout allowPublicKeyRetrieval addr network read_timeout write_timeout dial_timeout
    """.split()
)


def redis_url_fault(url: str) -> str:
    """Return why the Redis client would not use a URL as it is meant, or an empty string if it would.

    The text completes "REDIS_URL …", and quotes nothing that may be a credential.
    """
    text = url.strip()
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _SCHEMES:
        return _scheme_fault(scheme.lower() if separator else "")
    if not rest.isprintable() or " " in rest:
        return "has a blank, a line end or an invisible character in it"
    try:
        parts = urlsplit(text)
        fault, option_fault, authority = _fault_of_place(parts), _fault_of_options(parts), parts.netloc
    except ValueError:
        fault, option_fault, authority = "has a host that cannot be read", "", ""
    if "#" in rest:
        fault = fault or "has a # in it"
    marks = [c for c in _UNENCODED if c in rest[: rest.rfind("@") + 1] or c == "#" in rest]
    # Where the place makes sense, an @ after it belongs to an option; else the password is not encoded.
    if marks and (fault or (option_fault and "@" not in authority)):
        codes = ", ".join(f"{mark} as %{ord(mark):02X}" for mark in marks)
        return f"has {' and '.join(marks)} in its user or password: percent-encode it there ({codes})"
    return fault or option_fault


def _scheme_fault(scheme: str) -> str:
    if scheme in _SCHEMES:
        return f"begins with {scheme}:// in capitals: write it in lower case"
    if scheme in ("valkey", "valkeys"):
        return (
            f"begins with {scheme}://: write {scheme.replace('valkey', 'redis')}://, the protocol is the same"
        )
    if "sentinel" in scheme:
        return "is for Sentinel, which the dashboard does not use: write redis:// and the primary's address"
    if "cluster" in scheme:
        return "is for a cluster, which the dashboard does not use: write redis:// and one server's address"
    return _NO_URL


def _fault_of_place(parts: SplitResult) -> str:
    """Return what is wrong with host, port, database or path of a URL, or an empty string."""
    if parts.scheme == "unix":
        if not hasattr(socket, "AF_UNIX"):
            return "is a socket of this machine (unix://), which Windows does not have: use redis://"
        host = parts.netloc.rpartition("@")[2]
        # What stands before an @ in the path may be a password, and the path is shown.
        named = parts.path.strip("/") and "@" not in parts.path and not host
        return "" if named else "names no socket: write unix:///folder/redis.sock"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "has a port that is no number from 1 to 65535"
    if not parts.hostname and parts.netloc.rpartition("@")[2]:
        return "names no host"
    if re.search(r"[,\\]", parts.hostname or ""):
        return "has a host that cannot be read: write one server's address"
    if not _DATABASE.fullmatch(parts.path):
        return "names a database that is no number: end it with / and the number, usually /0"
    return ""


def _fault_of_options(parts: SplitResult) -> str:
    """Return what the client would not take of the options of a URL, or an empty string."""
    options = parse_qs(parts.query)
    if parts.query and not options:
        return "has something after its ? that is no option: options are written name=value"
    for name, (value, *_) in options.items():
        if name not in _OPTIONS:
            named = f"an option {name}" if name in _FOREIGN else "an option"
            tls = ": TLS is asked for by rediss:// instead" if name in ("ssl", "tls") else ""
            return f"has {named} that the client does not take{tls}"
        if name.startswith("ssl_") and parts.scheme != "rediss":
            return f"has an option {name}, which goes with rediss:// alone"
        wanted = _OPTIONS[name]
        if not re.fullmatch(wanted, value, re.ASCII | re.IGNORECASE * (wanted == _SWITCH)):
            words = wanted.replace("|1|0", "").split("|")
            instead = f": write {' or '.join(words)}" if len(words) > 1 else ""
            return f"has an option {name} with a value the client does not take{instead}"
        if name in _FILES and not _is_file(value):
            return f"has an option {name} that names no file on this machine"
    return ""


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def redis_place(url: str) -> str:
    """Return host:port/database of a Redis URL, without credentials; an empty string for any other text.

    Two URLs of the same database give the same result: the host is in lower case, and a missing port (6379)
    or database (0) is filled in. For a `unix` URL it is path/database.
    """
    if redis_url_fault(url):
        return ""
    parts = urlsplit(url.strip())
    asked = parse_qs(parts.query).get("db", [""])[0]
    if parts.scheme == "unix":
        return f"{parts.path}/{int(asked or 0)}"
    host = (parts.hostname or "localhost").rstrip(".")
    host = "127.0.0.1" if host == "localhost" else host
    return f"{host}:{parts.port or 6379}/{int(asked or parts.path.strip('/') or 0)}"


def redis_password(url: str) -> str:
    """Return the password that a client sends, percent-decoded, or an empty string if there is none.

    Of a URL that is not percent-encoded, it is the password that was meant: what is between the first colon
    and the last @.
    """
    text = url.strip()
    if redis_url_fault(text):
        found = re.search(r"://[^:@\s]*:(\S*)@", text)
        return unquote(found[1]) if found else ""
    parts = urlsplit(text)
    return unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[0]


def seen_from(host: str) -> str:
    """Return in words from where a Redis server was contacted, and what to do if that cannot work."""
    where = f"asked at {host} from the machine that runs the checks"
    if host.rstrip(".").endswith(".railway.internal"):
        where += (
            "; that is a name of Railway's private network, known inside it alone: give the checks the "
            "public URL of Redis (REDIS_PUBLIC_URL in Railway) as REDIS_URL"
        )
    return where
