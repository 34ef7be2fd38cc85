"""Faults of the login: what opens a session, the flags of its cookie, redirects."""

from __future__ import annotations

import html
from collections.abc import Callable
from urllib.parse import parse_qs

from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE, new_session, signed_session
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import add_header, admit, answer, assign, crash, rewrite, using

__all__ = ["SESSIONS"]


def _believe(secret: Callable[[Deployment], str]) -> Apply:
    """Believe also sessions that another secret signed."""
    return using(
        lambda d: admit(lambda asked: signed_session(secret(d), asked.cookies.get(SESSION_COOKIE, "")))
    )


# fmt: off
SESSIONS = Faults([
    fault("any-login", "A wrong token at the login opens a session.", "AUTH-16",
          assign(login_accepted=lambda _: True), place="login"),
    fault("bare-cookie", "The session cookie can be read by scripts and travels in clear.", "AUTH-14",
          lambda d: d.cookie.update(httponly=False, secure=False, samesite=None), place="cookie"),
    fault("next-off-host", "After the login, the visitor is sent to whatever host the link named.", "AUTH-13",
          assign(local_next=lambda target: target),
          answer("/sales", was=302, headers={"location": "/login?next=//other.example/sales"}),
          then="AUTH-18", place="next"),
    fault("next-followed", "After the login, `next` is followed to another host.", "AUTH-18",
          assign(local_next=lambda target: target), place="path of this host"),
    fault("next-path-unescaped", "The login page shows a `next` that is a path as it came.", "AUTH-18",
          assign(escape=lambda text: text), place="escape"),
    fault("next-quotes-unescaped", "The login page shows quotes in `next` as they came.", "AUTH-18",
          assign(escape=lambda text: html.escape(text, quote=False)), place="escape"),
    fault("session-by-token", "A session that the dashboard's token signed is believed.", "AUTH-08",
          _believe(lambda d: d.settings["DASHBOARD_AUTH_TOKEN"]), place="SESSION_SECRET_KEY"),
    fault("session-by-bearer", "A session that a webhook's bearer signed is believed.", "AUTH-08",
          _believe(lambda d: d.settings["WEBHOOK_BEARER_TOKEN"]), place="SESSION_SECRET_KEY"),
    fault("session-by-signing-key", "A session that Inngest's key signed is believed.", "AUTH-08",
          _believe(lambda d: d.settings["INNGEST_SIGNING_KEY"]), place="SESSION_SECRET_KEY"),
    fault("session-by-default", "A session that the public source's default signed is believed.", "AUTH-08",
          _believe(lambda _: "caio-local-dev-secret"), place="SESSION_SECRET_KEY"),
    fault("session-by-example", "A session that the secret of an example signed is believed.", "AUTH-08",
          _believe(lambda _: "changeme"), place="SESSION_SECRET_KEY"),
    fault("session-by-nothing", "A session that an empty secret signed is believed.", "AUTH-08",
          _believe(lambda _: ""), place="SESSION_SECRET_KEY"),
    fault("session-unsigned", "A session without a signature is believed.", "AUTH-08",
          admit(lambda asked: "." not in asked.cookies.get(SESSION_COOKIE, ".")), place="SESSION_SECRET_KEY"),
    fault("next-unescaped", "The login page shows `next` as it came, script and all.", "AUTH-18",
          assign(escape=lambda text: text, local_next=lambda target: target), place="escape"),
    fault("websocket-open", "The websocket tells anybody the deployment's health.", "AUTH-18",
          assign(websocket_guarded=False), place="websocket"),
    fault("cookie-scripted", "The session cookie can be read by scripts.", "AUTH-14",
          lambda d: d.cookie.update(httponly=False), place="cookie"),
    fault("cookie-in-clear", "The session cookie travels in clear.", "AUTH-14",
          lambda d: d.cookie.update(secure=False), place="Secure cookies"),
    fault("cookie-any-site", "The session cookie goes along with other sites' forms.", "AUTH-14",
          lambda d: d.cookie.update(samesite="none"), place="cookie"),
    fault("cookie-twice", "The login sets the session cookie twice, once without its flags.", "AUTH-14",
          add_header("/login", "set-cookie", f"{SESSION_COOKIE}=again", method="POST", was=303),
          place="cookie"),
    fault("login-barred", "The right token opens no session.", "AUTH-14",
          assign(login_accepted=lambda _: False), then="AUTH-18", place="login"),
    fault("login-locked", "The login has locked this address out.", "AUTH-14",
          answer("/login", method="POST", status=429), then="AUTH-16 AUTH-18", place="login"),
    fault("login-stays", "After the login the visitor is left on an empty page.", "AUTH-14",
          answer("/login", method="POST", was=303, status=200), then="AUTH-18", place="login"),
    fault("login-500", "A wrong token at the login crashes the server (500).", "AUTH-16",
          crash(lambda asked, reply: (asked.method, asked.path, reply.status) == ("POST", "/login", 200)),
          place="login"),
    fault("login-blank", "A wrong token at the login shows an empty page.", "AUTH-16",
          answer("/login", method="POST", was=200, body=b"<!doctype html><title>CAIO</title>"),
          place="login"),
    fault("login-page-500", "The login page is broken (500).", "RDY-14",
          crash(lambda asked, _: (asked.method, asked.path) == ("GET", "/login")),
          then="AUTH-18", place="pages"),
])
# fmt: on


@SESSIONS.add(
    "A wrong token shows the login again, and opens a session all the same.", "AUTH-16", place="login"
)
def session_beside_form(deployment: Deployment) -> None:
    """Set a session cookie when the login form is shown again."""
    cookie = f"{SESSION_COOKIE}={new_session(deployment.settings)}; HttpOnly; Secure; SameSite=Lax"
    add_header("/login", "set-cookie", cookie, method="POST", was=200)(deployment)


@SESSIONS.add(
    "The login page has `next` in single quotes, and escapes the double ones alone.",
    "AUTH-18",
    place="escape",
)
def next_in_single_quotes(deployment: Deployment) -> None:
    """Add a form whose action, in single quotes, ends with `next`."""

    def change(asked: Incoming, reply: Reply) -> None:
        target = parse_qs(asked.query).get("next", [""])[0]
        text = html.escape(target, quote=False).replace('"', "&quot;")
        reply.body += f"<form action='/login?next={text}'></form>".encode()

    rewrite("/login", change, method="GET")(deployment)
