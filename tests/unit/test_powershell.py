"""The lines for PowerShell in the documents are what PowerShell understands, and so are the workflow's."""

from __future__ import annotations

import os
import re
import tomllib

import pytest

from tests.support import forked
from tests.support.documented import DOCUMENTS, Command, commands, step_of
from tests.support.places import CHECKOUT

README = (CHECKOUT / "README.md").read_text("utf-8")
WORKFLOW = (CHECKOUT / ".github" / "workflows" / "readme.yml").read_text("utf-8")
LINES = [line for document in DOCUMENTS for line in commands(document) if line.shell == "powershell"]
# Whole words: a text in quotes that expands nothing, or characters that mean themselves.
QUOTED = r""" "[^"$`]*" | '[^']*' """
PLAIN = r"(?! -(?!\d) [^\s]* [.@,] ) (?! @ ) [\w.:/\\=@-]+"
COMMAND = re.compile(rf"(?: (?: {QUOTED} | {PLAIN} ) (?: \s+ | $ ) )+ (?: \# .* )?", re.VERBOSE)
VARIABLE = re.compile(rf"\$env:[A-Za-z_]\w* \s* = \s* (?: {QUOTED} )", re.VERBOSE)


def is_understood(line: str) -> bool:
    """Return whether PowerShell passes every word of a line on as it is written.

    It cuts a word that begins with a dash and a letter at a dot, and reads one that begins with @ as a
    variable. It has no `export`, no `NAME=value` before a command, no `\\` at the end of a line and, in the
    version of Windows, no `&&`.
    """
    if VARIABLE.fullmatch(line):
        return True
    first = line.split(maxsplit=1)[0]
    if first == "export" or "=" in first or first.startswith((".venv/", '"', "'")) or line.endswith("\\"):
        return False
    return COMMAND.fullmatch(line) is not None


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (r".venv\Scripts\python -m pytest acceptance --env production", True),
        (r'.venv\Scripts\python -m pytest acceptance "--token=@.env.token"', True),
        (r".venv\Scripts\python -m pytest acceptance '--token=@.env.token'  # a comment", True),
        (r".venv\Scripts\python -m pytest acceptance --token=@.env.token", False),
        (r".venv\Scripts\python -m pytest acceptance --env-file=.env.staging", False),
        (r".venv\Scripts\python -m pytest acceptance --env-file .env.staging", True),
        (r".venv\Scripts\python -m pytest_caio bootstrap --redis-url @FILE", False),
        (r".venv\Scripts\python -m pip install --editable .[demo]", False),
        (r'.venv\Scripts\python -m pytest "--token=$TOKEN"', False),
        (r".venv\Scripts\python -m pytest acceptance && notepad x", False),
        (r".venv\Scripts\python -m pytest acceptance \ ".rstrip(), False),
        (".venv/bin/python -m pytest acceptance", False),
        ("py -3.13 -m venv .venv", True),
        ("$env:PRODUCTION_REDIS_URL = 'rediss://example.com:6379/0'", True),
        ("export REDIS_URL=x", False),
        ("REDIS_URL=x python -m pytest", False),
    ],
)
def test_the_rules_of_powershell(line: str, right: bool) -> None:
    """`--token=@.env.token` unquoted in PowerShell is cut at the dot; other words have their rules too."""
    assert is_understood(line) is right


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_line_is_understood(line: Command) -> None:
    """Every line for PowerShell in the documents keeps these rules; two have a pattern of their own."""
    assert step_of(line).kind in ("token", "post") or is_understood(line.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_options_with_a_file_are_quoted(document: str) -> None:
    """Wherever a document shows an option with `=@FILE`, it stands in quotes."""
    text = (CHECKOUT / document).read_text("utf-8")
    assert re.findall(r"""(?<!["'])--[\w-]+[= ]@[A-Z]+""", text) == []


def test_help_quotes_options_with_a_file() -> None:
    """--help shows `"--token=@FILE"` and `"--revoked-tokens=@FILE"` with the quotes."""
    done = forked.run(["acceptance", "--help"], cwd=CHECKOUT, environment=os.environ, timeout=120)
    assert done.returncode == 0
    shown = " ".join(done.stdout.split())
    assert '"--token=@FILE"' in shown
    assert '"--revoked-tokens=@FILE"' in shown


def steps(runner: str) -> list[str]:
    """Return the lines that the workflow runs on a system, given as its condition."""
    found = re.findall(rf"- if: {re.escape(runner)}\n +run: (?:\|\n)?((?:.+\n)+?)(?=\n|  +- |\Z)", WORKFLOW)
    return [line.strip() for block in found for line in block.splitlines()]


def test_the_workflow_runs_what_the_readme_says() -> None:
    """The workflow runs both commands of the README: with make, and on Windows the README's own lines."""
    block = README.partition("```powershell\n")[2].partition("```")[0]
    lines = [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]
    assert {"make acceptance", "make test"} <= set(steps("runner.os != 'Windows'"))
    there = steps("runner.os == 'Windows'")
    assert lines[0] == "py -3.13 -m venv .venv"
    assert [line for line in there if "venv" in line] == ["python -m venv .venv", *lines[1:]]


def test_the_workflow_runs_the_oldest_and_the_newest_python() -> None:
    """The README names the supported versions, and the workflow runs the first and the last of them."""
    named = re.search(r"CPython ((?:3\.\d+(?:, | and | or )?)+)", README)
    assert named
    versions = re.findall(r"3\.\d+", named[1])
    assert re.findall(r"3\.\d+", re.findall(r"python: (\[.*\])", WORKFLOW)[0]) == [versions[0], versions[-1]]
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in WORKFLOW
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"].startswith(f">={versions[0]}")
    assert re.search(r"py -(3\.\d+)", README)[1] in versions  # type: ignore[index]
