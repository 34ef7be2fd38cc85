"""Every secret is sent only where it is declared, as recorded by every server that could receive it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_caio.checks.credentials import NEAR_MISSES, NEAR_SIGNATURES
from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS, ROUTES, UNREADABLE_BODY
from tests.support.bad_servers import http, requests
from tests.support.places import CHECKOUT
from tests.support.planted import made
from tests.support.scanner import RUN, Scanner
from tests.support.suite_runs import (
    SHORT,
    Deployment,
    Outcome,
    Row,
    Sent,
    asked,
    clean_environment,
    plan_rows,
    run_suite,
    serving,
)

TOKEN = "DASHBOARD_AUTH_TOKEN"
BEARERS = BEARER_KEYS
# Secrets that no request may contain in any encoding; of some of them a signature is sent.
NEVER = [
    *(provider.secret_key for provider in PROVIDERS.values()),
    *"INNGEST_SIGNING_KEY INNGEST_EVENT_KEY SESSION_SECRET_KEY REDIS_URL NETRC".split(),
]
# Replay and pack send nothing to the deployment.
PROBING = ("--ignore=acceptance/test_replay.py", "--ignore=acceptance/test_pack.py")
MADE_UP = "0123456789abcdef" * 4
MADE_UP_SIGNATURES = {MADE_UP, hmac.new(b"", UNREADABLE_BODY, hashlib.sha256).hexdigest()}
ANOTHER_BODY = b"["


@dataclass
class Listener:
    """A server that must not be connected to: it records connections and requests, and responds with 200."""

    heard: list[str] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        """Record a connection and all requests that arrive over it."""
        self.heard.append("a connection")
        for _, _, request in requests(connection):
            self.heard.append(request.decode("latin-1"))
            connection.sendall(http(200, b"{}"))


@dataclass(frozen=True, eq=False)
class Watched:
    """A run, its plan, and the connections, lookups and requests that were recorded."""

    outcome: Outcome
    rows: list[Row]
    values: dict[str, str]
    connected: list[tuple[str, int]]
    elsewhere: list[str]


class Field:
    """A deployment, with a .netrc file and a proxy that a run must not use."""

    def __init__(self, folder: Path, deployment: Deployment, proxy: str) -> None:
        self.folder = folder
        self.deployment = deployment
        netrc, settings = made("abcdefghjkmnpq"), deployment.settings
        where = urlsplit(settings["REDIS_URL"])
        self.redis = (where.hostname or "", where.port or 6379)
        (folder / ".netrc").write_text(f"machine 127.0.0.1 login caio password {netrc}\n", "utf-8")
        (folder / ".netrc").chmod(0o600)
        keys = (TOKEN, *BEARERS, *NEVER[:-2])
        self.values = {key: settings[key].removeprefix("signkey-prod-") for key in keys}
        self.values |= {"REDIS_URL": where.password or "", "NETRC": netrc}
        self.values |= {f"{TOKEN}, {kind}": make(settings[TOKEN]) for kind, make in NEAR_MISSES.items()}
        revoked = deployment.reference.revoked_file.read_text("utf-8").split()
        self.values |= {f"revoked token {number}": value for number, value in enumerate(revoked, 1)}
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        self.environment = {
            **dict.fromkeys(proxies, proxy),
            **dict.fromkeys(("HOME", "USERPROFILE"), str(folder)),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
        }
        self._numbers = itertools.count()

    def run(
        self,
        *arguments: str,
        suite: tuple[str, ...] = ("acceptance",),
        url: str = "",
        planned: bool = True,
        environment: dict[str, str] | None = None,
    ) -> Watched:
        """Run `suite` with all its inputs, print its plan if `planned`, and collect what was recorded."""
        number = next(self._numbers)
        notes = self.folder / f"sockets-{number}.jsonl"
        asked = [
            *(*suite, "--allow-writes", *self.deployment.arguments),
            *(f"--revoked-tokens=@{self.deployment.reference.revoked_file}", *arguments),
            *([f"--base-url={url}"] if url else []),
        ]
        known = len(self.deployment.log())
        more = environment or {}
        around = {**self.environment, "SOCKETS": str(notes), **more}
        outcome = run_suite(
            *asked,
            *("-p", "watching"),
            folder=self.folder / f"evidence-{number}",
            environment=around,
            path=(CHECKOUT, CHECKOUT / "tests/secrets/watch"),
        )
        sent = self.deployment.log()[known:]
        noted = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
        connected = [tuple(note["address"][:2]) for note in noted if note["event"] != "socket.getaddrinfo"]
        looked_up = {note["address"] for note in noted if note["event"] == "socket.getaddrinfo"}
        rows = []
        if planned:
            own = {"folder": self.folder / f"plan-{number}", "environment": {**self.environment, **more}}
            rows = plan_rows(run_suite(*asked, "--plan", **own).stdout)
        outcome = Outcome(outcome.status, outcome.stdout, outcome.stderr, outcome.folder, 0.0, tuple(sent))
        return Watched(outcome, rows, self.values, connected, sorted(looked_up))


@pytest.fixture(scope="module")
def proxy() -> Iterator[tuple[str, Listener]]:
    """A proxy's URL, and the listener that records what it receives."""
    listener = Listener()
    with serving(listener) as url:
        yield url, listener


@pytest.fixture(scope="module")
def field_(tmp_path_factory: pytest.TempPathFactory, proxy: tuple[str, Listener]) -> Iterator[Field]:
    """The deployment, .netrc file and proxy of these runs."""
    deployment = Deployment()
    with ExitStack() as stack:
        stack.enter_context(deployment.reference)
        yield Field(tmp_path_factory.mktemp("field"), deployment, proxy[0])


@pytest.fixture(scope="module")
def whole(field_: Field) -> Watched:
    """A whole run with --allow-writes."""
    watched = field_.run()
    assert watched.outcome.lines[-1] == "GO", watched.outcome.stdout
    return watched


def astray(watched: Watched) -> list[str]:
    """Return each secret, whole or in part, that was not sent exactly where the plan declares it."""
    told: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in watched.values}
    scanner = Scanner(watched.values.values())
    for one in watched.outcome.sent:
        runs, words = scanner.leaks(one.raw), _words_of(one)
        for name, value in watched.values.items():
            # A near miss must match as a whole, since most of it is the token.
            exactly = name.startswith((f"{TOKEN}, ", "revoked")) and name != f"{TOKEN}, a prefix"
            if value.encode() in words if exactly else any(run in value for run in runs):
                told[name].update(asked([one], watched.values[TOKEN]))
    found = []
    for name, counted in told.items():
        declared = Counter(row.asked for row in watched.rows if _may_carry(row.credential, name))
        found += [f"{name}: {count} {asked}" for asked, count in (counted - declared).items()]
        found += [f"{name}: lacking {asked}" for asked, count in (declared - counted).items()]
    return found


def _words_of(one: Sent) -> set[bytes]:
    return set(re.split(rb"[^\w-]+", one.raw))


def _may_carry(credential: str, name: str) -> bool:
    if name in (
        TOKEN,
        f"{TOKEN}, a prefix",
    ):  # all near misses except one consist mostly of the token
        return credential.startswith(TOKEN) and not credential.endswith("other case")
    if name in BEARERS:
        return credential in (f"{name} as bearer", f"{name} in the query")
    return credential == name


@cache
def signatures(watched: Watched) -> Counter[tuple[str, str, str]]:
    """Count the signatures that arrived, by the name of their secret and body, method and target."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in watched.outcome.sent:
        body = one.body.encode("latin-1")
        words = _words_of(one)
        overs = {"": body, " over another body": ANOTHER_BODY, " over an empty body": b""}
        for key in (TOKEN, *NEVER):
            secret = watched.values[key].encode()
            stamp = re.search(rb"t=(\d+)&s=", one.raw)
            forms: dict[str, str] = {}
            for over, signed in overs.items():
                text = signed + (stamp[1] if stamp else b"")
                forms[over] = hmac.new(secret, text, hashlib.sha256).hexdigest()
            forms |= {f", {kind}": miss(forms[""]) for kind, miss in NEAR_SIGNATURES.items()}
            how = next((how for how, value in forms.items() if value.encode() in words), None)
            if how is not None:
                target, query, _ = one.target.partition("?")
                found[f"signature by {key}{how}{' in the query' if query else ''}", one.method, target] += 1
    return found


def test_secrets_are_sent_only_where_declared(whole: Watched) -> None:
    """Token, near misses, revoked tokens and bearers are in exactly the requests that declare them."""
    assert astray(whole) == []
    asked = {row.credential for row in whole.rows}
    assert {f"{TOKEN}{how}" for how in ("", " in the login form", " as ?token=")} <= asked
    assert {f"{key} as bearer" for key in BEARERS} | {"revoked token 1"} <= asked


def test_signatures_are_sent_only_where_declared(whole: Watched) -> None:
    """Signatures are in exactly the requests that declare them: on webhook routes, Inngest's on /inngest."""
    declared = Counter(
        (row.credential, *row.asked) for row in whole.rows if row.credential.startswith("signature by ")
    )
    arrived = signatures(whole)
    assert arrived == declared
    assert {key for key in NEVER if any(key in name for name, *_ in arrived)} == {
        *(provider.secret_key for provider in PROVIDERS.values()),
        "INNGEST_SIGNING_KEY",
    }
    routes = {name: {target for one, _, target in arrived if one == name} for name, *_ in arrived}
    assert routes.pop("signature by INNGEST_SIGNING_KEY") == {"/inngest"}
    assert routes.pop(f"signature by {TOKEN}") == {*ROUTES}
    assert all(target.startswith("/webhooks/") for targets in routes.values() for target in targets)
    # A valid signature goes to its own route, and once to each other one, which must refuse it.
    for name, targets in routes.items():
        own = {target for target in targets if name.split()[2].split("_")[0].lower() in target}
        assert own, name
        assert own == targets or not re.search(" over |, | in the ", name)


def test_other_signature_headers_hold_public_values(whole: Watched) -> None:
    """A signature header that was not made with a secret holds a made-up, public value."""
    ours = Counter(
        (method, target)
        for name, method, target in signatures(whole).elements()
        if not name.endswith(" in the query")
    )
    arrived = Counter(
        (one.method, one.target)
        for one in whole.outcome.sent
        for name, value in one.headers
        if name.endswith("-signature") and (made := re.search("[0-9a-f]{32,}", value))
        if made[0] not in MADE_UP_SIGNATURES and not of_nobody(value)
    )
    assert arrived == ours


def of_nobody(value: str) -> bool:
    """Return whether a header's value is Inngest's signature by an empty key, which anybody can make."""
    time, _, digest = value.removeprefix("t=").partition("&s=")
    return digest == hmac.new(b"", time.encode(), hashlib.sha256).hexdigest()


def test_only_the_deployment_and_redis_are_connected_to(whole: Watched, field_: Field) -> None:
    """The run and its child processes connect only to the deployment and its Redis server."""
    assert set(whole.connected) == {field_.deployment.address, field_.redis}
    assert set(whole.elsewhere) <= {"127.0.0.1"}


def test_proxies_and_netrc_are_not_used(whole: Watched, proxy: tuple[str, Listener], field_: Field) -> None:
    """The proxies of the environment receive nothing, and .netrc adds nothing to a request."""
    assert proxy[1].heard == []
    assert Scanner([field_.values["NETRC"]]).leaks(b"\n".join(one.raw for one in whole.outcome.sent)) == []


def test_a_client_that_trusts_the_environment_uses_them(
    whole: Watched, field_: Field, proxy: tuple[str, Listener]
) -> None:
    """The proxy and the .netrc that the run ignores do work: another client uses both."""
    assert whole
    known = len(field_.deployment.log())
    ask = f"import requests; requests.get('{field_.deployment.reference.base_url}/api/health')"
    direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    try:
        for more in ({}, direct):
            environment = clean_environment(**{**field_.environment, **more})
            subprocess.run([sys.executable, "-c", ask], check=True, env=environment, timeout=30)
        assert any(heard.startswith("GET http://127.0.0.1:") for heard in proxy[1].heard)
    finally:
        proxy[1].heard.clear()
    (sent,) = field_.deployment.log()[known:]
    expected = base64.b64encode(f"caio:{field_.values['NETRC']}".encode()).decode()
    assert sent.values("Authorization") == [f"Basic {expected}"]


REDIRECTS = [
    (status, form)
    for status in (301, 302, 303, 307, 308)
    for form in ("http://{0}/stolen", "//{0}/stolen", "http:\\\\{0}\\stolen", "http://127.0.0.1@{0}/x")
]


def test_nothing_follows_a_redirect_elsewhere(field_: Field, proxy: tuple[str, Listener]) -> None:
    """Where every request is redirected, in any status and spelling, the other host receives nothing."""
    elsewhere, turn = Listener(), itertools.cycle(REDIRECTS)
    answered: Counter[tuple[int, str]] = Counter()
    with serving(elsewhere) as other:
        place = urlsplit(other).netloc

        def redirect(connection: socket.socket) -> None:
            for _ in requests(connection):
                status, form = one = next(turn)
                answered[one] += 1
                to = form.format(place)
                more = (f"Refresh: 0; url={other}/refreshed", f"Link: <{other}/linked>; rel=preload")
                body = f'<meta http-equiv=refresh content="0; url={other}"><img src="{other}/x">'.encode()
                connection.sendall(http(status, body, f"Location: {to}", "Content-Type: text/html", *more))

        with serving(redirect) as url:
            watched = field_.run(suite=SHORT, url=url, planned=False)
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
        assert elsewhere.heard == []
        assert proxy[1].heard == []
    assert watched.outcome.lines[-1] == "NO-GO"
    assert set(answered) == set(REDIRECTS)
    assert address in watched.connected
    assert set(watched.connected) <= {address, field_.redis}


def test_an_undeclared_request_is_found(whole: Watched, field_: Field) -> None:
    """The tests above detect a secret, signature or connection that a plugin sends undeclared."""
    values, url = field_.values, field_.deployment.reference.base_url
    coded = base64.b64encode(f"x{values[TOKEN]}".encode()).decode()
    signature = hmac.new(values["CLAY_WEBHOOK_SECRET"].encode(), b"", hashlib.sha256).hexdigest()
    stray = {
        "token": ("GET", f"{url}/api/health", {"X-Trace": values[TOKEN]}),
        "token in base64": ("GET", f"{url}/api/agents", {"X-Trace": coded}),
        "piece of the token": ("GET", f"{url}/api/alerts?x={values[TOKEN][4 : 4 + RUN]}", {}),
        "near miss": ("GET", f"{url}/docs", {"X-Trace": values[f"{TOKEN}, other case"]}),
        "revoked": ("GET", f"{url}/redoc", {"Cookie": f"a={values['revoked token 1']}"}),
        "bearer": ("GET", f"{url}/login", {"Authorization": f"Bearer {values[BEARERS[0]]}"}),
        "secret": ("GET", f"{url}/sales", {"X-Trace": values["SESSION_SECRET_KEY"].encode().hex()}),
        "redis": ("GET", f"{url}/leads", {"X-Trace": values["REDIS_URL"]}),
        "inngest": ("GET", f"{url}/inngest", {"X-Trace": values["INNGEST_SIGNING_KEY"]}),
        "signature": ("GET", f"{url}/scorecard", {"X-Clay-Signature": signature}),
    }
    with serving(Listener()) as other:
        address = ("127.0.0.1", int(other.rpartition(":")[2]))
        told = json.dumps({"requests": list(stray.values()), "addresses": [address]})
        watched = field_.run("-m", "cors", "-p", "tests.support.straying", environment={"STRAY": told})
    found = "\n".join(astray(watched))
    for name, (method, there, _) in stray.items():
        if name != "signature":
            assert f"1 {(method, there.removeprefix(url))}" in found.replace(values[TOKEN], f"[{TOKEN}]"), (
                name
            )
    assert ("signature by CLAY_WEBHOOK_SECRET", "GET", "/scorecard") in signatures(watched)
    assert address in watched.connected
    assert set(watched.connected) != {field_.deployment.address, field_.redis}
