"""Two environments in one run: both are asked at once, judged together, and kept apart."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_caio.contract.signing import webhook_signature
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.keys import SECRETS
from pytest_caio.environments.profiles import read_profiles
from pytest_caio.redaction.redactor import Redactor
from tests.support import forked
from tests.support.gate_runs import toml
from tests.support.hosted import HostedDeployment
from tests.support.places import CHECKOUT
from tests.support.suite_runs import SHORT

NAMES = ("staging", "production")
WHOLE = (str(CHECKOUT / "acceptance"),)
# Checks that send what the short suite does not: sessions, near misses, bearers, a signed introspection.
SIGNED = ("-k", "AUTH-07 or AUTH-08 or AUTH-15 or WH-07 or RDY-05")
GATES = ["environment", "auth", "webhooks", "readiness", "cors", "state", "replay", "operator", "pack"]


@dataclass(frozen=True)
class Both:
    """A run of the suite for both environments: its status, its evidence, and what each host was sent."""

    status: int
    shown: str
    evidence: dict[str, Any]
    sent: dict[str, list[dict[str, Any]]]
    secrets: dict[str, dict[str, str]]

    def part(self, name: str) -> dict[str, Any]:
        """Return an environment's part of the evidence."""
        (found,) = [part for part in self.evidence["environments"] if part["name"] == name]
        return dict(found)

    def red(self, name: str) -> set[str]:
        """Return the checks of an environment that failed or lacked an input."""
        bad = ("failed", "missing-input", "error")
        return {check["id"] for check in self.part(name)["checks"] if check["outcome"] in bad}


def profiles(deployments: dict[str, HostedDeployment]) -> str:
    """Return the profiles of all deployments in one text, each with its env file."""
    merged = {}
    for name, deployment in deployments.items():
        (ready,) = read_profiles(deployment.profiles_file).values()
        assert ready.state is not None
        assert ready.state.cutover is not None
        assert ready.replay is not None
        own = {"base_url": deployment.base_url, "env_file": str(deployment.env_file), "inngest_functions": 5}
        state = {"hive_dir": ready.state.hive_dir, "cutover": ready.state.cutover.isoformat()}
        replay = {key: getattr(ready.replay, key) for key in ("golden_set", "runner", "cwd", "protocol")}
        assert ready.operator is not None
        assert ready.pack is not None
        operator = {"daily_limit": ready.operator.daily_limit}
        pack = {"cwd": ready.pack.cwd, "tests": list(ready.pack.tests)}
        merged[name] = {"": own, "state": state, "replay": replay, "operator": operator, "pack": pack}
    return toml(merged)


def ask_both(
    folder: Path, deployments: dict[str, HostedDeployment], *arguments: str, suite: Sequence[str] = WHOLE
) -> Both:
    """Run a suite for both, and return what became of it."""
    path, evidence = folder / "profiles.toml", folder / "evidence"
    path.write_text(profiles(deployments), "utf-8")
    done = forked.run(
        [
            *(*suite, "-q", *arguments),
            *("-p", "pytest_base_url.plugin", "-p", "xdist", "-p", "no:cacheprovider"),
            *(f"--profiles={path}", f"--evidence-dir={evidence}", *(f"--env={name}" for name in deployments)),
        ],
        cwd=CHECKOUT,
        environment={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
    )
    (written,) = evidence.glob("*Z.json")
    text = written.read_text("utf-8")
    sent, secrets = {}, {}
    for name, deployment in deployments.items():
        lines = deployment.access_log.read_text("utf-8").splitlines()
        sent[name] = [json.loads(line) for line in lines]
        values = {key: value.reveal() for key, value in EnvFile.read(deployment.env_file).values.items()}
        secrets[name] = {key: values[key] for key in SECRETS}
    return Both(done.returncode, done.stdout + done.stderr + text, json.loads(text), sent, secrets)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SHORT, id="short"),
        pytest.param(WHOLE, id="whole", marks=pytest.mark.nightly),
        pytest.param((*WHOLE, "-n2"), id="workers", marks=pytest.mark.nightly),
    ],
)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A run for two healthy deployments with nothing in common."""
    with ExitStack() as stack:
        deployments = {name: stack.enter_context(HostedDeployment(environment=name)) for name in NAMES}
        if request.param == SHORT:
            ask_both(tmp_path_factory.mktemp("signed"), deployments, *SIGNED)
        yield ask_both(tmp_path_factory.mktemp("both"), deployments, suite=request.param)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A run for two deployments that have one dashboard token."""
    with ExitStack() as stack:
        staging = stack.enter_context(HostedDeployment(environment="staging"))
        token = EnvFile.read(staging.env_file).values["DASHBOARD_AUTH_TOKEN"].reveal()
        taken = HostedDeployment("--setting", f"DASHBOARD_AUTH_TOKEN={token}")
        deployments = {"staging": staging, "production": stack.enter_context(taken)}
        yield ask_both(tmp_path_factory.mktemp("shared"), deployments, suite=SHORT)


def test_both_are_go(both: Both) -> None:
    """Two healthy environments are GO together, with a whole part for each."""
    assert (both.status, both.evidence["verdict"]) == (0, "GO"), both.shown
    assert [part["name"] for part in both.evidence["environments"]] == list(NAMES)
    for name in NAMES:
        part = both.part(name)
        assert part["verdict"] == "GO"
        assert [gate["name"] for gate in part["gates"]] == GATES
        outcomes = {check["id"]: check["outcome"] for check in part["checks"]}
        assert outcomes["ENV-10"] == outcomes.get("ENV-06", "passed") == "passed"  # the short suite lacks one
        (apart,) = [check for check in part["checks"] if check["id"] == "ENV-10"]
        assert {case["outcome"] for case in apart["cases"]} == {"passed"}
    assert set(both.evidence["env_diff"]) == set(NAMES)


def test_both_are_asked_at_once(both: Both) -> None:
    """Neither host waits for the other: their requests overlap in time."""
    spans = {name: [line["at"] for line in lines] for name, lines in both.sent.items()}
    assert all(len(times) > 20 for times in spans.values())
    assert max(map(min, spans.values())) < min(map(max, spans.values()))


def test_no_secret_goes_astray(both: Both) -> None:
    """No request to one host carries, in any form, a secret of the other, nor a signature made with one."""
    for name, other in (NAMES, NAMES[::-1]):
        own, foreign = Redactor(both.secrets[name]), Redactor(both.secrets[other])
        asked = [line for line in both.sent[name] if line["method"] != "WEBSOCKET"]
        text = "\n".join(json.dumps([line["target"], line["headers"], line["body"]]) for line in asked)
        assert own.secrets_in(text), "the log holds what was sent"
        assert foreign.secrets_in(text) == []
        for line in asked:
            body, values = line["body"].encode("latin-1"), str(line["headers"])
            made = {webhook_signature(secret, body) for secret in both.secrets[other].values()}
            assert not any(signature in values for signature in made)


def test_no_secret_is_shown(both: Both) -> None:
    """Neither environment's secrets are shown."""
    for secrets in both.secrets.values():
        assert Redactor(secrets).secrets_in(both.shown) == []


def test_a_shared_token_is_no_go(shared: Both) -> None:
    """One token for both is NO-GO, and the only thing that is wrong."""
    assert (shared.status, shared.evidence["verdict"]) == (1, "NO-GO")
    assert shared.red("staging") == shared.red("production") == {"ENV-10"}
    for name, other in (NAMES, NAMES[::-1]):
        (check,) = [check for check in shared.part(name)["checks"] if check["id"] == "ENV-10"]
        bad = [case for case in check["cases"] if case["outcome"] != "passed"]
        assert [case["name"] for case in bad] == ["DASHBOARD_AUTH_TOKEN"]
        assert f"{other} has the same" in bad[0]["observed"]
    assert shared.secrets["staging"]["DASHBOARD_AUTH_TOKEN"] not in shared.shown
