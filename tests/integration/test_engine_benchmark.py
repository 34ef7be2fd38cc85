"""The benchmark of replay, judging, evidence and migration, in its short form."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.places import CHECKOUT


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="peaks are not measured there")
@pytest.mark.parametrize("part", ["replay", "judging", "evidence", "migration"])
def test_the_short_form_measures_every_part(part: str) -> None:
    """Each part of the benchmark ends well, and prints its ratios."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "--small", "--only", part],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " x " in done.stdout
