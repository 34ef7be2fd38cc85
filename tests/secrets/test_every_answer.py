"""A secret in any answer is a leak and is not shown.

In a webhook's 401, the wrong-login page, a preflight, the 401 of a PUT, the answer to an odd spelling of a
path, a redirect, a cookie, and an answer that is packed.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from pytest_caio.environments.keys import SECRETS
from tests.support.bad_servers import relaying
from tests.support.gate_runs import SUITE
from tests.support.scanner import Scanner
from tests.support.suite_runs import Deployment, run_suite, serving

Answer = tuple[bytes, bytes]
Change = Callable[[bytes, bytes, str, str], Answer]


def _body(head: bytes, body: bytes, plain: str, written: str) -> Answer:
    return head, body + f'{{"debug": "{written}"}}'.encode()


def _redirect(head: bytes, body: bytes, plain: str, written: str) -> Answer:
    debug = f"?debug={quote(plain)}".encode()
    return re.sub(rb"(?i)\r\nlocation: [^\r]*", lambda found: found[0] + debug, head), body


def _cookie(head: bytes, body: bytes, plain: str, written: str) -> Answer:
    return head + f"\r\nSet-Cookie: debug={quote(plain)}; Path=/".encode(), body


def _packed(head: bytes, body: bytes, plain: str, written: str) -> Answer:
    return head + b"\r\nContent-Encoding: gzip", gzip.compress(body) + gzip.compress(written.encode())


# By place: the target and status of the answers that leak, how they do, and the method of one of them.
PLACES: dict[str, tuple[str, int, Change, str]] = {
    "webhook 401": ("/webhooks/clay", 401, _body, "POST"),
    "login page": ("/login", 200, _body, "POST"),
    "preflight": ("/api/operator/status", 400, _body, "OPTIONS"),
    "PUT 401": ("/api/agents", 401, _body, "PUT"),
    "odd spelling": ("/api//operator/status", 401, _body, "GET"),
    "redirect": ("/sales", 302, _redirect, "GET"),
    "cookie": ("/leads", 302, _cookie, "GET"),
    "packed body": ("/api/metrics", 401, _packed, "PUT"),
}
WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "codes of JSON": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "codes of HTML": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "UTF-16": lambda text: text.encode("utf-16-le").decode(),
}
KEYS = [*SECRETS, "REDIS_URL"]
GATES = [str(SUITE / f"test_{gate}.py") for gate in ("auth", "webhooks", "readiness", "cors")]

# The checks that ask these places.
ASKING = "unsigned_posts or wrong_token_at or other_methods or operator/status or pages_go or test_cors"


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """A healthy deployment whose answers are changed on their way; new, for its count of wrong logins."""
    deployment = Deployment()
    with deployment.reference:
        yield deployment


def leaking(plain: str, written: str) -> Callable[[str, bytes], bytes]:
    """Return how answers are changed so that each place tells a text."""
    at = {(target, status): change for target, status, change, _ in PLACES.values()}

    def tell(target: str, answer: bytes) -> bytes:
        head, _, body = answer.partition(b"\r\n\r\n")
        change = at.get((target, int(head.split(b" ", 2)[1])))
        if change and (body or change in (_redirect, _cookie)):
            head, body = change(head, body, plain, written)
            head = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head)
        return head + b"\r\n\r\n" + body

    return tell


def must_be_found(deployment: Deployment, keys: Sequence[str], folder: Path, form: str = "plain") -> None:
    """Assert that RDY-10 is red for each place and names each key, and that no value is shown."""
    secrets = [deployment.secrets[key] for key in keys]
    tell = leaking(" ".join(secrets), " ".join(map(WRITTEN[form], secrets)))
    with serving(relaying(deployment.address, tell=tell)) as url:
        asked = (*GATES, *deployment.arguments, f"--base-url={url}", "-k", ASKING)
        outcome = run_suite(*asked, folder=folder)
    (environment,) = outcome.evidence["environments"]
    (check,) = [one for one in environment["checks"] if one["id"] == "RDY-10"]
    assert check["outcome"] == "failed"
    exchanges = {one["n"]: one for one in environment["exchanges"]}
    observed: dict[tuple[str, str, int], str] = {}
    for case in check["cases"]:
        if case["outcome"] == "failed":
            (sent,) = (exchanges[number] for number in case["exchanges"])
            observed[sent["method"], sent["url"].removeprefix(url), sent["status"]] = case["observed"]
    named = sorted(keys)[:5]  # a longer list is cut
    for place, (target, status, _, method) in PLACES.items():
        told = observed[method, target, status]
        assert [key for key in named if f"the value of {key}" not in told] == [], (place, told)
    # Of a URL the password is secret.
    parts = [secret.removeprefix("signkey-prod-").partition("@")[0].rpartition(":")[2] for secret in secrets]
    scanner = Scanner(parts)
    assert scanner.leaks(outcome.stdout + outcome.stderr) == []
    assert scanner.leaks_under(folder) == {}


def test_every_answer_is_read(deployment: Deployment, tmp_path: Path) -> None:
    """A secret in a webhook's 401, the wrong-login page, a 400 preflight: every answer is judged."""
    must_be_found(deployment, list(deployment.secrets), tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("form", WRITTEN)
def test_every_answer_is_read_in_every_form(form: str, deployment: Deployment, tmp_path: Path) -> None:
    """The same holds however a secret is written."""
    must_be_found(deployment, list(deployment.secrets), tmp_path, form)


@pytest.mark.nightly
@pytest.mark.parametrize("key", KEYS)
def test_each_secret_is_found_in_every_answer(key: str, deployment: Deployment, tmp_path: Path) -> None:
    """The same holds for each secret alone, which no other helps to find."""
    must_be_found(deployment, [key], tmp_path)
