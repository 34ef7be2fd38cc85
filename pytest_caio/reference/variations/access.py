"""Variations of access: what a proxy refuses first, what is found at odd paths, how providers come in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from pytest_caio.contract.providers import BEARER_KEYS
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, variation
from pytest_caio.reference.faults.verbs import assign, publish, rewrite, set_variable

__all__ = ["ACCESS"]

_REFUSALS = (400, 403, 404, 405, 406, 410, 414, 421, 431, 451)
_OTHER_METHODS = ("HEAD", "PUT", "PATCH", "DELETE")
_ODD = ("//", ";", "%", "/./", "/../")


def _odd_spelling(asked: Incoming) -> bool:
    path = asked.raw_path
    return "operator" in path.lower() and any(mark in path for mark in _ODD)


def _suspicious(asked: Incoming) -> bool:
    """Return whether a firewall would refuse a path or a method before the dashboard does."""
    path = asked.raw_path
    words = re.search("/(health|login|webhooks|inngest)/?.", f"{path}?{asked.query}/")
    public = path.startswith(("/api/health", "/webhooks/")) and "operator" not in path
    guarded = path.lower().startswith("/api/") and not public
    doubtful = words or path != path.lower() or path.endswith("/") or asked.method in _OTHER_METHODS
    return _odd_spelling(asked) or bool(guarded and doubtful)


def _firewall(asked: Incoming, reply: Reply) -> None:
    """Refuse what is suspicious with one status code or another, and a page."""
    if _suspicious(asked):
        reply.status, reply.body = _REFUSALS[len(asked.raw_path) % len(_REFUSALS)], b"<h1>Blocked</h1>"
        reply.headers["content-type"] = "text/html"
        del reply.headers["location"]


def _cleaned(asked: Incoming, reply: Reply) -> None:
    """Redirect to the path without doubled or encoded slashes and dot segments."""
    slashed = re.sub("%2f", "/", asked.raw_path, flags=re.IGNORECASE)
    clean = posixpath.normpath(re.sub("/+", "/", slashed))
    clean += "/" if slashed.endswith("/") and clean != "/" else ""
    if clean != asked.raw_path:
        reply.status, reply.body = 301 if slashed == asked.raw_path else 307, b""
        reply.headers["location"] = clean


def _forged(asked: Incoming) -> bool:
    return any(name in asked.headers for name in ("x-forwarded-host", "x-original-url", "x-rewrite-url"))


def _project_file(asked: Incoming) -> bool:
    return asked.path.startswith(("/.", "/static/", "/config/")) and "/api/" not in asked.path


def _few_connections(deployment: Deployment) -> None:
    deployment.most_connections = 20


def _answer(where: Callable[[Incoming], bool], status: int, body: bytes, kind: str = "text/html") -> Apply:
    """Answer the requests that `where` selects without asking the dashboard."""

    def change(asked: Incoming, reply: Reply) -> None:
        if where(asked):
            reply.status, reply.body = status, body
            reply.headers["content-type"] = kind
            del reply.headers["location"]

    return rewrite(None, change)


# fmt: off
ACCESS = Faults([
    variation("spellings-forbidden", "A firewall forbids odd spellings of a path.",
              _answer(_odd_spelling, 403, b"<h1>Forbidden</h1>")),
    variation("spellings-not-found", "Odd spellings of a path are not found.",
              _answer(_odd_spelling, 404, b'{"detail": "Not Found"}', "application/json")),
    variation("firewall", "A firewall refuses odd spellings and methods, each with another status code.",
              rewrite(None, _firewall, last=True)),
    variation("paths-cleaned", "An edge sends odd spellings of a path on to the usual one.",
              rewrite(None, _cleaned)),
    variation("headers-misdirected", "A proxy does not know a host or an address that a header claims.",
              _answer(_forged, 421, b"<h1>Misdirected Request</h1>")),
    variation("plain-forbidden", "A firewall forbids posts to webhooks that are said to be plain text.",
              _answer(lambda asked: asked.headers.get("content-type") == "text/plain", 403,
                      b"<h1>Forbidden</h1>")),
    variation("pages-for-everything", "Whatever is not there is the start page, after a mark and a comment.",
              _answer(_project_file, 200,
                      b"\xef\xbb\xbf<!-- CAIO -->\n<!DOCTYPE html><html><title>CAIO</title></html>")),
    variation("files-not-found", "Files that are not there are not found.",
              _answer(_project_file, 404, b'{"detail": "Not Found"}', "application/json")),
    variation("websocket-closes", "The websocket is accepted, then closed at once with a code.",
              assign(websocket_refuses_later=True)),
    variation("few-connections", "It takes fewer than 20 connections at once, and refuses others in a text.",
              _few_connections),
    variation("providers-sign", "Every webhook provider signs, and there is no bearer.",
              *(change(key, None) for key in BEARER_KEYS for change in (set_variable, publish))),
])
# fmt: on
