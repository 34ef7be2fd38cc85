"""The wheel: installed where the checkout is not, it can run the suite."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.forked import LEFT_OUT
from tests.support.places import CHECKOUT
from tests.support.suite_runs import Outcome, clean_environment

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command, which must succeed, and return its output; no path of the tests leads it elsewhere."""
    environment = clean_environment(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a registry."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment that has the wheel, and the third-party packages of this one.

    A `.pth` file adds those packages to its path. Python reads no `.pth` file in a folder added this way, and
    thus an editable installation of the checkout is not added with them.
    """
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=sys.platform != "win32")
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=names))
    interpreter = Path(sysconfig.get_path("scripts", vars=names)) / Path(sys.executable).name
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", "utf-8")
    install = ("install", "--quiet", "--no-deps", "--no-index", "--target", packages, wheel)
    run(sys.executable, "-m", "pip", *install, cwd=folder)
    return interpreter


def test_the_package_is_the_wheels(python: Path, tmp_path: Path) -> None:
    """In that environment the wheel's package is imported, not the checkout's."""
    told = run(python, "-c", "import pytest_caio; print(pytest_caio.__file__)", cwd=tmp_path).strip()
    assert Path(told).is_relative_to(python.parents[1])


def test_the_suite_is_go_with_the_wheel(python: Path, suite_copy: Path) -> None:
    """A copy of the suite without the checkout is GO against the demo that the wheel contains.

    Without --evidence-dir the evidence is written to `reports` in pytest's root folder.
    """
    plain = (*LEFT_OUT, "-p", "no:cacheprovider")
    stdout = run(python, "-m", "pytest", *plain, "acceptance", cwd=suite_copy)
    assert stdout.splitlines()[-1] == "GO"
    reports = suite_copy / "reports"
    outcome = Outcome(0, stdout, "", reports, 0)
    assert len(outcome.cases) >= 120
    assert outcome.evidence["environments"][0]["name"] == "demo"
    names = {path.name.partition("Z.")[2] or path.name for path in reports.iterdir()}
    assert {"html", "json", "junit.xml", "ctrf.json", "completion.txt", "ledger.jsonl"} <= names


def test_the_wheel_has_its_data_and_nothing_else(wheel: Path, python: Path, tmp_path: Path) -> None:
    """The wheel contains the package with its golden set, and no tests, checks or stray files."""
    listing = run(python, "-m", "zipfile", "--list", wheel, cwd=tmp_path)
    names = [line.split()[0] for line in listing.splitlines()[1:]]
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pytest_caio"}
    assert "pytest_caio/reference/golden/golden_set.json" in names
    assert not any(name.endswith((".pyc", ".env", ".jsonl")) for name in names)


def test_commands_are_there(python: Path, tmp_path: Path) -> None:
    """`python -m pytest_caio serve` works from the wheel."""
    told = run(python, "-m", "pytest_caio", "serve", "--fault", "list", cwd=tmp_path)
    assert '"ok": true' in told
