"""A run that is forked is what `python -m pytest` is, and its server outlives nobody."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support import forked
from tests.support.forked import Forked, Process
from tests.support.places import CHECKOUT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork to make")
# What a run knows of itself, once with a plugin that lies on its path.
TELLS = """
import json, os, random, sys, tempfile
import helper

def pytest_unconfigure():
    told = {
        "argv": sys.argv, "path": sys.path[:3], "cwd": os.getcwd(), "temporary": tempfile.gettempdir(),
        "own": os.environ.get("OWN"), "session": os.getsid(0) == os.getpid(), "original": sys.orig_argv[1:],
        "input": sys.__stdin__.read(), "bytecode": sys.dont_write_bytecode,
        "main": sys.modules["__main__"].__file__,
    }
    with open(os.environ["TOLD"], "w") as file:
        json.dump([told, random.random()], file)
"""
ENDS = {
    "passing": "def test_it(): pass\n",
    "failing": "def test_it(): assert 1 == 2\n",
    "none": "",
    "exiting": "import os\ndef test_it():\n    print('lost')\n    os._exit(7)\n",
    "killed": "import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)\n",
    "at exit": (
        "import atexit, sys, threading, time\n"
        "def late():\n    time.sleep(0.2)\n    print('a thread was waited for', file=sys.__stdout__)\n"
        "def test_it():\n"
        "    atexit.register(lambda: print('at exit', file=sys.__stdout__))\n"
        "    threading.Thread(target=late).start()\n"
    ),
    "warning": "import warnings\ndef test_it(): warnings.warn('told')\n",
}
Start = Callable[..., Process]


@pytest.fixture
def begin(tmp_path: Path) -> Start:
    """Start a run of a test file in a folder of its own, forked or fresh."""

    def begin(source: str, *arguments: str, **how: object) -> Process:
        (tmp_path / "test_it.py").write_text(source, "utf-8")
        environment = {**os.environ, "PYTEST_ADDOPTS": "", "OWN": "x", "TOLD": str(tmp_path / "told")}
        environment = {key: value for key, value in environment.items() if key != "PYTEST_CURRENT_TEST"}
        asked = [*forked.LEFT_OUT, "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=.", *arguments]
        environment.update(how.pop("more", {}))  # type: ignore[call-overload]
        return forked.start(asked, cwd=tmp_path, environment=environment, **how)  # type: ignore[arg-type]

    return begin


@pytest.mark.parametrize("name", ENDS)
def test_it_ends_alike(begin: Start, name: str) -> None:
    """Exit status and output are those of a fresh interpreter, whatever the end is."""
    outcomes = []
    for fresh in (False, True):
        process = begin(ENDS[name], "-q", "--no-header", fresh=fresh)
        assert isinstance(process, Forked) is not fresh
        stdout, stderr = process.communicate(timeout=60)
        lines = [line for line in stdout.splitlines() if not re.search(r" in \d+\.\d+s", line)]
        outcomes.append((process.returncode, lines, stderr))
    assert outcomes[0] == outcomes[1]


def test_it_knows_itself_alike(begin: Start, tmp_path: Path) -> None:
    """Arguments, path, folder, environment and session are those of a fresh one; chance is its own."""
    (tmp_path / "helper.py").touch()
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "tells.py").write_text(TELLS, "utf-8")
    told, chances = [], []
    more = {"TMPDIR": str(tmp_path / "beside"), "PYTHONDONTWRITEBYTECODE": "1"}
    for fresh in (False, False, True):
        process = begin("", "-p", "tells", path=[tmp_path / "beside"], more=more, fresh=fresh)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, stdout + stderr
        one, chance = json.loads((tmp_path / "told").read_text("utf-8"))
        told.append(one)
        chances.append(chance)
    assert told[0] == told[1] == told[2]
    assert told[0]["path"][:2] == [str(tmp_path), str(tmp_path / "beside")]
    assert len(set(chances)) == 3


def test_nothing_of_a_run_is_left_for_the_next(begin: Start) -> None:
    """A fork has imported no test, and has neither a thread nor a plugin that it was not given."""
    source = (
        "import sys, threading\n"
        "def test_it(request):\n"
        "    assert threading.active_count() == 1\n"
        "    assert {name for name in sys.modules if name.startswith('test')} == {'test_it'}\n"
        "    assert not request.config.pluginmanager.hasplugin('caio-session')\n"
        "    assert 'hypothesis' not in sys.modules and 'pytest_caio.session' in sys.modules\n"
    )
    process = begin(source)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0, stdout


HANGS = "import pathlib, time\ndef test_it():\n    pathlib.Path('hangs').touch()\n    time.sleep(600)\n"


def hanging(begin: Start, folder: Path) -> Process:
    """Return a run that hangs in its test."""
    process = begin(HANGS)
    until = time.monotonic() + 60
    while not (folder / "hangs").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    return process


def test_it_can_be_waited_for_and_killed(begin: Start, tmp_path: Path) -> None:
    """A wait has its time limit; a signal's number is the status, and what was written is there."""
    process = hanging(begin, tmp_path)
    assert process.poll() is None
    for wait in (process.wait, process.communicate):
        with pytest.raises(subprocess.TimeoutExpired):
            wait(timeout=0.05)
    process.kill()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, process.poll(), process.wait()) == (-signal.SIGKILL,) * 3
    assert "test session starts" in stdout
    assert stderr == ""
    process.kill()  # which has no effect any more


def test_it_heeds_ctrl_c(begin: Start, tmp_path: Path) -> None:
    """SIGINT to its group interrupts it, also where whoever started the tests ignores that."""
    process = hanging(begin, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "KeyboardInterrupt" in stdout


def test_what_an_interpreter_heeds_at_its_start_is_heeded(begin: Start) -> None:
    """A variable that only a starting interpreter reads makes the run a fresh one."""
    source = "import sys\ndef test_it(): assert sys.__stdout__.encoding == 'iso8859-1'\n"
    process = begin(source, more={"PYTHONIOENCODING": "latin-1"})
    stdout, _ = process.communicate(timeout=60)
    assert (type(process), process.returncode) == (subprocess.Popen, 0), stdout


def test_the_server_ends_with_who_started_it(tmp_path: Path) -> None:
    """Killed, the process of the tests leaves no server behind."""
    code = (
        "import os, pathlib, signal, sys\nfrom tests.support import forked\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "forked.run(['--version'], cwd=here, environment=dict(os.environ))\n"
        "print(forked._server()._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    server = int(done.stdout)
    if psutil.pid_exists(server):
        psutil.wait_procs([psutil.Process(server)], timeout=30)
    assert not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE
