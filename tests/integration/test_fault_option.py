"""The option --fault: `list` prints the names of all faults instead of running the suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_caio.reference.faults import FAULTS
from tests.support.suite_runs import Ask

LIST = ("--fault", "list")
LISTED = "".join(f"{fault.name}: {fault.says}\n" for fault in FAULTS.values())


@pytest.mark.parametrize(
    "arguments",
    [
        ("acceptance", *LIST),
        ("acceptance", *LIST, "--fault", "double-slash"),
        ("acceptance", "--fault", "no-such-fault", *LIST),
        ("acceptance", "--env", "staging", *LIST),
        ("acceptance", "-n", "2", *LIST),
        ("tests/unit/test_text.py", *LIST),
        ("--plan", *LIST),
    ],
    ids=" ".join,
)
def test_list_prints_the_faults_and_runs_nothing(ask: Ask, arguments: tuple[str, ...]) -> None:
    """With `--fault list` only the list is printed, whatever the other arguments are."""
    outcome = ask(*arguments)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, LISTED, "")
    assert list(outcome.folder.iterdir()) == []


def test_list_without_the_extra_demo(ask: Ask, tmp_path: Path) -> None:
    """Without the extra `demo`, --fault says in one line what to install."""
    (tmp_path / "bare.py").write_text("import sys\n\nsys.modules['itsdangerous'] = None\n", "utf-8")
    outcome = ask("acceptance", *LIST, "-p", "bare", path=[tmp_path])
    assert (outcome.status, outcome.stdout) == (4, "")
    assert outcome.stderr == "ERROR: --fault needs itsdangerous: pip install 'pytest-caio[demo]'\n\n"
