"""What the proofs share: whole runs of the suite, with no more plugins than it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pytest_caio.reference.deployment import COMMIT

__all__ = ["CHECKOUT", "USUAL", "reds", "run"]

CHECKOUT = Path(__file__).resolve().parents[1]
# What does not pass on a healthy deployment either: no other environment, no TLS, cases within the error
# budget, no baseline.
USUAL = {"ENV-10": "not-run", "RDY-11": "not-run", "RPL-02": "advised", "RPL-06": "not-run"}


def run(folder: Path, *arguments: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """Run the suite, on the reference deployment or where the arguments say; return status and evidence."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "acceptance", "-q", "-p", "pytest_base_url.plugin"),
            *("-p", "no:cacheprovider", "--allow-writes", "--expect-commit", COMMIT),
            *("--evidence-dir", str(folder), *arguments),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    written = list(folder.glob("*.json"))
    assert written, done.stdout + done.stderr
    evidence: dict[str, Any] = json.loads(written[0].read_text("utf-8"))
    return done.returncode, evidence


def reds(evidence: dict[str, Any]) -> dict[str, str]:
    """Return the checks that neither passed nor had nothing to judge, with what their cases observed."""
    return {
        check["id"]: "; ".join(
            f"{case['name']} {case['outcome']}: {case['observed']}"
            for case in check["cases"]
            if case["outcome"] != "passed"
        )
        for check in evidence["environments"][0]["checks"]
        if check["outcome"] not in ("passed", "not-run", USUAL.get(check["id"]))
    }
