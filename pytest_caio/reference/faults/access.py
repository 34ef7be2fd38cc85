"""Faults of credentials: what is taken for the token, a session or a login."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable

from pytest_caio.reference.decisions import SESSION_COOKIE
from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, rewrite

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


def _authorised_status(deployment: Deployment, change: Callable[[Reply], None]) -> None:
    """Change what the operator status answers to a right credential."""

    def changed(asked: Asked, reply: Reply) -> None:
        if asked.method == "GET" and deployment.authorised(asked):
            change(reply)

    rewrite(deployment, "/api/operator/status", changed)


@fault("Any token at all opens the dashboard, as long as one is sent.", "AUTH-07")
def any_token(deployment: Deployment) -> None:
    """Accept every token that is not empty."""
    _also_token(deployment, lambda given, _: bool(given))


@fault("An empty token opens the dashboard.", "AUTH-07")
def empty_token(deployment: Deployment) -> None:
    """Accept a header without a value."""
    _also_token(deployment, lambda given, _: not given.strip())


@fault("The token is compared without regard to upper and lower case.", "AUTH-07")
def token_any_case(deployment: Deployment) -> None:
    """Compare in lower case."""
    _also_token(deployment, lambda given, token: given.lower() == token.lower())


@fault("The first half of the token is enough.", "AUTH-07")
def token_prefix(deployment: Deployment) -> None:
    """Accept a prefix of eight characters or more."""
    _also_token(deployment, lambda given, token: len(given) >= 8 and token.startswith(given))


@fault("Anything that begins with the token opens the dashboard.", "AUTH-07")
def token_and_more(deployment: Deployment) -> None:
    """Accept the token with more after it."""
    _also_token(deployment, lambda given, token: given.startswith(token))


@fault("The last character of the token is not looked at.", "AUTH-07")
def token_last_character(deployment: Deployment) -> None:
    """Compare all but the last character."""
    _also_token(deployment, lambda given, token: len(given) == len(token) and given[:-1] == token[:-1])


@fault("The first character of the token is not looked at.", "AUTH-07")
def token_first_character(deployment: Deployment) -> None:
    """Compare all but the first character."""
    _also_token(deployment, lambda given, token: len(given) == len(token) and given[1:] == token[1:])


@fault("The token is also taken as an Authorization bearer.", "AUTH-08")
def token_as_bearer(deployment: Deployment) -> None:
    """Accept `Authorization: Bearer <token>`."""
    right = f"Bearer {deployment.settings['DASHBOARD_AUTH_TOKEN']}"
    _also_authorised(deployment, lambda asked: asked.headers.get("authorization") == right)


@fault("The token is also taken from a cookie.", "AUTH-08")
def token_as_cookie(deployment: Deployment) -> None:
    """Accept the token as the value of any cookie."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    _also_authorised(deployment, lambda asked: token in asked.cookies.values())


@fault("Any session cookie is believed, whoever made it.", "AUTH-08")
def any_session(deployment: Deployment) -> None:
    """Accept every session cookie with a value."""
    _also_authorised(deployment, lambda asked: bool(asked.cookies.get(SESSION_COOKIE)))


@fault("The bearers of the webhooks open the dashboard's API too.", "AUTH-15")
def bearer_opens_api(deployment: Deployment) -> None:
    """Accept either webhook bearer as an Authorization bearer and as the token."""
    keys = ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN")
    bearers = {deployment.settings[key] for key in keys}
    _also_token(deployment, lambda given, _: given.decode("latin-1") in bearers)
    _also_authorised(
        deployment,
        lambda asked: asked.headers.get("authorization", "").removeprefix("Bearer ") in bearers,
    )


@fault("A token that was revoked still opens the dashboard.", "AUTH-12")
def revoked_token(deployment: Deployment) -> None:
    """Accept the tokens of before."""
    _also_token(deployment, lambda given, _: given.decode("latin-1") in deployment.revoked)


@fault("The token is accepted in the address, where every log keeps it.", "AUTH-04", "RDY-08")
def query_token(deployment: Deployment) -> None:
    """Turn the deprecated query token on."""
    deployment.settings["DASHBOARD_QUERY_TOKEN_ENABLED"] = "true"  # noqa: S105 - a switch, no password


@fault("A token in the address is accepted though the deployment says it is not.", "AUTH-04")
def query_token_unsaid(deployment: Deployment) -> None:
    """Accept the query token, and report it as off."""
    query_token(deployment)
    deployment.report_edits.append(lambda report: report["auth"].update(query_token_enabled=False))


@fault("The right token is refused: every call is unauthorised.", "AUTH-05", "AUTH-06")
def token_refused(deployment: Deployment) -> None:
    """Accept no token, as a deployment does that was given another one."""
    deployment.token_accepted = lambda _: False


@fault("The operator status breaks for those who may see it (500).", "AUTH-05")
def status_500(deployment: Deployment) -> None:
    """Answer 500 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 500, b"Internal Server Error"

    _authorised_status(deployment, change)


@fault("The operator status is forbidden even with the right token (403).", "AUTH-05")
def status_403(deployment: Deployment) -> None:
    """Answer 403 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 403, json.dumps({"detail": "Forbidden"}).encode()

    _authorised_status(deployment, change)


@fault("The operator status is not found with the right token (404).", "AUTH-05")
def status_404(deployment: Deployment) -> None:
    """Answer 404 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 404, json.dumps({"detail": "Not Found"}).encode()

    _authorised_status(deployment, change)


@fault("The operator status sends those with the right token to the login.", "AUTH-05")
def status_redirect(deployment: Deployment) -> None:
    """Answer 302 to an authorised call."""

    def change(reply: Reply) -> None:
        reply.status, reply.body = 302, b""
        reply.headers["location"] = "/login?next=/"

    _authorised_status(deployment, change)


@fault("The operator status answers 200 with nothing in it.", "AUTH-05")
def status_empty(deployment: Deployment) -> None:
    """Answer an empty body to an authorised call."""

    def change(reply: Reply) -> None:
        reply.body = b""

    _authorised_status(deployment, change)


@fault("The operator status answers 200 with an empty report.", "AUTH-05")
def status_hollow(deployment: Deployment) -> None:
    """Answer `{}` to an authorised call."""

    def change(reply: Reply) -> None:
        reply.body = b"{}"

    _authorised_status(deployment, change)


@fault("The dependency report answers 200 with an empty report.", "AUTH-06", "RDY-02")
def dependencies_hollow(deployment: Deployment) -> None:
    """Answer `{}` where the dependencies are asked for."""

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 200:
            reply.body = b"{}"

    rewrite(deployment, "/api/runtime/dependencies", change)


@fault("A token with an accent or an umlaut in it crashes the server (500).", "AUTH-17")
def odd_token_500(deployment: Deployment) -> None:
    """Compare as text, which the comparison refuses beyond ASCII."""
    token = deployment.settings["DASHBOARD_AUTH_TOKEN"]
    deployment.token_accepted = lambda given: hmac.compare_digest(given.decode("latin-1"), token)


@fault("A wrong token at the login opens a session.", "AUTH-16")
def any_login(deployment: Deployment) -> None:
    """Log everybody in."""
    deployment.login_accepted = lambda _: True


@fault("The session cookie can be read by scripts and travels in clear.", "AUTH-14")
def bare_cookie(deployment: Deployment) -> None:
    """Set the session cookie without flags."""
    deployment.cookie = {"httponly": False, "secure": False, "samesite": None}


@fault("After the login, the visitor is sent to whatever host the link named.", "AUTH-13")
def next_off_host(deployment: Deployment) -> None:
    """Follow `next` wherever it leads, and name another host in the way to the login."""
    deployment.local_next = lambda target: target

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 302:
            reply.headers["location"] = "/login?next=//other.example/sales"

    rewrite(deployment, "/sales", change)


@fault("The login page shows `next` as it came, script and all.", "AUTH-18")
def next_unescaped(deployment: Deployment) -> None:
    """Echo `next` unescaped."""
    deployment.escape = lambda text: text
    deployment.local_next = lambda target: target


@fault("The websocket tells anybody the deployment's health.", "AUTH-18")
def websocket_open(deployment: Deployment) -> None:
    """Ask websockets for no credential."""
    deployment.websocket_guarded = False


ACCESS = fault.all
