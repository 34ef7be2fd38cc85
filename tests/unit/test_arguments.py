"""Which command lines ask for the demo so plainly that its deployment is started before all is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.config import get_config

from pytest_caio.arguments import asks_for_reference, find_suite, joined_paths
from pytest_caio.commandline import add_options


def asks(*arguments: str) -> bool:
    """Return whether these arguments of pytest ask for the reference deployment."""
    config = get_config(list(arguments))
    add_options(config._parser)
    return asks_for_reference(config, config._parser)


@pytest.fixture(autouse=True)
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with profiles, in the working directory of a process that is no worker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    folder = tmp_path / "acceptance"
    folder.mkdir()
    (folder / "environments.toml").touch()
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("acceptance",),
        ("-q", "acceptance/test_auth.py::test_a"),
        ("acceptance", "--env", "demo"),
        ("acceptance", "--env=demo", "-n", "2"),
        ("acceptance", "-k", "auth", "--an-option-of-another-plugin"),
    ],
    ids=" ".join,
)
def test_command_lines_that_ask_for_it(arguments: tuple[str, ...]) -> None:
    """The suite without another environment is the demo, whatever options of other plugins say."""
    assert asks(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("tests",),
        ("--env", "demo"),
        ("acceptance", "--env", "staging"),
        ("acceptance", "--env", "demo", "--env", "staging"),
        ("acceptance", "--base-url", "http://127.0.0.1:9"),
        ("acceptance", "--base-url=http://127.0.0.1:9"),
        ("acceptance", "--fault", "list"),
        ("acceptance", "--plan"),
        ("acceptance", "--collect-only"),
        ("acceptance", "--help"),
        ("acceptance", "--version"),
        ("acceptance", "--token", "@secret"),
        ("acceptance", "--maxfail", "none"),
    ],
    ids=" ".join,
)
def test_command_lines_that_do_not(arguments: tuple[str, ...]) -> None:
    """Another environment, a fault, a file of secrets, or something to show: then nothing is begun early."""
    assert not asks(*arguments)


def test_a_worker_begins_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of pytest-xdist has the controller's arguments, and its deployment."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    assert not asks("acceptance")


def test_a_path_that_cannot_be_looked_at() -> None:
    """A path with a name that no file can have selects no suite, as a test or as a value."""
    path = "x" * 300
    arguments = [path, "--ledger", path]
    config = get_config(arguments)
    add_options(config._parser)
    config.option, config.args = config._parser.parse_known_args(arguments), [path]
    assert not asks(path)
    assert find_suite(config) is None
    assert joined_paths(config) is None
