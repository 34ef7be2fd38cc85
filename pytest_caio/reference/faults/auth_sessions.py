"""Faults of the login: what opens a session, what its cookie gives away, where visitors are sent."""

from __future__ import annotations

from collections.abc import Callable

from pytest_caio.reference.decisions import SESSION_COOKIE, new_session
from pytest_caio.reference.deployment import Asked, Deployment, Reply
from pytest_caio.reference.faults.fault import Faults, crash, rewrite

__all__ = ["SESSIONS"]

fault = Faults()


def _posted(deployment: Deployment, change: Callable[[Reply], None], *statuses: int) -> None:
    """Change what the login answers, where it answers with one of these statuses."""

    def changed(asked: Asked, reply: Reply) -> None:
        if asked.method == "POST" and reply.status in statuses:
            change(reply)

    rewrite(deployment, "/login", changed)


@fault("A wrong token at the login opens a session.", "AUTH-16", place="login")
def any_login(deployment: Deployment) -> None:
    """Log everybody in."""
    deployment.login_accepted = lambda _: True


@fault("The session cookie can be read by scripts and travels in clear.", "AUTH-14", place="cookie")
def bare_cookie(deployment: Deployment) -> None:
    """Set the session cookie without flags."""
    deployment.cookie = {"httponly": False, "secure": False, "samesite": None}


@fault("After the login, the visitor is sent to whatever host the link named.", "AUTH-13", place="next")
def next_off_host(deployment: Deployment) -> None:
    """Follow `next` wherever it leads, and name another host in the way to the login."""
    deployment.local_next = lambda target: target

    def change(_: Asked, reply: Reply) -> None:
        if reply.status == 302:
            reply.headers["location"] = "/login?next=//other.example/sales"

    rewrite(deployment, "/sales", change)


@fault("The login page shows `next` as it came, script and all.", "AUTH-18", place="escape")
def next_unescaped(deployment: Deployment) -> None:
    """Echo `next` unescaped."""
    deployment.escape = lambda text: text
    deployment.local_next = lambda target: target


@fault("The websocket tells anybody the deployment's health.", "AUTH-18", place="websocket")
def websocket_open(deployment: Deployment) -> None:
    """Ask websockets for no credential."""
    deployment.websocket_guarded = False


@fault("The session cookie can be read by scripts.", "AUTH-14", place="cookie")
def cookie_scripted(deployment: Deployment) -> None:
    """Leave HttpOnly out."""
    deployment.cookie["httponly"] = False


@fault("The session cookie travels in clear.", "AUTH-14", place="Secure cookies")
def cookie_in_clear(deployment: Deployment) -> None:
    """Leave Secure out."""
    deployment.cookie["secure"] = False


@fault("The session cookie goes along with other sites' forms.", "AUTH-14", place="cookie")
def cookie_any_site(deployment: Deployment) -> None:
    """Say SameSite=None."""
    deployment.cookie["samesite"] = "none"


@fault("The login sets the session cookie twice, once without its flags.", "AUTH-14", place="cookie")
def cookie_twice(deployment: Deployment) -> None:
    """Set it once more, bare."""
    _posted(deployment, lambda reply: reply.headers.append("set-cookie", f"{SESSION_COOKIE}=again"), 303)


@fault("The right token opens no session.", "AUTH-14", place="login")
def login_barred(deployment: Deployment) -> None:
    """Take no token at the login for the right one."""
    deployment.login_accepted = lambda _: False


@fault("After the login the visitor is left on an empty page.", "AUTH-14", place="login")
def login_stays(deployment: Deployment) -> None:
    """Answer 200 to the right token, with the cookie."""
    _posted(deployment, lambda reply: setattr(reply, "status", 200), 303)


@fault("A wrong token shows the login again, and opens a session all the same.", "AUTH-16", place="login")
def session_beside_form(deployment: Deployment) -> None:
    """Set a session cookie with the form."""
    cookie = f"{SESSION_COOKIE}={new_session(deployment.settings)}; HttpOnly; Secure; SameSite=Lax"
    _posted(deployment, lambda reply: reply.headers.append("set-cookie", cookie), 200)


@fault("A wrong token at the login crashes the server (500).", "AUTH-16", place="login")
def login_500(deployment: Deployment) -> None:
    """Answer 500 where the form would be shown again."""
    crash(
        deployment, lambda asked, reply: (asked.method, asked.path, reply.status) == ("POST", "/login", 200)
    )


@fault("A wrong token at the login shows an empty page.", "AUTH-16", place="login")
def login_blank(deployment: Deployment) -> None:
    """Answer 200 without the form."""
    _posted(deployment, lambda reply: setattr(reply, "body", b"<!doctype html><title>CAIO</title>"), 200)


@fault("The login page is broken (500).", "RDY-14", then=("AUTH-18",), place="pages")
def login_page_500(deployment: Deployment) -> None:
    """Answer 500 where the form is asked for."""
    crash(deployment, lambda asked, _: (asked.method, asked.path) == ("GET", "/login"))


SESSIONS = fault.all
