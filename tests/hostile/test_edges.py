"""What stands in front of a healthy deployment is named for what it is, and turns no check red at random."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable

import pytest

from tests.support import bad_servers as bad
from tests.support.judging import GATES
from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome, serving

# A few checks of each kind: with the right token, without one, of a webhook.
SOME = "test_status_opens or test_dependencies or test_status_needs or test_unsigned_posts"
RAILWAY = json.dumps({"status": "error", "code": 404, "message": "Application not found"}).encode()
HTML = "Content-Type: text/html"


def to_webhooks(answer: bytes) -> Callable[[str, bytes], bytes]:
    """Answer the webhooks' routes in the deployment's place."""
    return lambda target, own: answer if target.startswith("/webhooks") else own


def to_some(answer: bytes) -> Callable[[str, bytes], bytes]:
    """Answer every second request in the deployment's place."""
    count = itertools.count()
    return lambda _, own: answer if next(count) % 2 else own


def to_all(answer: bytes) -> Callable[[str, bytes], bytes]:
    """Answer every request in the deployment's place."""
    return lambda _, __: answer


EDGES = {
    "429 for a part": (
        to_some(bad.http(429)),
        "the deployment limits how often it is asked",
        "--request-rate",
    ),
    "an edge's own 404 page": (
        to_all(bad.http(404, RAILWAY, "Content-Type: application/json")),
        "answers 404 to everything: the host's edge knows no running application",
        "correct the base URL",
    ),
    "a browser challenge page": (
        to_some(bad.http(403, b"<title>Just a moment...</title>", HTML, "cf-mitigated: challenge")),
        "a challenge for browsers stands in front of the dashboard",
        "pass the bot protection",
    ),
    "webhooks 403": (
        to_webhooks(bad.http(403, b"<h1>Forbidden</h1>", HTML)),
        "something in front of the dashboard answered in its place (WH-03)",
        "the providers' posts to /webhooks/",
    ),
}


def must_be_one_cause(outcome: Outcome, words: str, fix: str) -> None:
    """Assert NO-GO with one cause, and its fix in place of those of the checks."""
    assert outcome.lines[-1] == "NO-GO", outcome.stdout
    (cause,) = outcome.evidence["causes"]
    told = f"{cause['sentence']} ({', '.join(cause['checks'])})"
    assert words.lower() in told.replace(". (", " (").lower()
    assert fix in cause["action"]
    assert any(fix in line for line in outcome.lines)


@pytest.mark.parametrize("name", EDGES)
def test_one_cause_is_named_for_what_it_is(name: str, ask_at: Ask, deployment: Deployment) -> None:
    """429 for a part, an edge's own 404 page, a browser challenge page, webhooks 403: one cause each."""
    tell, words, fix = EDGES[name]
    with serving(bad.relaying(deployment.address, tell=tell)) as url:
        outcome = ask_at(url, *SHORT, "-k", SOME)
    must_be_one_cause(outcome, words, fix)


JSON = "Content-Type: application/json"
NOBODY = bad.http(404, b'{"detail":"Not Found"}', JSON)
PASSWORD = bad.http(401, b"<h1>401</h1>", HTML, 'WWW-Authenticate: Basic realm="staging"')
DOWN = bad.http(502, b'{"message":"Application failed to respond"}', JSON)
LATER = ("/api/runtime/", "/api/operator/status", "/webhooks/clay")


def earlier_commit(target: str, own: bytes) -> bytes:
    """Answer 404, as a commit that lacks some routes, to those whom the guard lets in."""
    return NOBODY if target.startswith(LATER) and not own.startswith(b"HTTP/1.1 401") else own


# What answers, how the cause begins, and a part of its action.
DEPLOYMENTS = {
    "another program": (
        lambda target, own: own if target == "/" else NOBODY,
        "does not answer as the dashboard does",
        "base URL",
    ),
    "a password in front": (to_all(PASSWORD), "asks for a user name and a password", "password protection"),
    "half of it deployed": (
        lambda target, own: DOWN if target.startswith("/api/operator") else own,
        "the host's edge cannot reach the dashboard",
        "deploy logs",
    ),
    "an earlier commit": (earlier_commit, "What every dashboard has is not there (404)", "commit"),
    "every webhook crashes": (
        lambda target, own: bad.http(500, b"{}", JSON) if target.startswith("/webhooks/") else own,
        "more paths crash (500)",
        "Hand to the developer, with the deploy logs",
    ),
}


@pytest.mark.nightly  # tests/unit/verdict/test_causes.py has each in short
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_broken_deployment_is_one_cause(name: str, ask_at: Ask, deployment: Deployment) -> None:
    """A deployment that is broken as a whole is one cause, however many checks it turns red."""
    tell, words, fix = DEPLOYMENTS[name]
    with serving(bad.relaying(deployment.address, tell=tell)) as url:
        outcome = ask_at(url, *(f"acceptance/test_{gate}.py" for gate in ("auth", "webhooks", "readiness")))
    must_be_one_cause(outcome, words, fix)


def test_a_wrong_token_is_named(ask: Ask, deployment: Deployment) -> None:
    """A wrong token is one cause: the token, whatever each check would say."""
    wrong = "--token=not-the-token-of-this-deployment"
    outcome = ask(
        *GATES, "acceptance/test_auth.py", "-k", f"{SOME} or test_readiness_is", *deployment.arguments, wrong
    )
    must_be_one_cause(outcome, "the token is refused (AUTH-05, AUTH-06, RDY-02)", "copy DASHBOARD_")


def test_a_base_url_in_another_writing(ask: Ask, deployment: Deployment) -> None:
    """An upper-case scheme, another form of the host, a zero before the port: AUTH-13 compares origins."""
    odd = f"--base-url=HTTP://0x7F.1:0{deployment.address[1]}/"
    outcome = ask("acceptance/test_auth.py", "-k", "test_pages_go_to_the_login", *deployment.arguments, odd)
    assert outcome.checks == {"AUTH-13": "passed"}, outcome.stdout


def test_what_got_in_is_the_check_s_own_finding(ask_at: Ask, deployment: Deployment) -> None:
    """Where a firewall refuses some requests of a case, and one got in, the fix is that of the check."""

    def tell(target: str, answer: bytes) -> bytes:
        if target == "/static/.env":
            return bad.http(200, b"A=1", "Content-Type: text/plain")
        return bad.http(403, b"<title>Just a moment...</title>", HTML) if target.endswith(".env") else answer

    with serving(bad.relaying(deployment.address, tell=tell)) as url:
        outcome = ask_at(url, "acceptance/test_auth.py", "-k", "test_no_project_file")
    assert "keep it out of the static folder" in outcome.stdout


def test_http_that_is_sent_on_to_https_is_named(ask_at: Ask) -> None:
    """308 to https says that the base URL should begin with https."""

    def handle(connection: object) -> None:
        for _, target, _ in bad.requests(connection):
            connection.sendall(bad.http(308, b"", f"Location: https://{host}{target}"))

    with serving(handle) as url:
        host = url.partition("://")[2]
        outcome = ask_at(url, *SHORT, "-k", SOME)
    must_be_one_cause(
        outcome, "answers 308 to everything: the deployment sends http on to https", "with https://"
    )


def test_oddities_of_proxies_turn_nothing_red(ask_at: Ask, deployment: Deployment) -> None:
    """A body after HEAD, 1xx, blank lines, closed connections, 408 at first: auth's checks of paths pass."""
    count = itertools.count()
    known: set[str] = set()

    def odd(target: str, answer: bytes) -> bytes:
        number = next(count)
        if target not in known:  # never to a retry, which would have to be a failure
            known.add(target)
            return bad.http(408, b"", "Connection: close")
        head, _, body = answer.partition(b"\r\n\r\n")
        due = re.search(rb"(?i)\r\ncontent-length: [1-9]", head) and not body  # to HEAD, or it would be here
        more = b"{}" if due else b"\r\n" * (number % 2)
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * (number % 3)
        return hint + head + b"\r\n\r\n" + body + more

    with serving(bad.relaying(deployment.address, tell=odd)) as url:
        outcome = ask_at(
            url,
            "acceptance/test_auth.py",
            "-k",
            "status or methods or protected_path or pages or near_misses",
        )
    bad_ones = {check: found for check, found in outcome.checks.items() if found == "failed"}
    assert bad_ones == {}, outcome.stdout


def test_a_lost_login_says_to_run_again(ask_at: Ask, deployment: Deployment) -> None:
    """One dropped connection on the wrong-login probe says "run again", not "have the login corrected"."""

    def drop(target: str, answer: bytes) -> bytes:
        if target == "/login":
            raise OSError("dropped")
        return answer

    with serving(bad.relaying(deployment.address, tell=drop)) as url:
        outcome = ask_at(
            url, "acceptance/test_auth.py", "-k", "test_wrong_token_at_the_login or test_status_needs"
        )
    assert outcome.checks == {"AUTH-01": "passed", "AUTH-16": "failed"}
    assert "Run again" in outcome.stdout
    assert "Have the dashboard's login corrected" not in outcome.stdout
