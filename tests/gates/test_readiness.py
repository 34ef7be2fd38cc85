"""The readiness gate: what it must be given, and says so where it was not."""

from __future__ import annotations

from pathlib import Path

from tests.support.gate_runs import ask_gate
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
