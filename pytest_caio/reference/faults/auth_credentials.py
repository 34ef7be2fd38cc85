"""Faults of credentials: what is wrongly accepted as the token or a session, and what crashes the server."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import (
    accept_token,
    admit,
    crash,
    report,
    rewrite,
    set_variable,
    using,
)

__all__ = ["CREDENTIALS"]


def _token_as(given: Callable[[Incoming], str | None], scheme: str = "") -> Apply:
    """Accept the token also where `given` finds it, after a scheme."""
    return using(lambda d: admit(lambda asked: given(asked) == scheme + d.settings["DASHBOARD_AUTH_TOKEN"]))


def _authorization(asked: Incoming) -> str:
    return asked.headers.get("authorization", "")


def _password(asked: Incoming) -> str | None:
    """Return the password of HTTP's basic scheme (RFC 7617), or None if there is none."""
    scheme, _, code = _authorization(asked).partition(" ")
    try:
        return base64.b64decode(code, validate=True).decode().partition(":")[2] if scheme == "Basic" else None
    except ValueError:
        return None


def _in_header(asked: Incoming) -> str:
    return asked.headers.get("x-dashboard-token", "")


def _in_query(asked: Incoming) -> str | None:
    """Return the token in the query, or None if there is none."""
    return parse_qs(asked.query, keep_blank_values=True).get("token", [None])[0]


def _webhook_bearers(deployment: Deployment) -> set[str]:
    return {deployment.settings[key] for key in ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN")}


def _put_off(asked: Incoming, reply: Reply) -> None:
    """Ask for patience, as a proxy does, where the token has a control character in it."""
    if "\x01" in _in_header(asked):
        reply.status, reply.body = 429, b"<h1>Too many requests</h1>"
        reply.headers["content-type"] = "text/html"


# fmt: off
CREDENTIALS = Faults([
    fault("any-token", "Any token at all opens the dashboard, as long as one is sent.", "AUTH-07",
          accept_token(lambda given, _: bool(given)), then="AUTH-12 AUTH-15 AUTH-17", place="auth guard"),
    fault("empty-token", "An empty token opens the dashboard.", "AUTH-07",
          accept_token(lambda given, _: not given.strip()), place="auth guard"),
    fault("query-empty", "An empty token in the address opens the dashboard.", "AUTH-07",
          admit(lambda asked: _in_query(asked) == ""), place="auth guard"),
    fault("query-blank", "Blanks in the address, in a token's place, open the dashboard.", "AUTH-07",
          admit(lambda asked: (_in_query(asked) or "").isspace()), place="auth guard"),
    fault("token-any-case", "The token is compared without regard to upper and lower case.", "AUTH-07",
          accept_token(lambda given, token: given.lower() == token.lower()), place="auth guard"),
    fault("token-prefix", "The first half of the token is enough.", "AUTH-07",
          accept_token(lambda given, token: len(given) >= 8 and token.startswith(given)), place="auth guard"),
    fault("token-and-more", "Anything that begins with the token opens the dashboard.", "AUTH-07",
          accept_token(lambda given, token: given.startswith(token)), place="auth guard"),
    fault("token-last-character", "The last character of the token is not looked at.", "AUTH-07",
          accept_token(lambda given, token: len(given) == len(token) and given[:-1] == token[:-1]),
          place="auth guard"),
    fault("token-first-character", "The first character of the token is not looked at.", "AUTH-07",
          accept_token(lambda given, token: len(given) == len(token) and given[1:] == token[1:]),
          place="auth guard"),
    fault("token-as-bearer", "The token is also taken as an Authorization bearer.", "AUTH-08",
          _token_as(_authorization, "Bearer "), place="auth guard"),
    fault("token-as-cookie", "The token is also taken from a cookie.", "AUTH-08",
          _token_as(lambda asked: asked.cookies.get("token")), place="auth guard"),
    fault("token-as-session", "The token is also taken for a session.", "AUTH-08",
          _token_as(lambda asked: asked.cookies.get(SESSION_COOKIE)), place="auth guard"),
    fault("token-as-password", "The token is also taken as a password (Basic).", "AUTH-08",
          _token_as(_authorization, "Basic "), place="auth guard"),
    fault("token-as-login", "The token is also taken as the password that a browser asks for.", "AUTH-08",
          _token_as(_password), place="auth guard"),
    fault("token-without-scheme", "The token is also taken from Authorization, by itself.", "AUTH-08",
          _token_as(_authorization), place="auth guard"),
    fault("token-as-key", "The token is also taken from a header for keys of an API.", "AUTH-08",
          _token_as(lambda asked: asked.headers.get("x-api-key")), place="auth guard"),
    fault("token-as-named-cookie", "The token is also taken from a cookie that is named like its header.",
          "AUTH-08", _token_as(lambda asked: asked.cookies.get("X-Dashboard-Token")), place="auth guard"),
    fault("any-session", "Any session cookie is believed, whoever made it.", "AUTH-08",
          admit(lambda asked: bool(asked.cookies.get(SESSION_COOKIE))), then="AUTH-12",
          place="SESSION_SECRET_KEY"),
    fault("bearer-as-token", "The bearers of the webhooks are taken for the token.", "AUTH-15",
          using(lambda d: accept_token(lambda given, _: given.decode("latin-1") in _webhook_bearers(d))),
          place="DASHBOARD_AUTH_TOKEN"),
    fault("bearer-opens-api", "The bearers of the webhooks open the dashboard's API too.", "AUTH-15",
          using(lambda d: admit(
              lambda asked: _authorization(asked).removeprefix("Bearer ") in _webhook_bearers(d))),
          place="DASHBOARD_AUTH_TOKEN"),
    fault("revoked-token", "A token that was revoked still opens the dashboard.", "AUTH-12",
          using(lambda d: accept_token(lambda given, _: given.decode("latin-1") in d.revoked)),
          place="DASHBOARD_AUTH_TOKEN"),
    fault("token-but-last", "The token is right without its last character too.", "AUTH-07",
          accept_token(lambda given, token: given == token[:-1]), place="auth guard"),
    fault("token-half", "Half of the token is taken for the whole.", "AUTH-07",
          accept_token(lambda given, token: given == token[: len(token) // 2]), place="auth guard"),
    fault("revoked-session", "A session from before the rotation still opens the dashboard.", "AUTH-12",
          using(lambda d: admit(lambda asked: asked.cookies.get(SESSION_COOKIE) == d.revoked_session)),
          place="SESSION_SECRET_KEY"),
    fault("query-token", "The token is accepted in the address, where every log keeps it.", "AUTH-04 RDY-08",
          set_variable("DASHBOARD_QUERY_TOKEN_ENABLED", "true"), place="DASHBOARD_QUERY_TOKEN_ENABLED"),
    fault("query-token-unsaid", "A token in the address is accepted though the deployment says it is not.",
          "AUTH-04", set_variable("DASHBOARD_QUERY_TOKEN_ENABLED", "true"),
          report("auth", query_token_enabled=False), place="auth guard"),
    fault("odd-bearer-500", "A bearer with an accent or an umlaut in it crashes the server (500).", "AUTH-17",
          crash(lambda asked, _: asked.path.startswith("/api/") and not _authorization(asked).isascii()),
          place="hmac"),
    fault("long-token-500", "A token of thousands of characters crashes the server (500).", "AUTH-17",
          crash(lambda asked, _: len(_in_header(asked)) > 4096), place="compare"),
    fault("control-token-500", "A token with a control character in it crashes the server (500).", "AUTH-17",
          crash(lambda asked, _: "\x01" in _in_header(asked)), place="compare"),
    fault("malformed-put-off", "Whoever sends a malformed token is asked to wait (429).", "AUTH-17",
          rewrite("/api/operator/status", _put_off), place="--request-rate"),
])
# fmt: on


@CREDENTIALS.add(
    "A token with an accent or an umlaut in it crashes the server (500).",
    "AUTH-17",
    place="hmac.compare_digest",
)
def odd_token_500(deployment: Deployment) -> None:
    """Compare as str, for which compare_digest raises TypeError beyond ASCII."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    deployment.token_accepted = lambda given: hmac.compare_digest(given.decode("latin-1"), token)
