"""Which failed check explains the failures of others, and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_caio.checks.words import REDIS_TO_ANSWER
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.verdict.failures import CARRYING, Failure, header_of

__all__ = ["FOLLOWS", "VARIABLES", "Follow"]


def _migrated(_root: Failure, other: Failure) -> bool:
    """Return whether the other case is about what is migrated: leads are, cards are not."""
    return other.id == "STATE-05" or other.case.name == "leads"


def _same_answer(root: Failure, other: Failure) -> bool:
    return not root.answers.isdisjoint(other.answers)


def _same_request(root: Failure, other: Failure) -> bool:
    return not {e.n for e in root.exchanges}.isdisjoint(e.n for e in other.exchanges)


def _same_page(root: Failure, other: Failure) -> bool:
    """Return whether the other case asked for the same page, with whichever cookie, and was shown it."""
    return not root.paths.isdisjoint(other.paths) and other.got(200)


def _same_variable(root: Failure, other: Failure) -> bool:
    return bool(other.case.name) and other.case.name in root.case.observed


def _same_credential(root: Failure, other: Failure) -> bool:
    statuses = {exchange.status for exchange in root.exchanges} & {
        exchange.status for exchange in other.exchanges
    }
    return bool(statuses) and not _credentials(root).isdisjoint(_credentials(other))


def _no_redis(root: Failure, other: Failure) -> bool:
    """Return whether both failed since Redis gave no answer, or the other is about the URL itself."""
    if other.id == "ENV-08":
        return root.case.expected == REDIS_TO_ANSWER and other.case.name == "REDIS_URL"
    return root.case.expected == other.case.expected == REDIS_TO_ANSWER


def _of_the_queue(root: Failure, other: Failure) -> bool:
    """Return whether the namespace of the queue is at fault, and the queue is not broken by itself."""
    return root.case.name == "CONTEXT_REDIS_PREFIX" and not other.got(500)


def _other_redis(root: Failure, other: Failure) -> bool:
    """Return whether the deployment shows state that is not in this Redis, which lacks what was migrated."""
    shown = root.case.expected.endswith("shown that Redis does not hold")
    lacks = re.match(r"\d+ of (them|its records)", other.case.observed)
    return shown and bool(lacks) and "Redis" in other.case.observed


def _other_prefix(root: Failure, other: Failure) -> bool:
    """Return whether the state was migrated under another prefix, and none is under the env file's."""
    return (
        "STATE_REDIS_PREFIX is" in root.case.observed
        and "where no state is" in root.case.observed
        and (other.id == "STATE-01" or other.case.name == "leads")
    )


def _queue_elsewhere(root: Failure, other: Failure) -> bool:
    """Return whether the queue is under another prefix, and the other case is about the cards in it."""
    cards = other.case.name == "cards" if other.id == "STATE-06" else _shows(r'"count":\s*0')(root, other)
    return root.case.observed.startswith("it is under ") and cards


def _case(name: str) -> Callable[[Failure, Failure], bool]:
    """Return whether the first check fails in this case."""
    return lambda root, other: root.case.name == name and _same_credential(root, other)


def _shows(pattern: str) -> Callable[[Failure, Failure], bool]:
    """Return whether a response of the other case, or what was observed there, shows this."""

    def shows(_root: Failure, other: Failure) -> bool:
        seen = (other.case.observed, *(exchange.body_excerpt for exchange in other.exchanges))
        return any(re.search(pattern, text) for text in seen)

    return shows


def _says(pattern: str) -> Callable[[Failure, Failure], bool]:
    """Return whether this is what was observed in the other case, whatever else the response shows."""
    return lambda _root, other: bool(re.search(pattern, other.case.observed))


def _part(name: str) -> Callable[[Failure, Failure], bool]:
    """Return whether the other case failed for this part of the dependency report."""
    return lambda _root, other: name in other.case.observed.partition(";")[0].lower()


def _capitals(root: Failure, other: Failure) -> bool:
    """Return whether both are about a path in which capital letters do not count."""
    return any(path != path.lower() for path in root.paths) and other.got(404)


def _reported(root: Failure, other: Failure) -> bool:
    """Return whether the first check fails for what the report on webhooks says of the other's provider."""
    name = other.case.name.split("/")[2] if "/" in other.case.name else "heyreach"
    if _heyreach(root, root):
        return False
    listed = any(f'"{name}":' in re.sub(r"\s", "", exchange.body_excerpt) for exchange in root.exchanges)
    return _same_request(root, other) and (not listed or name in root.case.observed.partition(";")[0].lower())


def _credentials(failure: Failure) -> set[str]:
    """Return the headers of a case's requests that carry a credential, and `?` for one in the query."""
    names = {name.lower() for exchange in failure.exchanges for name, _ in exchange.request_headers}
    query = {"?" for exchange in failure.exchanges if urlsplit(exchange.url).query}
    signatures = {"signature" for name in names if name.endswith("signature")}
    return query or (names & CARRYING) | signatures


def _heyreach(_root: Failure, other: Failure) -> bool:
    """Return whether the other case is about HeyReach alone."""
    text = (other.case.observed if other.id == "WH-02" else other.case.name).partition(";")[0].lower()
    return [provider for provider in PROVIDERS if provider in text] == ["heyreach"]


def _star(header: str) -> Callable[[Failure, Failure], bool]:
    """Return whether a response of the other case allows everything in this header."""

    def allows_everything(_root: Failure, other: Failure) -> bool:
        return any(
            "*" in header_of(exchange, f"access-control-allow-{header}") for exchange in other.exchanges
        )

    return allows_everything


@dataclass(frozen=True)
class Follow:
    """A check that, where it fails, explains the failures of others; `when` says for which of their cases."""

    check: str
    explains: str
    when: Callable[[Failure, Failure], bool] = _same_answer
    sentence: str = ""


# The environment file, whose variables others read.
# fmt: off
VARIABLES = (
    Follow("ENV-15", "ENV-02 ENV-03 ENV-05 ENV-07 ENV-08 ENV-14 ENV-17", _same_variable),
    Follow("ENV-08", "RDY-05 RDY-06",
            lambda root, other: root.case.name == "INNGEST_SIGNING_KEY" and other.got(401),
            "A key in the env file is not the one that Inngest has."),
    Follow("ENV-06", "STATE-06 OPS-06 RDY-15", _of_the_queue,
            "A name space of the state does not name the environment."),
    Follow("ENV-12", "STATE-01 STATE-03 STATE-05 STATE-06 ENV-08", _no_redis,
            "The checks do not reach Redis by the REDIS_URL of the env file."),
    Follow("ENV-12", "STATE-05", _shows("evict"), "The Redis server is not set up for state."),
)
FOLLOWS = (
    # Reports.
    Follow("AUTH-05", "OPS-01 OPS-02 OPS-03 OPS-09", sentence="The operator status gives no report."),
    Follow("AUTH-06", "RDY-02 RDY-03 RDY-04 RDY-07 RDY-08 WH-01 WH-02 WH-08 WH-12",
            sentence="The dependency report is empty or not a report."),
    Follow("RDY-01", "RDY-07 AUTH-03", sentence="Readiness does not say that the deployment is ready."),
    Follow("RDY-03", "RDY-02 RDY-07", _part("redis"), "Redis is not as the deployment needs it."),
    Follow("RDY-04", "RDY-02 RDY-07", _part("inngest"), "Inngest is not as the deployment needs it."),
    Follow("RDY-05", "RDY-06", lambda root, other: _same_request(root, other) and not other.got(200),
            "Inngest does not believe its signing key."),
    Follow("RDY-02", "RDY-07 RDY-01 AUTH-03", _same_request,
            "The dependency report says that something is not ready."),
    Follow("WH-01", "WH-11 RDY-08", _says(r"\b(webhook_signature_required|signature_strict_mode): false"),
            "Webhook signatures are not required."),
    Follow("AUTH-04", "RDY-08", _says("query_token_enabled: true"),
            "The token is accepted in the address, where every log keeps it."),
    # Webhooks: HeyReach has one check for all that the others have several for.
    Follow("WH-05", "WH-06 WH-07 WH-08", _same_credential, "A wrong signature opens the webhooks."),
    Follow("WH-06", "WH-08", _same_credential, "A signature does not cover the body."),
    Follow("WH-04", "WH-07 WH-08 WH-12", _same_credential, "A wrong bearer opens the webhooks."),
    Follow("WH-07", "WH-08 WH-12", _same_credential, "One provider's credential opens another's webhooks."),
    Follow("WH-13", "WH-08", _same_credential, "A webhook's credential is taken from the address."),
    Follow("WH-02", "WH-08 WH-12", _reported, "The report on webhooks is wrong about a provider."),
    Follow("WH-08", "WH-12 WH-02", _heyreach, "HeyReach's webhook is not guarded as it must be."),
    Follow("WH-02", "RDY-07 RDY-01 RDY-02 AUTH-03", _part("webhooks"), "The webhooks are not ready."),
    # The guard: what is wrong gets in, and so does what was withdrawn.
    Follow("AUTH-07", "AUTH-12 AUTH-15 AUTH-17", _case("wrong"), "A wrong token opens the dashboard."),
    Follow("AUTH-08", "AUTH-12", _case("made-up session"), "Any session is believed."),
    Follow("AUTH-10", "OPS-10", _capitals),
    Follow("AUTH-20", "RDY-10", _same_request, "A file that only the server may read is served."),
    Follow("RDY-10", "AUTH-13 WH-11", _same_request),
    # Pages.
    Follow("OPS-10", "AUTH-13", _same_page, "The sales page is not the dashboard's."),
    Follow("AUTH-13", "OPS-10", _same_request),
    # Other sites.
    Follow("CORS-02", "CORS-01 CORS-03", _star("origin"), "Every site may call the API (*)."),
    Follow("CORS-04", "CORS-03", _star("methods"), "Other sites may use every method (*)."),
    Follow("CORS-05", "CORS-03", _star("headers"), "Other sites may send every header (*)."),
    Follow("CORS-06", "CORS-01 CORS-03 CORS-04 CORS-05",
            sentence="A browser's preflight is not answered as CORS requires."),
    Follow("CORS-05", "CORS-01", lambda root, other: _same_answer(root, other) and other.got(400),
            "The allowed sites may not send a header that they need."),
    # The state and what reads it.
    Follow("STATE-05", "STATE-01 STATE-06", _other_prefix,
            "The state is under another STATE_REDIS_PREFIX than the env file's."),
    Follow("STATE-06", "STATE-01 STATE-05", _other_redis,
            "The env file's Redis, or its STATE_REDIS_PREFIX, is not the one that the deployment uses."),
    Follow("STATE-01", "STATE-05 STATE-06", _migrated, "Redis does not hold what was migrated."),
    Follow("RDY-15", "STATE-06 OPS-06", _queue_elsewhere,
            "The deployment keeps its queue under another CONTEXT_REDIS_PREFIX than the env file's."),
    Follow("STATE-06", "OPS-06 RDY-15", _shows(r'"count":\s*0'),
            "The deployment does not show the state that Redis holds."),
    Follow("OPS-07", "OPS-08", _same_request, "An email counts as sent, and is not proved."),
)
# fmt: on
