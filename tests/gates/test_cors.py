"""The CORS gate: what the list of allowed origins, and the profile's former ones, make it ask."""

from __future__ import annotations

from pathlib import Path

from tests.support.gate_runs import ask_gate
from tests.support.hosted import HostedDeployment

CHECKS = tuple(f"CORS-0{n}" for n in range(1, 7))


def test_origins_decide_what_is_asked(tmp_path: Path) -> None:
    """`https://[bad` or `*` alone leaves no origin to ask as: an input is missing; a former one is red."""
    with HostedDeployment(environment="production", access_log=False) as deployment:
        lines = deployment.env_file.read_text("utf-8").splitlines()
        allowed = next(line for line in lines if line.startswith("CORS_ALLOWED_ORIGINS="))
        first = allowed.partition("=")[2].split(",")[0]

        def with_origins(name: str, origins: str) -> dict[str, object]:
            path = tmp_path / f"{name}.env"
            kept = [line for line in lines if line != allowed]
            path.write_text("\n".join([*kept, f"CORS_ALLOWED_ORIGINS={origins}", ""]), "utf-8")
            return {"base_url": deployment.base_url, "environment": "production", "env_file": str(path)}

        own = with_origins("own", allowed.partition("=")[2])
        profiles = {
            "own": {"": own},
            "absent": {"": with_origins("absent", "")},
            "wildcard": {"": with_origins("wildcard", "*")},
            "broken": {"": with_origins("broken", "https://[bad")},
            "partly": {"": with_origins("partly", f"https://[bad,{first}")},
            "former": {"": {**own, "former_origins": [first]}},
        }
        gate = ask_gate("cors", tmp_path, profiles=profiles)
    assert gate.apart("own") == gate.apart("partly") == {}
    for name in ("absent", "wildcard", "broken"):
        assert gate.apart(name) == dict.fromkeys(CHECKS, "missing-input")
        assert "CORS_ALLOWED_ORIGINS" in gate.observed(name, "CORS-02")
    assert gate.apart("former") == {"CORS-02": "failed"}
