"""The pack gate: critical tests that failed, broke, hung, were empty or left no result are red, in words."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Timer

import pytest

from pytest_caio.environments.environment import Environment
from pytest_caio.environments.profiles import PackSection, Profile, read_profiles
from pytest_caio.errors import InputError
from pytest_caio.gates.pack import PackFindings, PackJob, read_junit
from pytest_caio.redaction.secret import Secret
from pytest_caio.reference.hosting.process import lean_python
from tests.support.gate_runs import Gate, ask_gate
from tests.support.pace import stretched, within
from tests.support.processes import runs

TESTS = {
    "passing": "def test_it(): pass\n",
    "skipping": "import pytest\ndef test_it(): pass\n@pytest.mark.skip\ndef test_other(): pass\n",
    "failing": "def test_it(): assert 1 == 2, 'sums are off'\ndef test_other(): pass\n",
    "erroring": (
        "import pytest\n@pytest.fixture\ndef broken(): raise OSError('no data')\ndef test_it(broken): pass\n"
    ),
    "leaving": (
        "import pytest\n@pytest.fixture\ndef broken():\n    yield\n    raise OSError('not tidy')\n"
        "def test_it(broken): pass\n"
    ),
    "unimportable": "import no_such_module\ndef test_it(): pass\n",
    "empty": "",
    "skipped": "import pytest\npytestmark = pytest.mark.skip\ndef test_it(): pass\n",
    "expected": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
    "crashing": "import os\ndef test_it(): os._exit(3)\n",
    "vanishing": "import os\ndef test_it(): os._exit(0)\n",
    "shouting": (
        "import os\ndef test_it(capfd):\n    with capfd.disabled():\n        os.write(1, b'y' * 3_000_000)\n"
    ),
    "hanging": (
        "import pathlib, subprocess, sys, time\n"
        "def test_it():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "    pathlib.Path('child').write_text(str(child.pid))\n"
        "    time.sleep(600)\n"
    ),
    "garbling": (
        "import atexit, pathlib, sys\n"
        "def test_it(request):\n"
        "    path = request.config.option.xmlpath\n"
        "    atexit.register(lambda: pathlib.Path(path).write_text('<testsuite'))\n"
    ),
    "deselecting": "import pytest\ndef test_it(): pass\n@pytest.mark.slow\ndef test_other(): assert False\n",
    "hooking": "def test_it(): pass\ndef test_other(): assert False\n",
    "half": "def test_it(): pass\n",
    "prying": (
        "import os\n"
        "def test_it():\n"
        "    pytests = [name for name in os.environ if name.startswith('PYTEST_')]\n"
        "    assert pytests == ['PYTEST_VERSION', 'PYTEST_CURRENT_TEST'], pytests\n"
        "    assert not [k for k, v in os.environ.items() if 'hidden-' in v]\n"
        "    assert os.environ['HARMLESS'] == 'true'\n"
    ),
}
RED = {
    "failing": "1 failed: test_it.test_it (AssertionError: sums are off",
    "erroring": "1 broke: test_it.test_it (failed on setup with",
    "leaving": "1 broke: test_it.test_it (failed on teardown with",
    "unimportable": "1 broke: test_it (collection failure: ModuleNotFoundError: No module named",
    "deselecting": "1 failed: test_it.test_other (assert False)",
    "hooking": "1 were left out by the checkout's own configuration",
    "half": "no test passed of test_skipped.py, more",
    "few": "1 tests ran, 2 must (1 were skipped)",
    "empty": "they ended with status 5, no test was collected",
    "skipped": "no test ran, 1 must (1 were skipped); no test passed of test_it.py",
    "expected": "no test ran, 1 must (1 were skipped)",
    "crashing": "the tests left no result; they ended with status 3",
    "vanishing": "the tests left no result; they ended with status 0",
    "garbling": "the tests' result is no JUnit file",
    "unstartable": "did not start",
}
SECRETS = {"DASHBOARD_AUTH_TOKEN": "hidden-token-of-this-run", "INNGEST_REQUIRED": "true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkout for each kind of pack."""
    made = tmp_path_factory.mktemp("packs")
    for name, text in TESTS.items():
        (made / name).mkdir()
        (made / name / "test_it.py").write_text(text, "utf-8")
        own = "-m 'not slow'" if name == "deselecting" else "--no-such-option"
        markers = "markers =\n    slow: takes long"
        (made / name / "pytest.ini").write_text(f"[pytest]\naddopts = {own}\n{markers}\n", "utf-8")
    (made / "hooking" / "conftest.py").write_text(
        "def pytest_collection_modifyitems(config, items):\n"
        "    config.hook.pytest_deselected(items=items[1:])\n"
        "    del items[1:]\n",
        "utf-8",
    )
    (made / "half" / "test_skipped.py").write_text(TESTS["skipped"], "utf-8")
    (made / "half" / "more").mkdir()
    (made / "half" / "more" / "test_more.py").write_text("", "utf-8")
    (made / "passing" / "pytest.ini").unlink()
    return made


def profile(folder: Path, name: str, **section: object) -> Mapping[str, Mapping[str, object]]:
    """Return a profile whose critical tests are the pack of this name."""
    usual = {"cwd": str(folder / name), "tests": ["test_it.py"], "seconds": 300}
    own = {"base_url": "http://127.0.0.1:9", "env_file": str(folder / "caio.env")}
    return {"": own, "pack": {**usual, **section}}


@pytest.fixture(scope="module")
def gate(folder: Path) -> Gate:
    """One run of the gate for a pack of each kind."""
    (folder / "caio.env").write_text("".join(f"{k}={v}\n" for k, v in SECRETS.items()), "utf-8")
    python = lean_python(folder)
    profiles = {name: profile(folder, name, python=python) for name in TESTS if name != "hanging"}
    profiles["prying"] = profile(folder, "prying")
    profiles["half"] = profile(folder, "half", tests=["test_it.py", "test_skipped.py", "more"], python=python)
    profiles |= {
        "few": profile(folder, "skipping", min_tests=2, python=python),
        "folder": profile(
            folder, "passing", tests=[str(folder / "passing"), "."], min_tests=1, python=python
        ),
        "unstartable": profile(folder, "passing", python="./no-such-python"),
        "single": profile(folder, "failing", tests=["test_it.py::test_other"], python=python),
        "missing": profile(folder, "passing", tests=["test_gone.py::test_it"]),
        "homeless": profile(folder, "passing", cwd=str(folder / "gone")),
        "untested": profile(folder, "passing", tests=[]),
        "bare": {"": {"base_url": "http://127.0.0.1:9"}},
    }
    env = {
        "PYTEST_ADDOPTS": "--strict-markers",
        "PRODUCTION_WEBHOOK_BEARER_TOKEN": "hidden-bearer",
        "COPY": SECRETS["DASHBOARD_AUTH_TOKEN"],
        "HARMLESS": "true",
    }
    return ask_gate("pack", folder, profiles=profiles, env=env)


@pytest.fixture(scope="module")
def hanging(folder: Path) -> Gate:
    """A run of the gate for a pack that hangs, and not before it has begun: nothing else runs beside it."""
    return ask_gate(
        "pack", folder / "hanging", profiles={"hanging": profile(folder, "hanging", seconds=stretched(3))}
    )


@pytest.mark.parametrize("name", ["passing", "skipping", "shouting", "prying", "single", "folder"])
def test_pack_that_passes(gate: Gate, name: str) -> None:
    """Tests of which some ran and none failed pass; they know no secret and nothing of this pytest."""
    assert gate.apart(name) == {}, gate.observed(name, "PACK-01")


def test_counts_are_shown(gate: Gate) -> None:
    """The evidence says how many tests passed, also where all did."""
    (check,) = gate.environments["skipping"]["checks"]
    assert check["cases"][0]["tables"][0]["rows"] == [["1", "0", "0", "1", "0"]]


@pytest.mark.parametrize("name", RED)
def test_pack_that_does_not_pass(gate: Gate, name: str) -> None:
    """Every other pack is red and says why."""
    assert gate.apart(name) == {"PACK-01": "failed"}
    assert RED[name] in gate.observed(name, "PACK-01")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("missing", "tests of [missing.pack] (no such file: "),
        ("homeless", "cwd of [homeless.pack] (no such folder: "),
        ("untested", "tests of [untested.pack]"),
        ("bare", "tests of [bare.pack]"),
    ],
)
def test_lacking_input_is_named(gate: Gate, name: str, key: str) -> None:
    """Without tests or their checkout the input is missing, and named."""
    assert gate.apart(name) == {"PACK-01": "missing-input"}
    assert key in gate.observed(name, "PACK-01")


def test_pack_that_hangs(hanging: Gate) -> None:
    """A pack that hangs is red at its time limit, and says so."""
    assert hanging.apart("hanging") == {"PACK-01": "failed"}
    words = r"the tests did not end within [\d.]+ s, and were ended"
    assert re.search(words, hanging.observed("hanging", "PACK-01"))


def test_hanging_tests_leave_nothing_running(hanging: Gate, folder: Path) -> None:
    """What hanging tests started is ended with them."""
    assert hanging.outcomes("hanging")
    assert not runs(int((folder / "hanging" / "child").read_text("utf-8")))


def test_crash_shows_the_end_of_the_output(gate: Gate) -> None:
    """Where there is no result, the end of what the tests printed is shown."""
    assert "test_it.py" in gate.observed("crashing", "PACK-01")


@pytest.mark.nightly
def test_workers_share_one_run(tmp_path: Path) -> None:
    """With workers the tests are run once, also where files that are open cannot be replaced (Windows)."""
    log = tmp_path / "runs"
    (tmp_path / "test_it.py").write_text(
        f"def test_it():\n    with open({str(log)!r}, 'a') as log: log.write('x')\n", "utf-8"
    )
    profiles = {"one": profile(tmp_path, "", cwd=str(tmp_path))}
    strict = ("-p", "tests.support.windows_files") if sys.platform == "linux" else ()
    gate = ask_gate("pack", tmp_path, "-n2", *strict, profiles=profiles)
    assert (gate.apart("one"), log.read_text("utf-8")) == ({}, "x")


@pytest.mark.parametrize("narrowed", [("--plan",), ("--collect-only",)])
def test_tests_run_only_if_asked_for(tmp_path: Path, narrowed: tuple[str, ...]) -> None:
    """A plan or a collection runs no critical test."""
    (tmp_path / "test_it.py").write_text("def test_it(): open('ran', 'w').close()\n", "utf-8")
    gate = ask_gate("pack", tmp_path, *narrowed, profiles={"one": profile(tmp_path, "", cwd=str(tmp_path))})
    assert gate.status == 0, gate.shown
    assert not (tmp_path / "ran").exists()


def packing(folder: Path, **section: object) -> PackJob:
    """Return the critical tests of a folder, not yet run."""
    pack = PackSection(cwd=str(folder), tests=("test_it.py",), **section)  # type: ignore[arg-type]
    values = {key: Secret(value) for key, value in SECRETS.items()}
    return PackJob(Environment("demo", "http://127.0.0.1:9", Profile(pack=pack), values))


def test_end_ends_the_tests(folder: Path) -> None:
    """Tests are ended from another thread, in the middle."""
    work, began = packing(folder / "hanging", seconds=300), time.monotonic()
    timer = Timer(1.0, work.end)
    timer.start()
    assert work().reasons
    timer.join()
    assert within(time.monotonic() - began, 20)


def test_words_in_any_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests print is shown as written where Python would print a code page, as on Windows."""
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    monkeypatch.setenv("PYTHONUTF8", "0")
    (tmp_path / "test_it.py").write_text("raise RuntimeError('Grüße ✓ 漢')\n", "utf-8")
    assert "Grüße ✓ 漢" in " ".join(packing(tmp_path)().reasons)


@pytest.mark.skipif(os.name == "nt", reason="a link to an interpreter needs rights there")
def test_interpreter_of_the_checkout_is_used(tmp_path: Path, folder: Path) -> None:
    """The checkout's own .venv runs its tests; `python` names another."""
    shutil.copytree(folder / "passing", tmp_path, dirs_exist_ok=True)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"#!/bin/sh\necho the venv of the checkout >&2\nexit 9\n")
    own.chmod(0o755)
    assert "status 9: ...the venv of the checkout" in packing(tmp_path)().trouble
    assert packing(tmp_path, python=sys.executable)() == PackFindings(passed=1, files=("test_it.py",))


def test_path_of_an_interpreter_starts_at_the_profiles(tmp_path: Path) -> None:
    """A path is relative to the profiles file, and a link is not followed; a program's name is no path."""
    path = tmp_path / "profiles.toml"
    path.write_text('[a.pack]\npython = "../.venv/bin/python"\n[b.pack]\npython = "python3.12"\n', "utf-8")
    found = {name: profile.pack.python for name, profile in read_profiles(path).items() if profile.pack}
    assert found == {"a": str(tmp_path / "../.venv/bin/python"), "b": "python3.12"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('tests = ["-k", "critical"]', "tests are pytest's ids or paths, not options"),
        ('tests = [""]', "tests are pytest's ids or paths, not options"),
        ("seconds = 0", "the value must be above 0 (key seconds)"),
        ('test = ["tests"]', "unknown key test; the keys are cwd, tests, min_tests, python"),
    ],
)
def test_section_that_cannot_be_used(tmp_path: Path, keys: str, words: str) -> None:
    """A section's error names the section and the key."""
    path = tmp_path / "profiles.toml"
    path.write_text(f"[a]\n[a.pack]\n{keys}\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_profiles(path)
    assert words in str(error.value)


@pytest.mark.parametrize("text", ["", "<html/>", "no tests", '<testsuite><testcase name="a">'])
def test_result_that_is_none(tmp_path: Path, text: str) -> None:
    """What is no JUnit file is not read as an empty one."""
    path = tmp_path / "junit.xml"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="no JUnit file"):
        read_junit(path)


def test_reasons_name_the_first() -> None:
    """Of many tests that failed the first three are named."""
    assert PackFindings(failed=("a", "b", "c", "d"), broken=("e",)).reasons == (
        "4 failed: a, b, c, ...",
        "1 broke: e",
    )
    assert PackFindings(passed=1, skipped=4).reasons == ()
    assert PackFindings(skipped=4).reasons == ("no test ran, 1 must (4 were skipped)",)
