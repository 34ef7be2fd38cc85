"""Faults of credentials: what is taken for the token, a session or a login."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from pytest_caio.reference.decisions import SESSION_COOKIE
from pytest_caio.reference.deployment import Asked, Deployment
from pytest_caio.reference.faults.fault import Faults, crash

__all__ = ["ACCESS"]

fault = Faults()


def _also_token(deployment: Deployment, accepts: Callable[[bytes, bytes], bool]) -> None:
    """Take for the token what `accepts(given, token)` says, besides the token itself."""
    was = deployment.token_accepted
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"].encode()
    deployment.token_accepted = lambda given: was(given) or accepts(given, token)


def _also_authorised(deployment: Deployment, accepts: Callable[[Asked], bool]) -> None:
    """Let in the requests that `accepts` picks, besides the rightly authorised, to the API alone."""
    was = deployment.authorised
    deployment.authorised = lambda asked: was(asked) or (deployment.door(asked) == "api" and accepts(asked))


def _in_query(asked: Asked) -> str | None:
    """The query token, None where there is none."""
    return parse_qs(asked.query, keep_blank_values=True).get("token", [None])[0]


@fault(
    "Any token at all opens the dashboard, as long as one is sent.",
    "AUTH-07",
    then=("AUTH-12", "AUTH-15", "AUTH-17"),
    place="auth guard",
)
def any_token(deployment: Deployment) -> None:
    """Accept every token that is not empty."""
    _also_token(deployment, lambda given, _: bool(given))


@fault("An empty token opens the dashboard.", "AUTH-07", place="auth guard")
def empty_token(deployment: Deployment) -> None:
    """Accept a header without a value."""
    _also_token(deployment, lambda given, _: not given.strip())


@fault("An empty token in the address opens the dashboard.", "AUTH-07", place="auth guard")
def query_empty(deployment: Deployment) -> None:
    """Accept `?token=`."""
    _also_authorised(deployment, lambda asked: _in_query(asked) == "")


@fault("Blanks in the address, in a token's place, open the dashboard.", "AUTH-07", place="auth guard")
def query_blank(deployment: Deployment) -> None:
    """Accept a query token that is nothing but blanks."""
    _also_authorised(deployment, lambda asked: (_in_query(asked) or "").isspace())


@fault("The token is compared without regard to upper and lower case.", "AUTH-07", place="auth guard")
def token_any_case(deployment: Deployment) -> None:
    """Compare in lower case."""
    _also_token(deployment, lambda given, token: given.lower() == token.lower())


@fault("The first half of the token is enough.", "AUTH-07", place="auth guard")
def token_prefix(deployment: Deployment) -> None:
    """Accept a prefix of eight characters or more."""
    _also_token(deployment, lambda given, token: len(given) >= 8 and token.startswith(given))


@fault("Anything that begins with the token opens the dashboard.", "AUTH-07", place="auth guard")
def token_and_more(deployment: Deployment) -> None:
    """Accept the token with more after it."""
    _also_token(deployment, lambda given, token: given.startswith(token))


@fault("The last character of the token is not looked at.", "AUTH-07", place="auth guard")
def token_last_character(deployment: Deployment) -> None:
    """Compare all but the last character."""
    _also_token(deployment, lambda given, token: len(given) == len(token) and given[:-1] == token[:-1])


@fault("The first character of the token is not looked at.", "AUTH-07", place="auth guard")
def token_first_character(deployment: Deployment) -> None:
    """Compare all but the first character."""
    _also_token(deployment, lambda given, token: len(given) == len(token) and given[1:] == token[1:])


@fault("The token is also taken as an Authorization bearer.", "AUTH-08", place="auth guard")
def token_as_bearer(deployment: Deployment) -> None:
    """Accept `Authorization: Bearer <token>`."""
    right = f"Bearer {deployment.settings['DASHBOARD_AUTH_TOKEN']}"
    _also_authorised(deployment, lambda asked: asked.headers.get("authorization") == right)


@fault("The token is also taken from a cookie.", "AUTH-08", place="auth guard")
def token_as_cookie(deployment: Deployment) -> None:
    """Accept the token as the value of the cookie `token`."""
    right = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    _also_authorised(deployment, lambda asked: asked.cookies.get("token") == right)


@fault("The token is also taken for a session.", "AUTH-08", place="auth guard")
def token_as_session(deployment: Deployment) -> None:
    """Accept the token as the value of the session cookie."""
    right = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    _also_authorised(deployment, lambda asked: asked.cookies.get(SESSION_COOKIE) == right)


@fault("The token is also taken as a password (Basic).", "AUTH-08", place="auth guard")
def token_as_password(deployment: Deployment) -> None:
    """Accept `Authorization: Basic <token>`."""
    right = f"Basic {deployment.settings['DASHBOARD_AUTH_TOKEN']}"
    _also_authorised(deployment, lambda asked: asked.headers.get("authorization") == right)


@fault("Any session cookie is believed, whoever made it.", "AUTH-08", place="SESSION_SECRET_KEY")
def any_session(deployment: Deployment) -> None:
    """Accept every session cookie with a value."""
    _also_authorised(deployment, lambda asked: bool(asked.cookies.get(SESSION_COOKIE)))


@fault("The bearers of the webhooks are taken for the token.", "AUTH-15", place="DASHBOARD_AUTH_TOKEN")
def bearer_as_token(deployment: Deployment) -> None:
    """Accept either webhook bearer in the token's header."""
    bearers = {deployment.settings[key] for key in ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN")}
    _also_token(deployment, lambda given, _: given.decode("latin-1") in bearers)


@fault("The bearers of the webhooks open the dashboard's API too.", "AUTH-15", place="DASHBOARD_AUTH_TOKEN")
def bearer_opens_api(deployment: Deployment) -> None:
    """Accept either webhook bearer as an Authorization bearer."""
    bearers = {deployment.settings[key] for key in ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN")}
    _also_authorised(
        deployment,
        lambda asked: asked.headers.get("authorization", "").removeprefix("Bearer ") in bearers,
    )


@fault("A token that was revoked still opens the dashboard.", "AUTH-12", place="DASHBOARD_AUTH_TOKEN")
def revoked_token(deployment: Deployment) -> None:
    """Accept the tokens of before."""
    _also_token(deployment, lambda given, _: given.decode("latin-1") in deployment.revoked)


@fault(
    "The token is accepted in the address, where every log keeps it.",
    "AUTH-04",
    "RDY-08",
    place="DASHBOARD_QUERY_TOKEN_ENABLED",
)
def query_token(deployment: Deployment) -> None:
    """Turn the deprecated query token on."""
    deployment.settings["DASHBOARD_QUERY_TOKEN_ENABLED"] = "true"  # noqa: S105 - a switch, no password


@fault(
    "A token in the address is accepted though the deployment says it is not.", "AUTH-04", place="auth guard"
)
def query_token_unsaid(deployment: Deployment) -> None:
    """Accept the query token, and report it as off."""
    query_token(deployment)
    deployment.report_edits.append(lambda report: report["auth"].update(query_token_enabled=False))


@fault(
    "A token with an accent or an umlaut in it crashes the server (500).",
    "AUTH-17",
    place="hmac.compare_digest",
)
def odd_token_500(deployment: Deployment) -> None:
    """Compare as text, which the comparison refuses beyond ASCII."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    deployment.token_accepted = lambda given: hmac.compare_digest(given.decode("latin-1"), token)


@fault("A bearer with an accent or an umlaut in it crashes the server (500).", "AUTH-17", place="hmac")
def odd_bearer_500(deployment: Deployment) -> None:
    """Crash on an Authorization header beyond ASCII, before anybody is let in."""
    crash(
        deployment,
        lambda asked, _: (
            asked.path.startswith("/api/") and not asked.headers.get("authorization", "").isascii()
        ),
    )


@fault("A token of thousands of characters crashes the server (500).", "AUTH-17", place="compare")
def long_token_500(deployment: Deployment) -> None:
    """Crash on a token longer than 4 KiB."""
    crash(deployment, lambda asked, _: len(asked.headers.get("x-dashboard-token", "")) > 4096)


@fault("A token with a control character in it crashes the server (500).", "AUTH-17", place="compare")
def control_token_500(deployment: Deployment) -> None:
    """Crash on a token that cannot be printed."""
    crash(deployment, lambda asked, _: "\x01" in asked.headers.get("x-dashboard-token", ""))


ACCESS = fault.all
