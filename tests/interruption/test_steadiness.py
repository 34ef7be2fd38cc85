"""Runs in a row on healthy deployments are all GO on a busy machine too."""

from __future__ import annotations

import pytest

from benchmarks.steadiness import main


@pytest.mark.slow
def test_runs_in_a_row_are_go(capsys: pytest.CaptureFixture[str]) -> None:
    """Three whole runs are GO beside twice as many busy processes as there are processors."""
    assert main(["--runs", "3"]) == 0, capsys.readouterr().out
