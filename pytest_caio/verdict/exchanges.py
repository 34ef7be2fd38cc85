"""The record of an exchange: request and response, redacted and cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.personal import EXCERPT_LENGTH
from pytest_caio.text import beginning
from pytest_caio.verdict.record import ExchangeRecord

__all__ = ["exchange_record"]

_MOST_HEADERS = 100


def exchange_record(exchange: Exchange, redact: Callable[[str], str]) -> ExchangeRecord:
    """Return the redacted record of `exchange`; a credential is replaced by its name in brackets."""
    request = exchange.request
    hidden = {value: f"[{name}]" for name, value in request.secrets if value}
    target = request.target
    for value, mark in hidden.items():
        target = target.replace(value, mark)
    sent = [(name, hidden.get(value, value)) for name, value in request.headers]
    got = [(name, beginning(value, EXCERPT_LENGTH)) for name, value in exchange.headers[:_MOST_HEADERS]]
    body = _sent_text(request.body)
    for value, mark in hidden.items():
        body = body and body.replace(value, mark)
    # Part by part: most headers are those of other responses too, which the redactor remembers.
    pairs = [(redact(name), redact(value)) for name, value in (*sent, *got)]
    return ExchangeRecord(
        n=0,
        method=request.method,
        url=redact(request.origin + target),
        status=exchange.status_code or None,
        request_headers=pairs[: len(sent)],
        response_headers=pairs[len(sent) :],
        body_sha256=hashlib.sha256(exchange.body).hexdigest(),
        body_excerpt=redact(exchange.shown),
        attempts=[
            {"status": attempt.status, **({"error": attempt.error} if attempt.error else {})}
            for attempt in exchange.attempts
        ],
        started=exchange.started.isoformat(timespec="milliseconds"),
        timing_ms=round(exchange.elapsed_ms, 1),
        error=exchange.error,
        truncated=exchange.truncated,
        request_body=None if body is None else redact(body),
    )


def _sent_text(body: bytes) -> str | None:
    """Return a request's body as text; None where it is too long to be kept, or is no text."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if len(text) > EXCERPT_LENGTH or "\0" in text else text
