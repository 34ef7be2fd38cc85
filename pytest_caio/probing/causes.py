"""What one response shows of a cause outside the check that asked: a proxy, a limit, a refused token."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_caio.checks.credentials import TOKEN
from pytest_caio.checks.probe import EDGE_STATUSES, Request
from pytest_caio.contract.paths import LOGIN
from pytest_caio.environments.urls import Url

__all__ = ["CACHED", "Cause", "cause_of"]


@dataclass(frozen=True)
class Cause:
    """Why a response is not what any check expects, in words, and what to change."""

    sentence: str
    fix: str


_CHALLENGE = Cause(
    "a challenge for browsers stands in front of the dashboard",
    "Let the machine that runs the checks, and the webhook providers, pass the bot protection in front of "
    "the dashboard (at Cloudflare: a WAF rule that skips it for their addresses); then run again.",
)
_NOT_DEPLOYED = Cause(
    "the host's edge knows no running application at this address",
    "In Railway, see that the service runs and that its domain is this one; else correct the base URL "
    "(--base-url, base_url of the profile or CAIO_BASE_URL).",
)
_EDGE = Cause(
    "the host's edge cannot reach the dashboard, or the dashboard does not run",
    "In Railway, see in the deploy logs that the service runs, and that its domain leads to the port on "
    "which it listens; then run again.",
)
_EDGE_TLS = Cause(
    "the host's edge and what is behind it do not agree on TLS",
    "On the page of the domain's host (at Cloudflare: SSL/TLS), choose an encryption that Railway can answer "
    "(Full), and see in Railway that this domain has its certificate; then run again.",
)
_LIMIT = Cause(
    "the deployment limits how often it is asked",
    "Give --request-rate 5 (or less), or wait some minutes, and run again; no setting of the dashboard is "
    "wrong.",
)
_AGAIN = Cause("the deployment asked for the request to be sent again", "Run again: nothing was judged here.")
_PLAIN_HTTP = Cause(
    "the deployment sends http on to https",
    "Give the base URL with https:// (--base-url, base_url of the profile or CAIO_BASE_URL), and run again.",
)
_TOKEN = Cause(
    "the token is refused",
    "The token that was given is not the deployment's: copy DASHBOARD_AUTH_TOKEN from Railway to the env "
    "file (or give --token=@FILE), and run again; if they are equal, redeploy: it still has the former one.",
)
_PASSWORD = Cause(
    "something in front of the dashboard asks for a user name and a password",
    "Switch off the password protection in front of the dashboard (of the domain's host, or of a proxy), or "
    "have it let the checks and the webhook providers pass: the dashboard has a login of its own; then run "
    "again.",
)
CACHED = Cause(
    "a cache in front of the dashboard answered with what it had kept for another caller",
    "Turn caching off for /api/ in whatever stands in front of the dashboard (a CDN or a proxy), empty its "
    "cache, and run again; no token is wrong.",
)
_IN_FRONT = Cause(
    "something in front of the dashboard answered in its place",
    "See what stands in front of the dashboard (a firewall, an access rule, a CDN, a proxy of this network), "
    "and have it pass on this path, and the providers' posts to /webhooks/; then run again.",
)
# Headers with which Cloudflare, AWS WAF and Vercel mark a challenge, and what the pages of others say.
_CHALLENGES = {
    "cf-mitigated": ("challenge",),
    "x-amzn-waf-action": ("challenge", "captcha"),
    "x-vercel-mitigated": ("challenge",),
}
_CHALLENGE_PAGE = re.compile(
    rb"<title>\s*(just a moment|attention required|one more step|checking your browser|ddos-guard)|"
    rb"challenge-platform|_cf_chl_opt|enable javascript and cookies to continue",
    re.IGNORECASE,
)
# Marks of Railway, Heroku, Render and Vercel for an address without an application.
_NOBODY = re.compile(
    rb'"message"\s*:\s*"Application not found"|no-such-app\.html|DEPLOYMENT_NOT_FOUND', re.IGNORECASE
)
_PASSWORDS = re.compile(r"\s*(basic|digest|negotiate|ntlm)\b", re.IGNORECASE)
_AGE = re.compile(r"\s*0*[1-9]\d*\s*")  # seconds; 0 is a response that was just fetched
_API = ("/api/", "/webhooks/", "/inngest")


def cause_of(
    request: Request,
    status: int,
    header: Callable[[str], str | None],
    body: bytes,
    redirect: Url | None,
    *,
    own: bool,
) -> Cause | None:
    """Return what a response shows of a cause outside the check, or None.

    `redirect` is where it leads if that is this host, `own` whether it is an error of the dashboard itself.
    """
    path = request.target.partition("?")[0]
    if status == 401:
        if not own and _PASSWORDS.match(header("www-authenticate") or ""):
            return _PASSWORD
        if request.credential == TOKEN.name:
            return CACHED if _AGE.fullmatch(header("age") or "") else _TOKEN
    if _is_challenge(status, header, body):
        return _CHALLENGE
    if status == 429:  # of the login, it says that this address is locked out
        return None if path == LOGIN else _LIMIT
    if own or status < 300:
        return None
    if status == 404 and (header("x-railway-fallback") or header("x-render-routing") or _NOBODY.search(body)):
        return _NOT_DEPLOYED
    if status in EDGE_STATUSES:
        return _EDGE
    if status in (525, 526):
        return _EDGE_TLS
    if status in (408, 425):
        return _AGAIN
    if redirect and (request.origin[:5], redirect.scheme, redirect.path) == ("http:", "https", path):
        return _PLAIN_HTTP
    return _IN_FRONT if status in (403, 404, 405, 410, 421, 451) and path.startswith(_API) else None


def _is_challenge(status: int, header: Callable[[str], str | None], body: bytes) -> bool:
    if any((header(name) or "").lower() in values for name, values in _CHALLENGES.items()):
        return True
    page = status in (403, 429, 503) and "html" in (header("content-type") or "")
    return page and bool(_CHALLENGE_PAGE.search(body))
