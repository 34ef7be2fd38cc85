"""Answers that are wrong whatever check judges them: what each says is wrong, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pytest_caio.checks.credentials import TOKEN_HEADER
from pytest_caio.contract.providers import PROVIDERS, ROUTES
from pytest_caio.verdict.failures import Answer, Cause, Failure, is_page
from pytest_caio.verdict.record import ExchangeRecord

__all__ = ["crashing", "moved", "not_found", "wrong_answer"]

_API = ("/api/", "/webhooks/", "/inngest")
READINESS_PATH = "/api/health/ready"
_PUBLIC = (READINESS_PATH, "/api/health", *ROUTES, *(provider.health for provider in PROVIDERS.values()))
_MANY = 5  # paths that crash: fewer may each have a fault of their own
_SEVERAL = 2  # one path that is not found may be a fault of its code


def wrong_answer(answer: Answer, exchange: ExchangeRecord) -> tuple[str, str, str] | None:
    """Return the sentence, action and who of an answer that is wrong whatever judges it, else None."""
    asked, status = f"{answer.method} {answer.path}", answer.status or 0
    entitled = any(name == TOKEN_HEADER for name, _ in exchange.request_headers)
    host, target = urlsplit(exchange.url).netloc, urlsplit(answer.location).netloc
    if status == 503 and answer.path == READINESS_PATH:
        return (
            f"Readiness answers 503: {_detail(exchange)}.",
            "In Railway, open the deploy logs: they say which part does not start; set its variables, "
            "then redeploy.",
            "you",
        )
    if status == 503:
        return (
            f"{asked} answers 503: {_detail(exchange)}.",
            "In Railway, open the deploy logs: they name the service that this path needs and does not "
            "reach; correct its variable, then redeploy.",
            "you",
        )
    if status >= 500:
        code = "the readiness code" if answer.path == READINESS_PATH else "the code behind it"
        return (
            f"{asked} crashes ({status}).",
            f"Hand to the developer, with the deploy logs from Railway: {asked} answers {status}; correct "
            f"{code}.",
            "developer",
        )
    if 300 <= status < 400 and target and target != host and answer.path.startswith(_API):
        return f"{asked} on {host} redirects to another host, {target}.", moved(host, target), "you"
    if 300 <= status < 400 and entitled:
        return (
            f"{asked} redirects to {answer.location}, though the token is right.",
            f"Hand to the developer, with the deploy logs: {asked} must take the {TOKEN_HEADER} header and "
            "not ask for a session.",
            "developer",
        )
    if status in (403, 404) and entitled:
        word = "is forbidden" if status == 403 else "is not found"
        return (
            f"{asked} {word} ({status}), though the token is right.",
            "See in Railway which commit is deployed; if it is the right one, hand to the developer, with "
            f"the deploy logs: {asked} answers {status}.",
            "developer",
        )
    if status in (401, 403) and answer.path == READINESS_PATH:
        return (
            f"Readiness asks for a token ({status}), so that nothing outside can watch it.",
            f"In Railway, put {READINESS_PATH} on DASHBOARD_AUTH_ALLOWLIST, then redeploy.",
            "you",
        )
    if status == 200 and is_page(exchange) and answer.path.startswith("/api/"):
        return (
            f"{asked} answers with a page in place of JSON.",
            "See in Railway's deploy logs that this service is the dashboard and that its domain leads to "
            f"it; if so, hand to the developer: {asked} must answer with JSON.",
            "you",
        )
    return None


def not_found(left: Sequence[Failure]) -> Iterable[Cause]:
    """Paths that every dashboard has do not exist: most likely another commit is deployed.

    404 says so of a webhook, of what is public, and to who has the token; else it may be past the guard.
    """
    paths: dict[str, None] = {}
    for failure in left:
        for exchange in failure.exchanges:
            path = urlsplit(exchange.url).path
            entitled = any(name == TOKEN_HEADER for name, _ in exchange.request_headers)
            if exchange.status == 404 and (path in _PUBLIC or (entitled and path.startswith("/api/"))):
                paths.setdefault(path)
    if len(paths) < _SEVERAL and paths.keys().isdisjoint(ROUTES):
        return
    judged = [f for f in left if any(a.status == 404 and a.path in paths for a in f.answers)]
    first, *more = paths
    named = f"{first} and {len(more)} more" if more else first
    yield Cause(
        f"What every dashboard has is not there (404): {named}.",
        "See in Railway which commit is deployed, and redeploy the right one. If it is the right one, hand "
        f"to the developer, with the deploy logs: {', '.join(paths)} must exist.",
        "you",
        judged,
    )


def crashing(left: Sequence[Failure]) -> Iterable[Cause]:
    """Most of the webhooks, or of the API, crash: it is one thing, whichever check asked for the path."""
    for family in ("/webhooks/", "/api/"):
        statuses: dict[str, int] = {}
        judged = []
        for failure in left:
            crashed = [answer for answer in failure.answers if _crashes(answer, family)]
            for answer in crashed:
                statuses.setdefault(answer.path, answer.status or 0)
            judged += [failure] if crashed else []
        if len(statuses) < _MANY:
            continue
        first, *more = sorted(statuses)
        yield Cause(
            f"{first} and {len(more)} more paths crash ({statuses[first]}).",
            f"Hand to the developer, with the deploy logs from Railway: {first} and {len(more)} more paths "
            f"under {family} answer {statuses[first]}; correct the code behind them.",
            "developer",
            judged,
        )


def _crashes(answer: Answer, family: str) -> bool:
    status = answer.status or 0
    return status >= 500 and status != 503 and answer.path.startswith(family)


def moved(host: str, target: str) -> str:
    """Return what to do where one host redirects to another."""
    return (
        f"If {target} is the dashboard's host, give it as the base URL (--base-url, base_url of the "
        f"profile or CAIO_BASE_URL); else have the redirect from {host} to {target} removed where the "
        "domain is configured (in Railway, or in the proxy in front of it)."
    )


def _detail(exchange: ExchangeRecord) -> str:
    told = re.search(r'"detail"\s*:\s*"([^"]{1,120})', exchange.body_excerpt)
    return told[1].rstrip(".") if told else "no reason given"
