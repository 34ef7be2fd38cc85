"""A fault of the suite's own ends with one line on top that says so, and what to report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment

NODE = "acceptance/test_readiness.py::test_documents_are_off"
SECRET = "hunter2-not-to-be-shown"
BREAKING = """
import pytest_caio.commandline, pytest_caio.session.hooks, pytest_caio.session.run

def breaks(*_, **__):
    raise TypeError("{secret}")

{place} = breaks
"""
# Where the suite breaks, the exit status, and whether a traceback follows the line.
PLACES = {
    "pytest_caio.commandline.read_waivers": (4, False),
    "pytest_caio.session.run.Run.wait_ready": (3, True),
    "pytest_caio.session.hooks.narrowings": (1, True),
}


@pytest.mark.parametrize("place", PLACES)
def test_one_line_on_top(ask: Ask, deployment: Deployment, tmp_path: Path, place: str) -> None:
    """No traceback reaches a user but for a fault of ours, and then below a line that says what to report."""
    status, traced = PLACES[place]
    (tmp_path / "breaking.py").write_text(BREAKING.format(place=place, secret=SECRET), "utf-8")
    outcome = ask(NODE, "-p", "breaking", to=deployment, path=[tmp_path])
    assert outcome.status == status, outcome.stdout + outcome.stderr
    stream = next(text for text in (outcome.stdout, outcome.stderr) if "itself failed" in text)
    line = next(line for line in stream.splitlines() if "itself failed" in line)
    assert "pytest-caio itself failed (TypeError at " in line
    assert "this is a fault of the tool, not of the deployment. Report this line" in line
    assert SECRET not in line
    marks = ("Traceback", "INTERNALERROR")
    above, _, below = stream.partition(line)
    assert not any(mark in above for mark in marks)
    assert any(mark in below for mark in marks) is traced
    if not traced:
        assert outcome.stderr.strip() == line


def test_a_fault_of_another_plugin(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    """A plugin of somebody else that breaks is not said to be a fault of ours."""
    (tmp_path / "breaking.py").write_text("def pytest_collection_modifyitems(): return {}['x']\n", "utf-8")
    outcome = ask(NODE, "-p", "breaking", to=deployment, path=[tmp_path])
    assert outcome.status == 3
    assert "itself failed" not in outcome.stdout + outcome.stderr
