"""The readiness gate: what it must be given, and says so where it was not."""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_caio.checks.probe import Request
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import Profile
from pytest_caio.outcomes import Mismatch, NotApplicable
from pytest_caio.probing.exchange import Exchange
from tests.support.gate_runs import SUITE, ask_gate
from tests.support.hosted import HostedDeployment


def test_introspection_needs_its_inputs(tmp_path: Path) -> None:
    """Without a number of functions to expect, or the key to ask with, an input is missing."""
    keyless = tmp_path / "keyless.env"
    with HostedDeployment(environment="production", access_log=False) as deployment:
        lines = deployment.env_file.read_text("utf-8").splitlines(keepends=True)
        keyless.write_text(
            "".join(line for line in lines if not line.startswith("INNGEST_SIGNING_KEY=")), "utf-8"
        )
        own = {"base_url": deployment.base_url, "environment": "production"}
        profiles = {
            "numberless": {"": {**own, "env_file": str(deployment.env_file)}},
            "keyless": {"": {**own, "env_file": str(keyless), "inngest_functions": 5}},
        }
        gate = ask_gate("readiness", tmp_path, profiles=profiles)
    assert gate.apart("numberless", "not-run") == {"RDY-06": "missing-input"}
    assert gate.apart("keyless", "not-run") == dict.fromkeys(("RDY-05", "RDY-06"), "missing-input")
    assert "inngest_functions in the profile" in gate.observed("numberless", "RDY-06")
    assert "INNGEST_SIGNING_KEY" in gate.observed("keyless", "RDY-05")


def test_key_is_needed_where_anybody_is_told(tmp_path: Path) -> None:
    """An older SDK tells everybody how many functions there are; the key is proved by a signature alone."""
    keyless = tmp_path / "keyless.env"
    with HostedDeployment("--inngest-sdk", "old", environment="production", access_log=False) as deployment:
        lines = deployment.env_file.read_text("utf-8").splitlines(keepends=True)
        keyless.write_text("".join(line for line in lines if "SIGNING_KEY" not in line), "utf-8")
        own = own_profile(deployment, environment="production", env_file=str(keyless))
        gate = ask_gate("readiness", tmp_path, profiles={"one": {"": own}})
    assert gate.apart("one", "not-run") == {"RDY-05": "missing-input"}
    assert "INNGEST_SIGNING_KEY" in gate.observed("one", "RDY-05")


def own_profile(deployment: HostedDeployment, **keys: object) -> dict[str, object]:
    """Return the keys of a profile for a deployment."""
    usual = {"base_url": deployment.base_url, "env_file": str(deployment.env_file), "inngest_functions": 5}
    return {**usual, **keys}


def made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir()
    return folder


def test_dev_mode_may_be_waived_but_in_production(tmp_path: Path) -> None:
    """On staging, dev mode takes a change in code and may be waived; in production neither is so."""
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(
        "\n".join(
            f'[[waiver]]\ncheck = "RDY-05"\nenvironment = "{name}"\nowner = "PTO"\nreason = "code"\n'
            f"expires = {datetime.now(UTC).date() + timedelta(days=7)}\n"
            for name in ("waived", "production")
        ),
        "utf-8",
    )
    with HostedDeployment(environment="staging", faults=["inngest-dev"], access_log=False) as deployment:
        own = own_profile(deployment, environment="staging")
        profiles = {
            "staging": {"": own},
            "waived": {"": own},
            "production": {"": {**own, "environment": "production"}},
        }
        gate = ask_gate("readiness", tmp_path, f"--waivers={waivers}", profiles=profiles)
    assert gate.apart("staging", "not-run") == {"RDY-05": "failed"}
    assert "Hand to the developer" in gate.fix("staging", "RDY-05")
    assert "runs in dev mode" in gate.observed("staging", "RDY-05")
    assert "runs in dev mode" in gate.observed("production", "RDY-05")
    assert gate.apart("waived", "not-run") == {"RDY-05": "waived"}
    assert gate.outcomes("production")["RDY-05"] == "failed"
    assert "In Railway" in gate.fix("production", "RDY-05")
    assert "RDY-05 cannot be waived in production" in gate.shown


def test_functions_are_counted(tmp_path: Path) -> None:
    """The number of functions expected and that of those served are both said."""
    with HostedDeployment(environment="production", access_log=False) as deployment:
        own = own_profile(deployment, environment="production", inngest_functions=6)
        gate = ask_gate("readiness", tmp_path, profiles={"one": {"": own}})
    assert "5 are served" in gate.observed("one", "RDY-06")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.nightly)])
def test_leaks_are_found_whichever_check_asked(workers: tuple[str, ...], tmp_path: Path) -> None:
    """What only another check asks for is judged too, once, also where workers ask."""
    faults = ["token-in-login", "connection-in-webhook"]
    with HostedDeployment(environment="production", faults=faults, access_log=False) as deployment:
        own = own_profile(deployment, environment="production")
        gates = [str(SUITE / f"test_{gate}.py") for gate in ("auth", "webhooks")]
        some = ("-k", "RDY-10 or AUTH-16 or WH-03")
        gate = ask_gate("readiness", tmp_path, *gates, *some, *workers, profiles={"one": {"": own}})
    assert gate.apart("one", "not-run", "advised") == {"RDY-10": "failed"}
    (check,) = [c for c in gate.environments["one"]["checks"] if c["id"] == "RDY-10"]
    told = [case for case in check["cases"] if case["outcome"] == "failed"]
    assert len([case for case in told if "AUTH-16" in case["name"]]) == 1
    assert all(len(case["exchanges"]) == 1 for case in told)
    assert "the value of DASHBOARD_AUTH_TOKEN" in gate.observed("one", "RDY-10")
    assert "a connection string" in gate.observed("one", "RDY-10")


def test_leaks_are_judged_where_the_check_is_asked(tmp_path: Path) -> None:
    """A run without RDY-10 judges no leak, and one of its gate alone judges what that gate asks."""
    with HostedDeployment(environment="production", faults=["token-in-login"], access_log=False) as site:
        own = own_profile(site, environment="production")
        alone = ask_gate("auth", made(tmp_path / "auth"), "-k", "AUTH-16", profiles={"one": {"": own}})
        gate = ask_gate(
            "readiness", made(tmp_path / "readiness"), "-k", "RDY-10", profiles={"one": {"": own}}
        )
    assert "RDY-10" not in alone.outcomes("one")
    assert gate.outcomes("one")["RDY-10"] == "passed"


def sample(elapsed_ms: float, status: int = 200, body: bytes = b'{"status": "ready"}') -> Exchange:
    """Return an answer to who asks for readiness."""
    request = Request("GET", "http://a.example", "/api/health/ready")
    return Exchange(request, datetime.now(UTC), elapsed_ms, status, (), body)


def judge_samples(*samples: Exchange) -> None:
    """Judge samples as RDY-12 does, with a budget of 500 ms."""
    judge: Callable[..., None] = inspect.unwrap(
        runpy.run_path(str(SUITE / "test_readiness.py"))["test_readiness_is_quick"]
    )
    environment = Environment("production", "http://a.example", Profile(ready_budget_ms=500), {})
    judge({f"sample {number}": one for number, one in enumerate(samples)}, environment)


def test_only_reports_are_samples() -> None:
    """A limit's quick answers hide no slow report, and where they are the most there is nothing to judge."""
    limited = sample(1, 429, b"<html>Too many requests</html>")
    judge_samples(*[sample(400)] * 10, *[limited] * 10)
    with pytest.raises(Mismatch, match="p95 of 19 samples is 900 ms"):
        judge_samples(*[sample(900)] * 19, limited)
    for other in (limited, sample(1, 200, b"<html>"), sample(1, 503, b'{"detail": "not ready"}')):
        with pytest.raises(NotApplicable, match="9 of 20 answers are reports of readiness; another is: "):
            judge_samples(*[sample(900)] * 9, *[other] * 11)
