"""Whether what answers at an environment's URL is the dashboard at all: if not, that is the only cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pytest_caio.verdict.failures import UNREACHABLE, Cause, Failure, header_of, is_page
from pytest_caio.verdict.record import EnvironmentRecord, ExchangeRecord
from pytest_caio.verdict.wrong import moved

__all__ = ["not_the_dashboard"]

_ENOUGH_URLS = 5  # with fewer distinct URLs, one status code for all may be coincidence
_WHOSE = (
    "See that the base URL is the dashboard's (--base-url, base_url of the profile or CAIO_BASE_URL), and "
    "in Railway's deploy logs that it runs there; then run again."
)
_CRASHES = (
    "In Railway, open the deploy logs, which say why it crashes, and hand them to the developer. If they "
    "show no request of this run, correct the base URL (--base-url, base_url of the profile or "
    "CAIO_BASE_URL)."
)


def not_the_dashboard(environment: EnvironmentRecord, left: Sequence[Failure]) -> Iterable[Cause]:
    """Every request got the same status code, or no path of the API answers as the dashboard's do."""
    answered = [exchange for exchange in environment.exchanges if exchange.status]
    if not left or len({exchange.url for exchange in answered}) < _ENOUGH_URLS:
        return
    if len(answered) == len(environment.exchanges) and len({e.status for e in answered}) == 1:
        yield from _alike(environment, answered, left)
        return
    api = [exchange for exchange in answered if urlsplit(exchange.url).path.startswith("/api/")]
    theirs = {urlsplit(exchange.url).path for exchange in api if _dashboard_s(exchange)}
    if len({exchange.url for exchange in api}) < _ENOUGH_URLS or len(theirs) > 1:
        return
    ((status, count),) = Counter(exchange.status for exchange in api).most_common(1)
    hint, action = _outside(left, _CRASHES if status and status >= 500 else _WHOSE)
    sentence = (
        f"{environment.name} does not answer as the dashboard does: {count} of {len(api)} requests to its API"
    )
    yield Cause(f"{sentence} are answered {status}{hint}.", action, "you", [*left], UNREACHABLE)


def _alike(
    environment: EnvironmentRecord, exchanges: Sequence[ExchangeRecord], left: Sequence[Failure]
) -> Iterable[Cause]:
    status = exchanges[0].status or 0
    if status == 200 and all(map(is_page, exchanges)):
        sentence = (
            f"{environment.name} answers 200 with an HTML page to everything: is this the deployment, or a "
        )
        yield Cause(f"{sentence}login page of the network in between?", _WHOSE, "you", [*left], UNREACHABLE)
        return
    if status == 200 and len({exchange.body_sha256 for exchange in exchanges}) > 1:
        return  # it answers each path with something else, as the dashboard does
    targets = {urlsplit(header_of(exchange, "location")).netloc for exchange in exchanges}
    host, target = urlsplit(environment.base_url).netloc, next(iter(targets))
    if len(targets) == 1 and target not in ("", host):
        sentence = f"{environment.name} redirects every request from {host} to another host, {target}."
        yield Cause(sentence, moved(host, target), "you", [*left], UNREACHABLE)
        return
    hint, action = _outside(left, _CRASHES if status >= 500 else _WHOSE)
    yield Cause(
        f"{environment.name} answers {status} to everything{hint}.", action, "you", [*left], UNREACHABLE
    )


def _dashboard_s(exchange: ExchangeRecord) -> bool:
    """Whether a response of the API is one that the dashboard gives: a report, or its own refusal."""
    json = "json" in header_of(exchange, "content-type")
    if exchange.status == 401:
        return json or not header_of(exchange, "www-authenticate").lower().startswith("basic")
    return json and (
        exchange.status == 200 or (exchange.status == 503 and '"detail"' in exchange.body_excerpt)
    )


def _outside(left: Sequence[Failure], action: str) -> tuple[str, str]:
    """Return what most responses show of a cause outside the checks, and its fix, else `action`."""
    causes = Counter((f.case.cause, f.case.fix) for f in left if f.case.cause)
    for (cause, fix), count in causes.most_common(1):
        if 2 * count > len(left):
            return f": {cause}", fix
    return "", action
