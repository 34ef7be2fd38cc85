"""The runbook is accurate: its checks, options and links exist.

Its commands are run by tests/integration/test_documented_commands.py.
"""

from __future__ import annotations

import os
import re
from functools import cache

import pytest

from docs.checks_table import BEGIN, END, declared, row
from pytest_caio.checks.check import Check
from pytest_caio.environments.profiles import read_profiles
from tests.support import forked
from tests.support.places import CHECKOUT

TEXT = (CHECKOUT / "docs" / "runbook.md").read_text("utf-8")
TABLE = TEXT.split(BEGIN)[1].split(END)[0]
CHECKS = declared(CHECKOUT / "acceptance")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def blocks(language: str) -> list[list[str]]:
    """Return the lines of each fenced block in a language, without indentation."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
    return [[line.strip() for line in block.splitlines()] for block in found]


def commands(language: str) -> list[str]:
    """Return the commands run with `python -m` in the blocks of a language, from the module's name on."""
    lines = [line for block in blocks(language) for line in block]
    return [line.split("python -m ", 1)[1] for line in lines if "python -m " in line]


@cache
def options_of(command: str) -> frozenset[str]:
    """Return the options that a command's --help names."""
    words = command.split()
    module = words[:2] if words[0] in ("pytest_caio", "pip") else [*words[:1], "acceptance"]
    name, *words = (*module, "--help")
    ran = forked.run(words, cwd=CHECKOUT, environment=os.environ, module=name)
    assert ran.returncode == 0, f"{module}: there is no such command"
    return frozenset(OPTION.findall(ran.stdout))


def slug(heading: str) -> str:
    """Return a heading's anchor: lower case, with dashes for spaces and without punctuation."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_blocks_are_found() -> None:
    """Commands are found for both shells."""
    assert len(commands("powershell")) >= 15
    assert any(line.startswith("pytest_caio migrate-state") for line in commands("sh"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_has_its_row(check: Check) -> None:
    """Each check has exactly one row, with its title and fix, as `python -m docs.checks_table` writes it."""
    assert TABLE.count(row(check)) == 1


def test_a_row_marks_what_a_failure_fills_in() -> None:
    """Words that only a failure knows are in angle brackets, so that the sentence around them is whole."""
    fix = "Set {key}={value} with {secret}, then redeploy: it {wrong}."
    shown = "Set &lt;key>=&lt;value> with &lt;provider>_WEBHOOK_SECRET, then redeploy: it &lt;…>."
    assert row(Check("AUTH-01", "It holds", "", fixes={"": fix})).split(" | ")[3] == shown


def test_no_other_check_has_a_row() -> None:
    """The table has rows for the existing checks only, in their order."""
    assert re.findall(r"^\| ([A-Z]+-\d\d) \|", TABLE, re.MULTILINE) == [check.id for check in CHECKS]


def test_options_in_the_prose_are_there() -> None:
    """Each option that the text names exists in a command of the runbook."""
    known = options_of("pytest acceptance") | options_of("pytest_caio bootstrap")
    known |= options_of("pytest_caio migrate-state") | options_of("pip install")
    known |= options_of("pytest_caio emergency-stop") | options_of("pytest_caio attach")
    known |= options_of("pytest_caio history")
    prose = re.sub(r"^ *```.*?^ *```$", "", TEXT.split(BEGIN)[0], flags=re.MULTILINE | re.DOTALL)
    named = {option for span in re.findall(r"`([^`]+)`", prose) for option in OPTION.findall(span)}
    assert len(named) > 5
    assert named <= known


def test_both_shells_do_the_same() -> None:
    """The blocks for PowerShell and for sh have the same commands."""
    assert commands("powershell") == commands("sh")


def test_environments_and_gates_are_there() -> None:
    """Each profile and each gate that a command names exists."""
    profiles = read_profiles(CHECKOUT / "acceptance" / "environments.toml")
    asked = re.findall(r"--env (\S+)", TEXT)
    gates = re.findall(r"acceptance .* -m (\w+)", TEXT)
    assert asked
    assert gates
    assert set(asked) <= profiles.keys()
    assert all((CHECKOUT / "acceptance" / f"test_{gate}.py").is_file() for gate in gates)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)\s]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    """Each relative link names an existing file, and an existing heading in it."""
    if link.startswith("https://"):
        return
    name, _, anchor = link.partition("#")
    target = CHECKOUT / "docs" / name if name else CHECKOUT / "docs" / "runbook.md"
    assert target.is_file()
    headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
    assert not anchor or anchor in map(slug, headings)


def test_no_secret_is_shown_as_an_argument() -> None:
    """No command has a secret as an argument, where other processes could see it."""
    typed = [line for language in ("powershell", "sh") for line in commands(language)]
    assert not [line for line in typed if re.search(r"--(token|redis-url|set)\b", line)]
