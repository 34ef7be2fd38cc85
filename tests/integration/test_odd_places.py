"""A run where its users run it: odd folders, streams, variables and rights do not change its verdict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.nightly import some_nightly
from tests.support.places import CHECKOUT, encoded_name
from tests.support.suite_runs import Deployment, Outcome, clean_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these places are those of POSIX")

CHECKS = "test_cors.py"


@dataclass(frozen=True)
class Place:
    """How a run is started.

    Shell words around it, options of Python, variables (None: unset), the folder, and options of pytest.
    """

    shell: str = 'exec "$@"'
    python: tuple[str, ...] = ()
    variables: Mapping[str, str | None] = field(default_factory=dict)
    cwd: str = "."
    options: tuple[str, ...] = ()


NO_LOCALE = {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PLACES = {
    "many at once": Place(
        'umask 077; exec "$@" <&- >&-',
        ("-P", "-s"),
        {**NO_LOCALE, "HOME": None, "TERM": "dumb", "COLUMNS": "1", "TMPDIR": "/nonexistent"},
        "acceptance",
        ("--rootdir=/",),  # names of cases then begin with the whole path
    ),
    "no home": Place(variables={"HOME": None}),
    "a home that is missing": Place(variables={"HOME": "/nonexistent"}),
    "no locale": Place(variables=NO_LOCALE),
    "no terminal": Place(variables={"TERM": "dumb", "COLUMNS": "1"}),
    "no temporary folder": Place(variables={"TMPDIR": "/nonexistent"}),
    "a umask": Place('umask 077; exec "$@"'),
    "no standard input": Place('exec "$@" <&-'),
    "no standard output": Place('exec "$@" >&-'),
    "no streams": Place('exec "$@" <&- >&- 2>&-'),
    "an isolated interpreter": Place(python=("-P", "-s", "-bb")),
    "a safe path": Place(variables={"PYTHONSAFEPATH": "1"}),
    "inside the suite": Place(cwd="acceptance"),
    "the root": Place(cwd="/"),
    "no locale and another root": Place(variables=NO_LOCALE, options=("--rootdir=/",)),
}


def run_at(place: Place, home: Path, to: Deployment) -> Outcome:
    """Run the checks of `home` at a place, and return the outcome with its evidence in `home/evidence`."""
    environment = clean_environment(PYTHONPATH=str(home))
    for name, value in place.variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    evidence = home / "evidence"
    evidence.mkdir(exist_ok=True)
    suite = home / "acceptance" / CHECKS
    asked = [
        "-m",
        "pytest",
        str(suite),
        *to.arguments,
        f"--evidence-dir={evidence}",
        "-p",
        "no:randomly",
        *place.options,
    ]
    done = subprocess.run(
        ["/bin/sh", "-c", place.shell, "sh", sys.executable, *place.python, *asked],
        cwd=home / place.cwd,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, evidence, 0.0)


def passed(outcome: Outcome) -> None:
    """Check that all ran and passed, and that nothing else was said."""
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert outcome.evidence["verdict"] == "INCOMPLETE"  # of one gate
    assert set(outcome.checks.values()) == {"passed"}
    assert "CORS-01" in outcome.html
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert outcome.stderr == ""


@pytest.fixture
def home(suite_copy: Path) -> Path:
    """A checkout (the package is a link) at a path with blanks and letters that are not ASCII."""
    place = suite_copy.with_name(encoded_name("dépôt à vérifier ✓"))
    suite_copy.rename(place)
    shutil.copy(CHECKOUT / "conftest.py", place)
    (place / "pytest_caio").symlink_to(CHECKOUT / "pytest_caio")
    return place


@pytest.mark.parametrize("name", some_nightly(PLACES, *list(PLACES)[1:]))
def test_the_verdict_is_the_same(deployment: Deployment, home: Path, name: str) -> None:
    """With no HOME, locale, TMPDIR, terminal or streams, a umask, flags or in odd folders, a run passes."""
    passed(run_at(PLACES[name], home, deployment))


@pytest.mark.nightly
@pytest.mark.parametrize("workers", ["-n1", "-nauto", "--tx=popen"])
def test_workers_that_cannot_be_told_of_a_folder(deployment: Deployment, home: Path, workers: str) -> None:
    """Without a locale no worker could be told of a folder with other letters: one line says what to set."""
    outcome = run_at(Place(variables=NO_LOCALE, options=(workers,)), home, deployment)
    assert (outcome.status, outcome.stdout) == (4, "")
    (line,) = outcome.stderr.strip().splitlines()
    assert line.startswith("ERROR: -n or --tx: this locale lacks letters")
    assert "set PYTHONUTF8=1, or leave the workers out" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_an_output_that_is_full(deployment: Deployment, home: Path) -> None:
    """With `/dev/full` as output, the evidence and the exit status have the verdict, and one line says so."""
    outcome = run_at(Place('exec "$@" >/dev/full'), home, deployment)
    assert outcome.status == 0, outcome.stderr
    assert outcome.evidence["verdict"] == "INCOMPLETE"
    assert set(outcome.checks.values()) == {"passed"}
    assert outcome.stderr == (
        "caio: standard output takes no more (No space left on device); the evidence has the verdict\n"
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file without end")
@pytest.mark.parametrize("option", ["--env-file", "--profiles", "--waivers"])
def test_a_file_without_end(option: str, tmp_path: Path) -> None:
    """A file that has no end, `/dev/zero`, is refused in one line, and not read until memory is full."""
    asked = ["acceptance/test_cors.py", "--env=production", f"{option}=/dev/zero"]
    environment = clean_environment()
    done = forked.run([*forked.LEFT_OUT, *asked], cwd=CHECKOUT, environment=environment, timeout=60)
    assert done.returncode == 4, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "/dev/zero" in done.stderr


def test_a_command_in_a_folder_that_was_deleted(tmp_path: Path) -> None:
    """In a working directory that was deleted, a command ends with one line, and no traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    ask = ("-m", "pytest_caio", "history", "--ledger", "x.jsonl")
    done = subprocess.run(
        ["/bin/sh", "-c", f'cd "{gone}" && rmdir "{gone}" && exec "$@"', "sh", sys.executable, *ask],
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def without_rights() -> str:
    """Return the shell words that start a run without the right to write where the mode forbids it."""
    if os.geteuid():
        return 'exec "$@"'
    if not shutil.which("setpriv"):
        pytest.skip("root can give up its rights only with setpriv")
    return 'exec setpriv --bounding-set=-dac_override,-dac_read_search,-fowner,-chown "$@"'


def test_a_read_only_checkout(deployment: Deployment, home: Path) -> None:
    """Without the right to write to the checkout, a run passes all the same."""
    (home / "evidence").mkdir()
    for path in (home, home / "acceptance"):
        path.chmod(0o555)
    try:
        outcome = run_at(Place(without_rights()), home, deployment)
    finally:
        for path in (home, home / "acceptance"):
            path.chmod(0o755)
    passed(outcome)
    assert not (home / ".pytest_cache").exists()


@pytest.mark.nightly
def test_a_full_temporary_folder(tmp_path: Path) -> None:
    """Where the temporary folder cannot be written to, the demo says in one line which file it lacks."""
    (tmp_path / "temporary").mkdir(mode=0o555)
    environment = clean_environment(PYTHONPATH=str(CHECKOUT), TMPDIR=str(tmp_path / "temporary"))
    asked = ["-m", "pytest", "acceptance", "--env=demo", f"--evidence-dir={tmp_path / 'evidence'}"]
    done = subprocess.run(
        ["/bin/sh", "-c", without_rights(), "sh", sys.executable, *asked, "-k", "preflight"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
    )
    # Python then takes another folder, such as the current one, if it may write to it.
    assert done.returncode in (0, 4), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 0 or len(done.stderr.strip().splitlines()) == 1


def test_a_profile_with_letters_that_the_locale_lacks(tmp_path: Path) -> None:
    """Without a locale, the paths and commands in a profile have the letters that its UTF-8 text has."""
    (tmp_path / encoded_name("é")).mkdir()
    profiles = tmp_path / "p.toml"
    profiles.write_text(
        '[production]\nenv_file = "é/x.env"\n[production.state]\nhive_dir = "é"\n'
        '[production.replay]\nrunner = "é/run"\n[production.pack]\npython = "é/python"\ntests = ["é.py"]\n',
        "utf-8",
    )
    source = (
        "import os, sys, pathlib; from pytest_caio.environments.profiles import read_profiles as read;"
        "found = read(pathlib.Path(sys.argv[1]))['production']; pack = found.pack;"
        "texts = (found.env_file, found.state.hive_dir, found.replay.runner, pack.python, pack.tests[0]);"
        "sys.exit(not all(b'\\xc3\\xa9' in os.fsencode(text) for text in texts))"
    )
    environment = {**clean_environment(PYTHONPATH=str(CHECKOUT)), **NO_LOCALE}
    without = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run([sys.executable, "-c", source, str(profiles)], env=without, check=False, timeout=60)
    assert done.returncode == 0
