"""The curl commands that repeat a recorded request, for a POSIX shell and for PowerShell."""

from __future__ import annotations

import re
import shlex

from pytest_caio.verdict.record import ExchangeRecord

__all__ = ["curl", "curl_in_powershell", "to_fill_in"]

_PLACEHOLDER = re.compile(r"\[(?![\da-fA-F:.]+\])[^\[\]]+\]")  # but no address of IPv6
_PLAIN = re.compile(r"[\w:/-]+")  # a word that PowerShell needs no quotes for
_QUOTES = re.compile("['\u2018-\u201b]")  # PowerShell takes each of them for a single quote
_BY_CURL = frozenset(("host", "content-length", "connection", "accept-encoding"))


def curl(exchange: ExchangeRecord) -> str:
    """Return the curl command for a POSIX shell that repeats a request, with credentials by name.

    Return "" where none can: of a websocket, of a text that cannot be shown as it was sent, or of a body that
    is not kept, has several lines, or begins with @, which curl takes for a file.
    """
    words = _curl(exchange)
    body = exchange.request_body
    return shlex.join([*words, *(["--data-binary", body] if body else [])]) if words else ""


def curl_in_powershell(exchange: ExchangeRecord) -> str:
    """Return the same command for PowerShell, or "".

    The PowerShell of Windows loses the double quotes of an argument: the body comes from a file, and a header
    or URL with one gets no command.
    """
    words = [_in_powershell(word) for word in _curl(exchange)[1:]]
    if not words or '"' in "".join(words):
        return ""
    if not exchange.request_body:
        return " ".join(["curl.exe", *words])
    body = _in_powershell(exchange.request_body)
    send = " ".join(["curl.exe", *words, "--data-binary", "'@body.txt'"])
    return f'[IO.File]::WriteAllText("$PWD/body.txt", {body}); {send}'


def to_fill_in(exchange: ExchangeRecord) -> list[str]:
    """Return the names of credentials in brackets, in place of which a command needs their values."""
    texts = [exchange.url, *(value for _, value in exchange.request_headers)]
    return sorted({name for text in texts for name in _PLACEHOLDER.findall(text)})


def _in_powershell(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else "'" + _QUOTES.sub(r"\g<0>\g<0>", word) + "'"


def _curl(exchange: ExchangeRecord) -> list[str]:
    """Return the words of a curl command without the request's body; none where curl cannot repeat it."""
    names = {name.lower() for name, _ in exchange.request_headers}
    body = exchange.request_body
    if exchange.method == "WEBSOCKET" or "upgrade" in names:
        return []
    if body is None or body.startswith("@") or not body.isprintable():
        return []
    usual = {"GET": [], "HEAD": ["--head"]} if not body else {}
    # A header without a value would not be sent; a semicolon makes curl send it.
    headers = [
        f"{name}: {value}" if value else f"{name};"
        for name, value in exchange.request_headers
        if name.lower() not in _BY_CURL
    ]
    if body and "content-type" not in names:
        headers.append("Content-Type:")  # curl would name one of its own
    # Brackets in a URL would be read as a range of URLs (curl's globbing).
    words = ["curl", "--path-as-is", "--globoff", "--include"]
    words += [*usual.get(exchange.method, ["--request", exchange.method]), exchange.url]
    words += [word for header in headers for word in ("--header", header)]
    return words if "".join(words).isprintable() else []
