"""The benchmark of steadiness can be trusted to run; many runs in a row are for `make benchmark`."""

from __future__ import annotations

import pytest

from benchmarks.steadiness import main


@pytest.mark.slow
def test_a_run_on_a_busy_machine_is_go(capsys: pytest.CaptureFixture[str]) -> None:
    """A whole run is GO beside a busy process, and the other tests."""
    assert main(["--runs", "1", "--busy", "1"]) == 0, capsys.readouterr().out
