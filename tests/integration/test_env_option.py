"""The option --env: a named environment, its secrets from a file or the process, and the run's evidence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.evidence_shape import SHAPE, misshapen
from tests.support.nightly import some_nightly
from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome

OUTCOMES = {"passed", "failed", "waived", "advised", "missing-input", "not-run", "error"}
VERDICTS = {"GO", "NO-GO", "INCOMPLETE"}


@pytest.fixture(
    scope="module",
    params=some_nightly(
        ("--inngest-sdk old --bearer-only clay", "--bearer-only heyreach"), "--bearer-only heyreach"
    ),
)
def variant(request: pytest.FixtureRequest, ask: Ask, serve: Callable[..., Deployment]) -> Outcome:
    """A run against a healthy deployment with another configuration, of the gates that see it."""
    return ask(
        "acceptance", "-m", "environment or auth or webhooks or readiness", to=serve(*request.param.split())
    )


def test_production_is_go(go: Outcome) -> None:
    """A healthy production deployment is GO with exit status 0, and all cases are in the evidence."""
    assert (go.status, go.evidence["verdict"], go.lines[-1]) == (0, "GO", "GO"), go.stdout
    assert len(go.cases) >= 120
    assert sum(len(check["cases"]) for check in go.evidence["environments"][0]["checks"]) == len(go.cases)
    assert go.stderr == ""


def test_other_healthy_deployments_pass(variant: Outcome) -> None:
    """Deployments with an older Inngest SDK, or a provider with a bearer only, pass too."""
    assert (variant.status, variant.evidence["verdict"]) == (0, "INCOMPLETE"), variant.stdout
    assert len(variant.cases) >= 120
    assert set(variant.checks.values()) <= {"passed", "advised", "not-run"}


def test_introspection_is_sent_unsigned_and_signed(go: Outcome, deployment: Deployment) -> None:
    """The new Inngest SDK refuses an introspection that is unsigned or signed with another key."""
    statuses = [
        (bool(one.values("X-Inngest-Signature")), one.status) for one in go.sent if one.target == "/inngest"
    ]
    assert sorted(statuses) == [(False, 401), (True, 200), (True, 401)]


def test_evidence_is_named_by_environment_and_time(go: Outcome) -> None:
    """JSON and HTML are in one folder, named by environment and UTC time, and the terminal names both."""
    match = re.fullmatch(r"production-(\d{8}T\d{6}Z)", go.evidence_path.stem)
    assert match, go.evidence_path
    assert go.html_path.stem == go.evidence_path.stem
    assert sorted(path.name for path in go.folder.iterdir() if path.name.startswith(".")) == []
    started = datetime.fromisoformat(go.evidence["run"]["started"])
    named = datetime.strptime(match[1] + "+0000", "%Y%m%dT%H%M%SZ%z")
    assert abs((started - named).total_seconds()) < 5
    assert f"evidence: {go.html_path} (also .json, " in go.stdout


def test_evidence_has_every_field(go: Outcome, calm: Deployment) -> None:
    """The JSON evidence has every field of version 1, with the right type."""
    evidence = go.evidence
    assert misshapen(evidence, SHAPE) == []
    assert (evidence["format"], evidence["version"]) == ("caio-acceptance-evidence", 1)
    (environment,) = evidence["environments"]
    assert environment["name"] == "production"
    assert environment["base_url"] == calm.reference.base_url
    assert environment["verdict"] in VERDICTS
    assert re.fullmatch(r"[0-9a-f]{40}", environment["commit"])
    assert datetime.fromisoformat(evidence["run"]["started"]).utcoffset() is not None
    assert evidence["run"]["started"] <= evidence["run"]["finished"]
    assert evidence["run"]["selection"] == "acceptance"


def test_evidence_adds_up(go: Outcome) -> None:
    """Outcomes have known values, what was asked has a fix, gate counts and exchanges match."""
    (environment,) = go.evidence["environments"]
    assert {check["outcome"] for check in environment["checks"]} <= OUTCOMES
    assert all(check["title"] for check in environment["checks"])
    assert [check["id"] for check in environment["checks"] if not check["fix"]] == [
        check["id"] for check in environment["checks"] if check["outcome"] == "not-run"
    ]
    for gate in environment["gates"]:
        own = [check for check in environment["checks"] if check["gate"] == gate["name"]]
        assert sum(count for key, count in gate.items() if key != "name") == len(own) > 0
        assert gate["passed"] == sum(check["outcome"] == "passed" for check in own)
    numbers = [exchange["n"] for exchange in environment["exchanges"]]
    assert len(numbers) == len(set(numbers))
    used = {n for check in environment["checks"] for case in check["cases"] for n in case["exchanges"]}
    assert used == set(numbers)
    for exchange in environment["exchanges"]:
        assert re.fullmatch(r"[0-9a-f]{64}", exchange["body_sha256"])
        assert exchange["url"].startswith(environment["base_url"] + "/")
        assert exchange["attempts"][-1]["status"] == exchange["status"]


class Loads(HTMLParser):
    """Collects the URLs that a browser would load for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect the URLs that a tag loads; an anchor loads none."""
        named = dict(attributes)
        for key in ("src", "srcset", "data", "poster", "background"):
            if named.get(key):
                self.found.append(str(named[key]))
        if tag in ("link", "base") and named.get("href"):
            self.found.append(str(named["href"]))
        self.found += re.findall(r"url\(\s*['\"]?([^)'\"]+)", named.get("style") or "")


def test_html_is_self_contained(go: Outcome) -> None:
    """The report loads no other file, and begins with the verdict."""
    loads = Loads()
    loads.feed(go.html)
    styles = "".join(re.findall(r"<style[^>]*>(.*?)</style>", go.html, re.S))
    loads.found += re.findall(r"url\(\s*['\"]?([^)'\"]+)", styles)
    assert [one for one in loads.found if not one.startswith("data:")] == []
    assert "@import" not in styles
    assert not (go.folder / "assets").exists()
    heading, banner, gates = (
        go.html.index(part)
        for part in (">CAIO acceptance of production: GO<", ">GO<", '<table class="caio-gates')
    )
    assert heading < banner < gates


def test_html_is_written_where_the_option_says(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    """With --html PATH the report is written there, self-contained, and the JSON to the evidence folder."""
    report = tmp_path / "mine" / "report.html"
    outcome = ask("acceptance/test_cors.py", "--html", str(report), to=deployment)
    text = report.read_text("utf-8")
    assert "INCOMPLETE" in text
    assert "<style" in text
    assert not (report.parent / "assets").exists()
    assert list(outcome.folder.glob("*.html")) == []
    assert outcome.evidence["verdict"] == "INCOMPLETE"
    assert f"evidence: {report}" in outcome.stdout


def without_file(deployment: Deployment) -> tuple[str, ...]:
    """Return the options that name a deployment, without its env file."""
    return tuple(option for option in deployment.arguments if not option.startswith("--env-file"))


def test_secrets_of_the_process_environment(ask: Ask, deployment: Deployment) -> None:
    """Variables named <ENV>_<KEY> replace an env file, and take precedence over the plain <KEY>."""
    given = {f"PRODUCTION_{key}": value for key, value in deployment.settings.items()}
    outcome = ask(
        *SHORT,
        *without_file(deployment),
        environment={**given, "DASHBOARD_AUTH_TOKEN": "another-environments-token"},
    )
    assert (outcome.status, outcome.lines[-1]) == (0, "GO"), outcome.stdout
    assert [key for key, value in deployment.secrets.items() if value in outcome.shown] == []


def test_bare_key_of_the_process_environment(ask: Ask, deployment: Deployment) -> None:
    """A plain <KEY> of the process environment is used if only one environment is checked."""
    checks = ("test_status_opens_with_the_token", "test_dependencies_open_with_the_token")
    outcome = ask(
        *(f"acceptance/test_auth.py::{name}" for name in checks),
        *without_file(deployment),
        environment={"DASHBOARD_AUTH_TOKEN": deployment.token},
    )
    assert outcome.checks == {"AUTH-05": "passed", "AUTH-06": "passed"}, outcome.stdout


def test_env_file_takes_precedence_over_the_process(ask: Ask, deployment: Deployment) -> None:
    """A value in the env file takes precedence over one in the process environment."""
    outcome = ask(
        "acceptance/test_auth.py::test_status_opens_with_the_token",
        to=deployment,
        environment={"PRODUCTION_DASHBOARD_AUTH_TOKEN": "an-older-token-of-production"},
    )
    assert outcome.checks == {"AUTH-05": "passed"}, outcome.stdout


def test_no_secret_is_shown(go: Outcome, writes: Outcome, calm: Deployment) -> None:
    """No secret, nor a signature or hash made from one, is in the terminal, the JSON or the HTML."""
    key = calm.settings["INNGEST_SIGNING_KEY"].removeprefix("signkey-prod-")
    hidden = {
        **calm.secrets,
        "bare signing key": key,
        "signing key hash": hashlib.sha256(bytes.fromhex(key)).hexdigest(),
        "password of Redis": calm.settings["REDIS_URL"].split(":")[2].split("@")[0],
    }
    for outcome in (go, writes):
        # That of another key is made with no secret.
        signed = [one for one in outcome.sent if one.status == 200]
        signatures = {v for one in signed for v in one.values("X-Inngest-Signature")}
        assert len(signatures) == 1
        shown = outcome.shown
        assert [name for name, value in hidden.items() if value in shown] == []
        assert [value for value in signatures if value in shown] == []
