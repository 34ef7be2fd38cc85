"""The start of the reference deployment beside the run's own: what runs meanwhile, and a start that fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_caio.reference.hosting.process import ReferenceProcess
from pytest_caio.state import connect
from tests.support.broken_runs import Broken
from tests.support.nightly import some_nightly
from tests.support.pace import wait_for
from tests.support.places import CHECKOUT, as_toml
from tests.support.suite_runs import clean_environment

# In place of a package that the deployment's app imports, long after it has said where it is.
_IN_PLACE = """
import pathlib, sys, time

here = pathlib.Path(__file__).parent
(here / "located").touch()
while not (here / {after!r}).exists():
    time.sleep(0.01)
{then}
"""
# A plugin that waits, where it is loaded, until a deployment is at that import.
_LATE = """
import pathlib, time

here = pathlib.Path(__file__).parent
(here / "loading").touch()
for _ in range(6000):
    if (here / "located").exists():
        (here / "met").touch()
        break
    time.sleep(0.01)
"""
_REAL = "sys.path.remove(str(here)); del sys.modules['inngest']; import inngest"
_COLLECTING = """
import pathlib

def pytest_collection_finish(session):
    names = [item.name for item in session.items]
    pathlib.Path(__file__).with_name("collected").write_text("\\n".join(names), "utf-8")
"""
CHECK = "acceptance/test_readiness.py::test_documents_are_off"
# What importing the app does: the exit status of the run and what it says.
FAILING = {
    "an extra that is missing": (
        "raise ModuleNotFoundError('gone', name='inngest')",
        4,
        "ERROR: serve needs inngest: pip install 'pytest-caio[demo]'",
    ),
    "another fault": ("raise ZeroDivisionError('so')", 3, "the reference deployment did not start: "),
}


def import_does(folder: Path, then: str, after: str = "collected") -> None:
    """Let a deployment with this folder on its path do this where it imports its app, once a file is there.

    By default it is the one that the run writes when it has collected, with the plugin `collecting`.
    """
    (folder / "inngest.py").write_text(_IN_PLACE.format(then=then, after=after), "utf-8")
    (folder / "collecting.py").write_text(_COLLECTING, "utf-8")


def test_it_starts_in_three_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is located before its app is imported: with its files and its Redis server, empty yet."""
    import_does(tmp_path, _REAL, after="go")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    process = ReferenceProcess()
    try:
        process.begin()
        process.locate()
        process.locate()
        settings = dict(line.split("=", 1) for line in process.env_file.read_text("utf-8").splitlines())
        assert settings["CAIO_BASE_URL"] == process.base_url
        assert process.revoked_file.is_file()
        assert process.profiles_file.is_file()
        with connect(settings["REDIS_URL"]) as client:
            assert client.dbsize() == 0
            assert list(process.hive_dir.iterdir()) == []
            (tmp_path / "go").touch()
            process.wait_until_ready()
            process.wait_until_ready()
            assert client.dbsize() > 0
        assert list(process.hive_dir.iterdir()) != []
    finally:
        process.stop()
    assert not process.env_file.exists()


def test_the_run_collects_meanwhile(broken: Broken) -> None:
    """The checks are collected before the deployment answers, and asked after."""
    import_does(broken.folder, _REAL)
    assert broken.run(CHECK, "--env=demo", "-p", "collecting") == 0, broken.stdout + broken.stderr
    assert (broken.folder / "located").exists()
    collected = (broken.folder / "collected").read_text("utf-8").splitlines()
    (environment,) = broken.record["environments"]
    asked = [case for check in environment["checks"] for case in check["cases"]]
    assert len(collected) == len(asked) > 0
    assert {case["outcome"] for case in asked} == {"passed"}


@pytest.mark.parametrize("name", some_nightly(FAILING, "another fault"))
def test_a_start_that_fails_after_it_was_located(broken: Broken, name: str) -> None:
    """It is reported as any start that fails: with its reason and status, and without a verdict."""
    then, status, said = FAILING[name]
    import_does(broken.folder, then)
    assert broken.run(CHECK, "--env=demo", "-p", "collecting") == status, broken.stdout + broken.stderr
    shown = broken.stdout + broken.stderr
    assert said in shown
    assert "CAIO acceptance" not in shown
    assert broken.files() == []
    assert broken.leaves_nothing()
    assert broken.left == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to signal")
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.nightly), signal.SIGTERM])
def test_a_signal_after_it_was_located(broken: Broken, number: signal.Signals) -> None:
    """A signal while the run waits for an answer ends it cleanly, as one while it asks."""
    import_does(broken.folder, "", after="never")
    run = broken.start(CHECK, "--env=demo", "-p", "collecting")
    assert run.process is not None
    wait_for(lambda: (broken.folder / "located").exists() and (broken.folder / "collected").exists())
    run.process.send_signal(number)
    assert run.end() == 2, run.stdout + run.stderr
    assert run.leaves_nothing()
    run.says(f"the run was interrupted: {number.name}")
    assert run.left == []


def test_a_run_that_is_refused_after_it_began(broken: Broken) -> None:
    """What is refused only once the deployment is starting, as an unusable folder, leaves nothing of it."""
    broken.evidence.write_text("", "utf-8")
    assert broken.run(CHECK, "--env=demo") == 4, broken.stdout + broken.stderr
    assert "--evidence-dir" in broken.stderr
    assert broken.leaves_nothing()
    assert broken.left == []


def is_loaded_late(folder: Path) -> None:
    """Let the plugin `late` wait, for a minute at most, until a deployment has said where it is."""
    (folder / "late.py").write_text(_LATE, "utf-8")


def test_it_starts_while_other_plugins_are_loaded(broken: Broken) -> None:
    """Where the plugin is loaded first, the deployment does not wait for the others, and is the only one."""
    import_does(broken.folder, _REAL, after="met")
    is_loaded_late(broken.folder)
    assert broken.run(CHECK, "-p", "pytest_caio.plugin", "-p", "late") == 0, broken.stdout + broken.stderr
    assert (broken.folder / "met").exists()
    assert broken.leaves_nothing()
    assert broken.left == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to signal")
def test_a_signal_while_other_plugins_are_loaded(broken: Broken) -> None:
    """A signal meanwhile ends the run before it asks anything, and leaves nothing of the deployment."""
    import_does(broken.folder, _REAL, after="met")
    is_loaded_late(broken.folder)
    run = broken.start(CHECK, "-p", "pytest_caio.plugin", "-p", "late")
    assert run.process is not None
    wait_for((broken.folder / "loading").exists)
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 2, run.stdout + run.stderr
    assert run.leaves_nothing()
    assert run.left == []


def test_a_run_that_needs_another_one(broken: Broken) -> None:
    """The one that was begun is stopped where options elsewhere ask for a fault, which the other has."""
    elsewhere = "addopts=--fault docs-served --import-mode=importlib"
    arguments = (CHECK, "-o", elsewhere, "-p", "pytest_caio.plugin")
    assert broken.run(*arguments) == 1, broken.stdout + broken.stderr
    assert broken.record["run"]["options"]["faults"] == ["docs-served"]
    assert broken.leaves_nothing()
    assert broken.left == []


def test_a_run_that_needs_none(broken: Broken) -> None:
    """The one that was begun is stopped where the profile has a deployment of its own, which is asked."""
    with ReferenceProcess() as deployment:
        profiles = broken.folder / "environments.toml"
        text = f'[demo]\nbase_url = "{deployment.base_url}"\nenv_file = {as_toml(str(deployment.env_file))}\n'
        profiles.write_text(text, "utf-8")
        arguments = (CHECK, f"--profiles={profiles}", "-p", "pytest_caio.plugin")
        assert broken.run(*arguments) == 0, broken.stdout + broken.stderr
        (environment,) = broken.record["environments"]
        assert environment["base_url"] == deployment.base_url
    assert broken.left == []


def test_options_that_cannot_be_used(broken: Broken) -> None:
    """An error in the command line leaves nothing of a deployment that was begun before it was found."""
    assert broken.run(CHECK, "-p", "pytest_caio.plugin", "--no-such-option") == 4
    assert broken.leaves_nothing()
    assert broken.left == []


# Prints the garbage collector's threshold while a plugin is loaded, and whether it is the old one at last.
_WATCHING = """
import gc, sys, pytest
before, seen = gc.get_threshold(), {}
class Watching:
    def pytest_plugin_registered(self, plugin_name):
        seen[plugin_name] = gc.get_threshold()[0]
pytest.main(sys.argv[1:], [Watching()])
print(seen["late"], gc.get_threshold() == before)
"""


@pytest.mark.parametrize("option", ["--env=demo", "--no-such-option"])
def test_garbage_is_searched_for_as_before(option: str, tmp_path: Path) -> None:
    """While other plugins are imported nothing is searched for garbage; after the run all is as it was."""
    (tmp_path / "late.py").write_text("", "utf-8")
    arguments = (CHECK, option, "-p", "pytest_caio.plugin", "-p", "late", f"--evidence-dir={tmp_path}")
    done = subprocess.run(
        [sys.executable, "-c", _WATCHING, "-q", *arguments],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=os.pathsep.join((str(CHECKOUT), str(tmp_path)))),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "0 True", done.stdout + done.stderr
