"""Measures the gates' time as a ratio to an empty pytest session, with 50 ms added to every response.

Both are measured in one run, in turn, as whole processes: the suite against a reference deployment that is
already running, and a session with the same number of tests that do nothing. One network round trip in all
gives a ratio near 1; one round trip per check gives a ratio above 10.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_caio.reference.hosting.process import ReferenceProcess

ROUNDS = 5
LATENCY_MS = 50
CHECKOUT = Path(__file__).resolve().parents[1]
# The gates that spend their time on HTTP; others also read files, query Redis and run the product's agent.
GATES = tuple(f"acceptance/test_{gate}.py" for gate in ("auth", "webhooks", "readiness", "cors"))


def timed(arguments: list[str]) -> tuple[float, str]:
    """Run pytest once, and return its seconds and its output; raises RuntimeError if it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=CHECKOUT,
        # Bytecode is cached, as on other machines: later runs are measured, not the first one.
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds, done.stdout


def main() -> None:
    """Measure, and print one line."""
    latency = ("--latency-ms", str(LATENCY_MS))
    with tempfile.TemporaryDirectory() as folder, ReferenceProcess(*latency) as deployment:
        asked = [
            *(*GATES, "--env", "production", "--base-url", deployment.base_url),
            *("--env-file", str(deployment.env_file), "--evidence-dir", folder),
        ]
        counted = timed(["--collect-only", *asked])[1]
        tests = sum("::" in line for line in counted.splitlines())
        empty = Path(folder) / "test_empty.py"
        empty.write_text(
            f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_nothing(n):\n    pass\n",
            encoding="utf-8",
        )
        nothing = [str(empty), "-c", "pytest.ini", f"--html={folder}/empty.html", "--self-contained-html"]
        suite, base = [], []
        for _ in range(ROUNDS):
            suite.append(timed(asked)[0])
            base.append(timed(nothing)[0])
    print(
        f"{tests} cases with {LATENCY_MS} ms added to every answer: {min(suite):.2f} s, "
        f"as many empty tests: {min(base):.2f} s, ratio {min(suite) / min(base):.2f} (best of {ROUNDS} each)"
    )


if __name__ == "__main__":
    main()
