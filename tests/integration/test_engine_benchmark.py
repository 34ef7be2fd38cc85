"""The benchmarks in their short form: replay, judging, evidence and migration, and the time of whole runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.places import CHECKOUT


def measured(module: str, *arguments: str) -> str:
    """Return what a benchmark prints, after asserting that it ends well."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="peaks are not measured there")
@pytest.mark.parametrize("part", ["replay", "judging", "evidence", "migration"])
def test_the_short_form_measures_every_part(part: str) -> None:
    """Each part of the benchmark ends well, and prints its ratios."""
    assert " x " in measured("benchmarks.engine", "--small", "--only", part)


@pytest.mark.nightly
@pytest.mark.parametrize("part", ["latency", "plain", "newman", "far", "demo"])
def test_the_time_of_a_run_is_measured(part: str) -> None:
    """Each part of the benchmark of whole runs ends well, and prints its figure, or what is not installed."""
    there = part != "newman" or shutil.which("newman")
    figure = " s against " if there else "newman is not installed: npm install --global newman"
    assert figure in measured("benchmarks.round_trips", "--rounds", "1", "--only", part)
