"""What a response shows that its caller may not see: secrets, insides of the server, addresses of people."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote, unquote

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.contract.signing import inngest_signature, webhook_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.urls import web_url
from pytest_caio.outcomes import Mismatch
from pytest_caio.probing.exchange import Exchange
from pytest_caio.probing.unpacking import UNREADABLE

__all__ = ["find_leaks", "leaking", "signatures_in", "tokens_in"]

_CONNECTION_STRING = re.compile(
    r"\b(?:rediss?|postgres(?:ql)?|mysql|mariadb|mssql|oracle|mongodb|amqps?)(?:\+\w{1,20})?://\S+"
    r"|://[^/\s:@\"'<>]*:[^/\s@\"'<>]+@",
    re.I,
)
# Of Python; of JavaScript, with line and column; of Java.
_STACK_TRACE = re.compile(
    r"Traceback \(most recent call last\)|File \\?\"[^\"]+\", line \d+"
    r"|^[ \t]+at (?:[^\n()]{1,200} \()?[^\s()]+(?:\.[cm]?[jt]sx?|/\w+):\d+:\d+"
    r"|^[ \t]+at [\w.$<>]+\(\w+\.(?:java|kt|scala):\d+\)",
    re.M,
)
# Tokens of a known form, which no env file needs to name: of Inngest, other services, JSON Web Tokens.
# Words of a page's style sheet begin with sk- too, but lack a capital or a digit.
_TOKEN = re.compile(
    r"\bsignkey-[a-z]+-[0-9a-f]{16,}|\bsk-(?:\w{1,8}-){0,4}[A-Za-z0-9]{20,}"
    r"|\bsk-(?:proj|svcacct|admin|None|ant-[a-z]{2,8}\d\d)-(?=[\w-]{0,40}?[A-Z])(?=[\w-]{0,40}?\d)[\w-]{20,}"
    r"|\b(?:pit|sk-lf)-[0-9a-f]{8}-[0-9a-f-]{20,}"
    r"|\b(?:gh[oprsu]_|github_pat_)\w{20,}|\bglpat-[\w-]{20,}|\bxox[abeoprs]-[\w-]{20,}|\bxapp-[\w-]{20,}"
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\bA(?:KI|SI)A[A-Z0-9]{16}\b|\bAIza[\w-]{35}"
    r"|-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----[^-]{16,}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
)
_PERSON, _PACKED_DATA = "the e-mail address of a person", "packed data that nobody can judge"
_WAYS = {_PERSON: "person", _PACKED_DATA: "packed"}
_Found = TypeVar("_Found")
# Data that no browser unpacks, since no header says that it is packed: gzip, zstd, xz, bzip2, zip.
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh", b"PK\x03\x04")
# What may be a SHA-256 digest: 64 hex digits, or 43 characters of base64.
_DIGEST = re.compile(r"[\w+/-]{43}")
# A time that Inngest may have signed, in seconds or milliseconds, as it stands in headers, URLs, HTML, JSON.
_TIME = re.compile(r"\bt\W{1,6}(\d{9,13})\b", re.I)
_MOST_TIMES = 20
# A run of backslashes is one match, and not tried again in part: a body may consist of nothing else.
_ESCAPED = re.compile(r"(?<!\\)\\++(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([/\"'nrt]))", re.I)
# A number that html.unescape cannot convert: Python converts 4300 digits.
_ENDLESS = re.compile(r"&#[0-9]{1000,}")
_LENIENT = json.JSONDecoder(strict=False, parse_int=str)
_BLANKS = re.compile(r"\s*")
_SHORT_TEXT = 4096  # characters of a text of which is remembered what was found
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_ADDRESS = re.compile(r"[\w.%+'-]+@((?:[\w-]+\.)+[^\W\d_]{2,})")
# The user of a URL, who is no addressee: `://user@host`.
_USERINFO = re.compile(r"://[^\s/?#@\"'<>]*@")
# A host that ends so is a file: `logo@2x.png`.
_FILE = re.compile(
    r"\.(?:avif|bmp|css|gif|heic|ico|jpe?g|js|json|mjs|pdf|png|svg|tgz|tiff?|ttf|webp|woff)$", re.I
)
# Names that belong to nobody (RFC 2606, RFC 6761).
_NOBODYS = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.I)


def find_leaks(
    exchange: Exchange, environment: Environment, secrets_in: Callable[[str], list[str]]
) -> list[str]:
    """Return what a response shows that its caller may not see, in words; empty if there is nothing.

    The responses that were followed by a retry are read too. `secrets_in` returns the names of the secrets in
    a text. What the request itself carried is no news.
    """
    answers = (*exchange.earlier, exchange)
    return list(dict.fromkeys(leak for one in answers for leak in _leaks(one, environment, secrets_in)))


def leaking(exchange: Exchange, leaks: Sequence[str]) -> Mismatch:
    """Return what is raised for a response that shows these, of which an action names the first.

    What no setting can mend has a way to fail of its own, where nothing else is shown.
    """
    shown = f"the answer shows {', '.join(leaks)}; {exchange.summary}"
    first = f"{leaks[0]}{' and more' if leaks[1:] else ''}"
    way = "" if leaks[1:] else _WAYS.get(leaks[0], "")
    return exchange.mismatch("nothing in it that its caller may not see", shown, way, leaks=first)


def _leaks(
    exchange: Exchange, environment: Environment, secrets_in: Callable[[str], list[str]]
) -> Iterator[str]:
    text = _without_sent(exchange, _text(exchange))
    named = secrets_in(text)
    # Almost the token is in the token.
    yield from (f"the value of {name}" for name in named if name.partition(", ")[0] not in {*named} - {name})
    if any(_signatures(exchange, environment, text)):
        yield "a right signature of what was sent"
    # A cookie that holds a token is the session of the caller who is sent it.
    if not named and _tokens(text) and _tokens(_text(exchange, cookies=False)):
        yield "a token"
    yield from _insides(text)
    if not exchange.request.entitled and _persons_in(exchange, environment):
        yield _PERSON
    if exchange.error == UNREADABLE or exchange.body.startswith(_PACKED):
        yield _PACKED_DATA


def _text(exchange: Exchange, *, cookies: bool = True) -> str:
    """Return all the text of a response: as it is, and as a browser or a program would decode it."""
    headers = [f"{n}: {value}" for n, value in exchange.headers if cookies or n.lower() != "set-cookie"]
    # Form feeds: each line break would be searched for a secret that it interrupts.
    text = "\f".join([exchange.text, exchange.reason, *headers])
    return _also_decoded(text)


def _short_remembered(function: Callable[[str], _Found]) -> Callable[[str], _Found]:
    """Remember what `function` returned for short texts.

    Most responses of a run are short, and the same as others that came within the same second.
    """
    remembered = lru_cache(maxsize=256)(function)
    return lambda text: remembered(text) if len(text) < _SHORT_TEXT else function(text)


@_short_remembered
def _also_decoded(text: str) -> str:
    decoded = unquote(html.unescape(_ENDLESS.sub("", _ESCAPED.sub(_character, text))))
    return text if decoded == text else f"{text}\n{decoded}"


@_short_remembered
def _may_have_digest(text: str) -> bool:
    return bool(_DIGEST.search(text))


@_short_remembered
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(found[0] for found in _TOKEN.finditer(text))


@_short_remembered
def _insides(text: str) -> tuple[str, ...]:
    """Return what a text shows of the server's insides, in words."""
    shown = ((_CONNECTION_STRING, "a connection string"), (_STACK_TRACE, "a stack trace"))
    return tuple(what for pattern, what in shown if pattern.search(text))


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else _SHORT.get(escape[3], escape[3])


def _without_sent(exchange: Exchange, text: str) -> str:
    """Return `text` without the secrets that the request carried."""
    for _, value in exchange.request.secrets:
        for sent in {value, quote(value, safe="")} - {""}:
            text = text.replace(sent, "")
    return text


def signatures_in(exchange: Exchange, environment: Environment) -> list[str]:
    """Return every signature in a response that a right secret made of what was sent, or of the response."""
    return list(dict.fromkeys(_signatures(exchange, environment, _text(exchange))))


def tokens_in(exchange: Exchange) -> list[str]:
    """Return every token of a known form in a response, whosever it is."""
    return list(dict.fromkeys(_tokens(_text(exchange))))


def _signatures(exchange: Exchange, environment: Environment, text: str) -> Iterator[str]:
    if not _may_have_digest(text):
        return
    lowered = text.lower()
    key = environment.value("INNGEST_SIGNING_KEY")
    secrets = [environment.value(provider.secret_key) for provider in PROVIDERS.values()]
    times = dict.fromkeys(_TIME.findall(text)) if key else {}
    for body in dict.fromkeys((exchange.request.body, exchange.body)):
        made = [webhook_signature(secret, body) for secret in secrets if secret]
        made += [
            inngest_signature(key, body, int(time)).rpartition("=")[2] for time in list(times)[:_MOST_TIMES]
        ]
        for digest in made:
            if digest in lowered:
                yield from re.findall(digest, text, re.I)
            standard = base64.b64encode(bytes.fromhex(digest)).decode().rstrip("=")
            yield from (code for code in (standard, _url_safe(standard)) if code in text)


def _url_safe(code: str) -> str:
    return code.replace("+", "-").replace("/", "_")


def _persons_in(exchange: Exchange, environment: Environment) -> bool:
    """Return whether the body is JSON with an address that is neither the deployment's own nor an example."""
    if (b"@" not in exchange.body and b"\\" not in exchange.body) or not _is_json(exchange.text):
        return False
    # The text, and not what it decodes to: of a field that is there twice, a reader keeps one value.
    text = _USERINFO.sub("://", _ESCAPED.sub(_character, exchange.text))
    own = {environment.host, *(url.host for url in map(web_url, environment.usable_origins) if url)}
    return any(
        not (_NOBODYS.search(host) or _FILE.search(host) or any(_related(host.lower(), one) for one in own))
        for host in _ADDRESS.findall(text)
    )


def _is_json(text: str) -> bool:
    """Return whether a text is one JSON value or several, as lenient readers take it.

    Those pass over a byte order mark, and take NaN, numbers of any length, and characters of control.
    """
    place, text = 0, text.lstrip("\ufeff")
    while (blanks := _BLANKS.match(text, place)) and blanks.end() < len(text):
        try:
            _, place = _LENIENT.raw_decode(text, blanks.end())
        except (ValueError, RecursionError):
            return False
    return True


def _related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
