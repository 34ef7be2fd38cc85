"""Texts in responses that try to run, forge or control something where they are shown."""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

from tests.support.bad_servers import Handle, http, relaying, requests

__all__ = ["ALL", "EVALUATED", "FORGED", "MARKUP", "NOWHERE", "STEERING", "SUM", "lying", "rude"]

NOWHERE = "http://127.0.0.1:9"
# What a template engine would make of SUM has too many digits to occur in a time or a port by chance.
SUM = "70001*90001"
EVALUATED = 70001 * 90001
# Each has a visible effect: it sets `pwned`, sends a request to NOWHERE, opens a dialog, or navigates.
MARKUP = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2;alert(2)</script>",
    "<svg onload='window.pwned = 3'><script>window.pwned = 3</script></svg>",
    f"<img src={NOWHERE}/i onerror='window.pwned = 4'>",
    "<a class=trap href='javascript:window.pwned = 5'>go</a>",
    "<a class=trap href='data:text/html,<script>alert(6)</script>'>go</a>",
    f"<a class=trap href='{NOWHERE}/a'>go</a>",
    f"<base href='{NOWHERE}/'>",
    f"<meta http-equiv='refresh' content='0;url={NOWHERE}/m'>",
    "<iframe srcdoc='<script>parent.pwned = 7</script>'></iframe>",
    f"<iframe src='{NOWHERE}/f'></iframe><object data='{NOWHERE}/o'></object><embed src='{NOWHERE}/e'>",
    "' autofocus onfocus='window.pwned = 8' x='",
    '" autofocus onfocus="window.pwned = 9" x="',
    "\"}]}'></div></td></tr></table></template><script>window.pwned = 10</script>",
    "--><script>window.pwned = 11</script>",
    f"{{{{ {SUM} }}}} ${{{SUM}}} {{% for a in b %}} <%= {SUM} %> #{{{SUM}}}",
    f"<style>*{{display:none}} body{{background:url({NOWHERE}/s)}}</style>"
    f"<link rel=stylesheet href={NOWHERE}/l>",
    f"<details open ontoggle='window.pwned = 12'><form action='{NOWHERE}/x'>"
    "<button class=trap>go</button></form>",
    "&lt;script&gt;window.pwned = 13&lt;/script&gt; &#60;img src=x onerror=window.pwned=13&#62;",
    "javascript:window.pwned=14",
    "data:text/html,<script>alert(15)</script>",
    "<h1>GO</h1><div class='caio-verdict caio-GO'>GO</div>",
)
STEERING = (
    "\x1b[2J\x1b[1;1HGO",
    "\x1b[1A\x1b[2KGO\x1b[8m",
    "\x1b]0;CAIO acceptance: GO\x07",
    f"\x1b]8;;{NOWHERE}/osc\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1bP+q544e\x1b\\\x1b_G\x1b\\",
    "\x9b2J\x9d0;GO\x9c\x85GO",
    "NO-\rGO     ",
    "NO-GO\x08\x08\x08\x08\x08\x7f\x7f",
    "a\0b\x0b\x0cc\x0e\x0f",
    "\u202eOG\u202c \u2066x\u2069 \u202a\u202b\u202d \u2067\u2068",
    "\u200eL\u200fR\u061cA",
    "G\u200bO\u200c\u200d\u2060\ufeff\u00ad\u180e",
    "one\u2028GO\u2029GO\x1cGO\x1dGO\x1eGO",
    "\U000e0047\U000e004f\ufff9\ufffb",
)
FORGED = (
    "x\nGO\n",
    "x\r\nverdict: GO\r\n",
    "x\n====== CAIO acceptance: GO ======\nproduction: GO\nGO\n",
    "x\nassert 1\nGO",
    "</pre>\nCAIO acceptance of production: GO\n",
    "x\nobserved: 401\nGO\n",
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1+1)",
)
ALL = (*MARKUP, *STEERING, *FORGED)
# Values that the checks need in order to go on to the other fields.
_KEPT = re.compile(r"\d{4}-\d\d-\d\dT.*|sent|rejected|ghl|pending|production|cloud|ready|healthy|tier_1")
_FIELD = re.compile(rb"[\r\n\0]")


def _header(text: str) -> bytes:
    """Return a text as bytes for a header value; a server must not break its line."""
    return _FIELD.sub(b" ", text.encode("utf-8" if any(c > "\xff" for c in text) else "latin-1"))


def _headers(turn: Iterator[str]) -> bytes:
    lines = [b"X-Answer: " + _header(next(turn)) for _ in range(3)]
    # A long value would be taken for a session cookie, and redacted everywhere.
    name = next(text for text in turn if "=" not in text)
    lines.append(b"Set-Cookie: " + _header(name) + b"=\xc2\x9b2J; Path=/")
    return b"\r\n".join(lines) + b"\r\n"


def rude() -> Handle:
    """Respond to everything with all of these texts, in body and headers and as a redirect's target."""
    turn = itertools.cycle(ALL)
    body = "\n".join(ALL).encode()
    statuses, kinds = (
        itertools.cycle((200, 302, 500, 200)),
        itertools.cycle(("application/json", "text/plain")),
    )

    def handle(connection: socket.socket) -> None:
        for method, _, _ in requests(connection):
            begun = next(turn).encode() + body
            more = _headers(turn) + b"Location: " + _header(next(turn)) + b"\r\n"
            head, _, rest = http(next(statuses), begun, f"Content-Type: {next(kinds)}").partition(b"\r\n\r\n")
            connection.sendall(head + b"\r\n" + more + b"\r\n" + (b"" if method == "HEAD" else rest))

    return handle


def lying(address: tuple[str, int]) -> Handle:
    """Respond as the deployment at `address` does, with these texts in place of its own."""
    turn = itertools.cycle(ALL)

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()} | {next(turn): next(turn)}
        if isinstance(value, list):
            return [changed(item) for item in value]
        return next(turn) if isinstance(value, str) and not _KEPT.fullmatch(value) else value

    def tell(_: str, answer: bytes) -> bytes:
        head, _, body = answer.partition(b"\r\n\r\n")
        if b"application/json" in head and body:
            body = json.dumps(changed(json.loads(body)), ensure_ascii=False).encode()
            head = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head)
        head = re.sub(rb"(?i)(\r\nlocation: )[^\r]*", lambda found: found[1] + _header(next(turn)), head)
        return head + b"\r\n" + _headers(turn) + b"\r\n" + body

    return relaying(address, tell=tell)
