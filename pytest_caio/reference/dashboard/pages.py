"""The pages of the dashboard: the login with its lockout, the session cookie, and four pages behind it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pytest_caio.reference.dashboard.decisions import SESSION_COOKIE, SESSION_SECONDS, new_session
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.state import State

__all__ = ["LOCKOUT_ATTEMPTS", "LOCKOUT_SECONDS", "add_pages"]

LOCKOUT_ATTEMPTS = 5
LOCKOUT_SECONDS = 300
_PAGES = {"/": "Command centre", "/sales": "Sales", "/leads": "Leads", "/scorecard": "Scorecard"}
_LOGIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>CAIO: sign in</title></head>
<body><h1>Sign in</h1>{note}
<form method="post" action="/login">
<label>Dashboard token <input type="password" name="token" required autofocus></label>
<input type="hidden" name="next" value="{next}">
<button>Sign in</button></form></body></html>
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>CAIO: {title}</title></head>
<body><h1>{title}</h1>
<nav><a href="/">Home</a> <a href="/sales">Sales</a> <a href="/leads">Leads</a>
<a href="/scorecard">Scorecard</a></nav>{content}</body></html>
"""
# With the script that refreshes the list every 15 seconds.
_SALES = """
<p>Pending: <b id="count">?</b>, as of <span id="refreshed">never</span></p><ul id="cards"></ul>
<script>
async function refreshPendingEmails() {
  const answer = await fetch('/api/pending-emails', {credentials: 'same-origin', cache: 'no-store'});
  if (!answer.ok) return;
  const queue = await answer.json();
  document.getElementById('count').textContent = queue.count;
  document.getElementById('refreshed').textContent = queue.refreshed_at;
  document.getElementById('cards').replaceChildren(...queue.pending_emails.map(card => {
    const item = document.createElement('li');
    item.textContent = `${card.to}: ${card.subject}`;
    return item;
  }));
}
refreshPendingEmails();
setInterval(refreshPendingEmails, 15000);
</script>"""


def add_pages(app: FastAPI, deployment: Deployment, state: State) -> None:
    """Add the login, the pages and the old bookmark to the app."""

    def form(target: str, note: str = "", status: int = 200) -> HTMLResponse:
        return HTMLResponse(_LOGIN.format(note=note, next=deployment.escape(target)), status)

    @app.get("/login")
    async def show_login(request: Request) -> Response:
        return form(deployment.local_next(request.query_params.get("next", "/")))

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        fields = await request.form()
        given, asked = fields.get("token", ""), fields.get("next", "/")
        target = deployment.local_next(asked if isinstance(asked, str) else "/")
        address = request.client.host if request.client else "unknown"
        if await state.login_failures(address) >= LOCKOUT_ATTEMPTS:
            return form(target, "<p>Too many wrong tokens: try again in five minutes.</p>", 429)
        # A malformed form may hold lone surrogates, which UTF-8 cannot encode.
        if not isinstance(given, str) or not deployment.login_accepted(given.encode(errors="replace")):
            await state.count_login_failure(address, LOCKOUT_SECONDS)
            return form(target, "<p>That token is not right.</p>")
        await state.forget_login_failures(address)
        answer = RedirectResponse(target, 303)
        flags = [
            f"{name}" if value is True else f"{name}={value}"
            for name, value in deployment.cookie.items()
            if value
        ]
        # As Starlette's session middleware writes it: set_cookie would put quotes around the value.
        parts = (
            f"{SESSION_COOKIE}={new_session(deployment.settings)}",
            "path=/",
            f"Max-Age={SESSION_SECONDS}",
        )
        answer.headers.append("set-cookie", "; ".join((*parts, *flags)))
        return answer

    @app.get("/ChiefAIOfficer")
    async def old_bookmark() -> Response:
        return RedirectResponse("/sales", 302)

    for path, title in _PAGES.items():
        content = _SALES if path == "/sales" else f"<p>{title} of the Alpha Swarm.</p>"
        page = _PAGE.format(title=title, content=content)
        app.add_api_route(path, lambda page=page: HTMLResponse(page), methods=["GET"])
