"""What every command does with an option that a variable of CI left empty."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

import pytest

from pytest_caio.commands import cli


def takers() -> Iterator[tuple[str, list[str], str]]:
    """Yield each command with each option and argument of it that takes a value, and its name."""
    for command, (module, _) in cli._COMMANDS.items():
        parser = argparse.ArgumentParser(add_help=False)
        importlib.import_module(module).configure(parser)
        for action in parser._actions:
            if action.nargs != 0:
                options = list(action.option_strings)
                yield command, options, options[0] if options else str(action.metavar)


@pytest.mark.parametrize(("command", "options", "name"), [*takers()])
def test_no_option_of_a_command_may_be_empty(
    capsys: pytest.CaptureFixture[str], command: str, options: list[str], name: str
) -> None:
    """An empty value of any option of any command is refused in one line that names the option."""
    with pytest.raises(SystemExit) as ended:
        cli.main([command, *options, ""])
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"python -m pytest_caio {command}: {name}: is empty\n")
