"""What a response shows that its caller may not see: secrets, insides of the server, addresses of people."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from pytest_caio.contract.signing import inngest_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.urls import web_url
from pytest_caio.probing.exchange import Exchange

__all__ = ["find_leaks"]

_CONNECTION_STRING = re.compile(
    r"\b(rediss?|postgres(ql)?|mysql|mongodb(\+srv)?|amqps?)://\S+|://[^/\s:@\"'<>]*:[^/\s@\"'<>]+@", re.I
)
_STACK_TRACE = re.compile(
    r"Traceback \(most recent call last\)|File \\?\"[^\"]+\", line \d+|^[ \t]+at \S+ \(\S+:\d+:\d+\)", re.M
)
# Tokens of a known form, which no env file needs to name: of Inngest, other services, JSON Web Tokens.
_TOKEN = re.compile(
    r"\bsignkey-[a-z]+-[0-9a-f]{16,}|\bsk-(?:\w{1,8}-)*[A-Za-z0-9]{20,}|\bpit-[0-9a-f]{8}-[0-9a-f-]{20,}"
    r"|\bghp_[A-Za-z0-9]{20,}|\bxox[abp]-[\w-]{20,}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
)
# A signature of Inngest's, also as it stands in HTML and in a URL.
_INNGEST_SIGNATURE = re.compile(r"\bt=(\d{9,11})(?:&|&amp;|%26)s(?:=|%3D)([0-9a-f]{64})", re.I)
_ADDRESS = re.compile(r"[\w.%+'-]+@((?:[\w-]+\.)+[^\W\d_]{2,})")
# Names that belong to nobody (RFC 2606, RFC 6761).
_NOBODYS = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.I)


def find_leaks(
    exchange: Exchange, environment: Environment, secrets_in: Callable[[str], list[str]]
) -> list[str]:
    """Return what a response shows that its caller may not see, in words; empty if there is nothing.

    `secrets_in` returns the names of the secrets in a text. What the request itself carried is no news.
    """
    text = "\n".join([exchange.text, *(f"{name}: {value}" for name, value in exchange.headers)])
    for _, value in exchange.request.secrets:
        for sent in {value, quote(value, safe="")} - {""}:
            text = text.replace(sent, "")
    found = [f"the value of {name}" for name in secrets_in(text)]
    found += ["a right signature of what was sent"] if _signs(exchange, environment, text) else []
    found += ["a token"] if _TOKEN.search(text) and not found else []
    found += ["a connection string"] if _CONNECTION_STRING.search(text) else []
    found += ["a stack trace"] if _STACK_TRACE.search(text) else []
    found += ["the e-mail address of a person"] if _persons_in(exchange, environment) else []
    return found


def _signs(exchange: Exchange, environment: Environment, text: str) -> bool:
    """Return whether a text has Inngest's right signature of the request; the redactor knows the others."""
    key, body = environment.value("INNGEST_SIGNING_KEY"), exchange.request.body
    return bool(key) and any(
        inngest_signature(key, body, int(time)) == f"t={time}&s={digest.lower()}"
        for time, digest in _INNGEST_SIGNATURE.findall(text)
    )


def _persons_in(exchange: Exchange, environment: Environment) -> bool:
    """Return whether the body is JSON with an address that is neither the deployment's own nor an example."""
    if b"@" not in exchange.body and b"\\" not in exchange.body:
        return False
    try:
        text = msgspec.json.encode(msgspec.json.decode(exchange.body)).decode()  # without \u escapes
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    own = {environment.host, *(url.host for url in map(web_url, environment.usable_origins) if url)}
    return any(
        not (_NOBODYS.search(host) or any(_related(host.lower(), one) for one in own))
        for host in _ADDRESS.findall(text)
    )


def _related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
