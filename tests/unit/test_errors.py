"""A fault of our own is told in one line, with what to report, and without the text of the error."""

from __future__ import annotations

import pytest

from pytest_caio.commands import cli
from pytest_caio.errors import own_fault
from pytest_caio.system.toml import line_of

SECRET = "hunter2-hunter2"


def raised(action: object) -> BaseException:
    """Return what an action raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any at all
        action()  # type: ignore[operator]
    return caught.value


def test_a_fault_of_ours_names_its_places() -> None:
    """The line names the kind of error and our own places, innermost first, and what to report."""
    told = own_fault(raised(lambda: line_of(None, SECRET)))  # type: ignore[arg-type]
    assert told.startswith("pytest-caio itself failed (AttributeError at toml.py:")
    assert "Report this line" in told
    assert "\n" not in told


def test_another_s_fault_is_not_ours() -> None:
    """An error of other code alone is not said to be ours."""
    assert own_fault(raised(lambda: int(SECRET))) == ""


def test_a_command_that_breaks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that breaks prints the line alone: no traceback, and no text that could hold a secret."""
    monkeypatch.setattr("pytest_caio.commands.profile.read_profiles", lambda _: line_of(None, SECRET))
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", "--env", "demo"])
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert shown.startswith(
        "python -m pytest_caio replay: pytest-caio itself failed (AttributeError at toml.py:"
    )
    assert shown.count("\n") == 1
    assert SECRET not in shown
