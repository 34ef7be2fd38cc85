"""A deployment that sends back all that it receives, in every encoding it knows."""

from __future__ import annotations

import base64
import html
import json
import secrets
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

__all__ = ["ENCODINGS", "echoing"]

ENCODINGS = {
    "plain": lambda text: text,
    "URL": lambda text: quote(text, safe=""),
    "url": lambda text: quote(text, safe="/:").replace("%3A", "%3a"),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, one on": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64, two on": lambda text: base64.b64encode(b"xy" + text.encode()).decode().rstrip("="),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "JSON": json.dumps,
    "JSON twice": lambda text: json.dumps(json.dumps(text)),
    "HTML": html.escape,
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "wrapped": lambda text: "\n    ".join(textwrap.wrap(text, 13)),
    "cut": lambda text: text[: 2 * len(text) // 3] + "…",
    "in the middle": lambda text: f"<<{text}>>",
}


class _Echo(BaseHTTPRequestHandler):
    """Responds with its request, in the body, a header and a cookie."""

    protocol_version = "HTTP/1.1"
    cookies: list[str]

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        told = [self.path, sent, *(f"{name}: {value}" for name, value in self.headers.items())]
        told = [text[:200] for text in dict.fromkeys([*told[-3:], *told]) if len(text) > 12]
        chosen = secrets.SystemRandom().sample(sorted(ENCODINGS), 5)  # an excerpt would not show more
        body = {name: [ENCODINGS[name](text) for text in told] for name in chosen}
        first = json.dumps({"authorized": True, "echo": body}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        for name in ("X-Dashboard-Token", "Authorization", "Cookie"):
            if value := self.headers.get(name):
                self.send_header(f"X-Echo-{name}", value)
                self.send_header(f"X-Echo-Coded-{name}", base64.b64encode(value.encode("latin-1")).decode())
        cookie = secrets.token_urlsafe(24)
        self.cookies.append(cookie)
        self.send_header("Set-Cookie", f"session_id={cookie}; Path=/; HttpOnly")
        self.send_header("X-Session", cookie)
        self.send_header("Content-Length", str(len(first)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(first)

    def handle(self) -> None:
        """Serve a connection until the client closes or drops it."""
        with suppress(ConnectionError):
            super().handle()

    def __getattr__(self, name: str) -> object:
        """Handle every method in the same way."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Do not log."""


@contextmanager
def echoing() -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback; give the base URL and the list of the cookies that were set."""
    handler = type("Echo", (_Echo,), {"cookies": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.cookies  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
