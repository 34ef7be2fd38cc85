"""A forked run behaves like `python -m pytest`, and its server ends with the process that started it."""

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

import pytest

from tests.support import forked
from tests.support.forked import Forked, Process
from tests.support.pace import wait_for
from tests.support.places import CHECKOUT
from tests.support.processes import runs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork to make")
# A plugin that writes what a run sees of itself: arguments, paths, folders, environment and session.
TELLS = """
import json, os, random, sys, tempfile
import helper

def pytest_unconfigure():
    told = {
        "argv": sys.argv, "path": sys.path[:3], "cwd": os.getcwd(), "temporary": tempfile.gettempdir(),
        "own": os.environ.get("OWN"), "session": os.getsid(0) == os.getpid(), "original": sys.orig_argv[1:],
        "input": sys.__stdin__.read(), "bytecode": sys.dont_write_bytecode,
        "main": sys.modules["__main__"].__file__,
        "encodings": [(one.encoding, one.errors) for one in (sys.__stdout__, sys.__stderr__)],
    }
    with open(os.environ["TOLD"], "w", encoding="utf-8") as file:
        json.dump([told, random.random()], file)
"""
ENDS = {
    "none": "",
    "exiting": "import os\ndef test_it():\n    print('lost')\n    os._exit(7)\n",
    "killed": "import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)\n",
    "failing, with work at exit": (
        "import atexit, sys, threading, warnings\n"
        "def late():\n"
        "    threading.main_thread().join()\n"
        "    print('a thread was waited for', file=sys.__stdout__)\n"
        "def test_it():\n"
        "    warnings.warn('told')\n"
        "    atexit.register(lambda: print('at exit', file=sys.__stdout__))\n"
        "    threading.Thread(target=late).start()\n"
        "def test_fails(): assert 1 == 2\n"
    ),
}
Start = Callable[..., Process]


@pytest.fixture
def begin(tmp_path: Path) -> Start:
    """Start a run of a test file in a folder of its own, forked or in a fresh interpreter."""

    def begin(source: str, *arguments: str, **how: object) -> Process:
        (tmp_path / "test_it.py").write_text(source, "utf-8")
        environment = {**os.environ, "PYTEST_ADDOPTS": "", "OWN": "x", "TOLD": str(tmp_path / "told")}
        environment = {key: value for key, value in environment.items() if key != "PYTEST_CURRENT_TEST"}
        asked = [*forked.LEFT_OUT, "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=.", *arguments]
        environment.update(how.pop("more", {}))  # type: ignore[call-overload]
        return forked.start(asked, cwd=tmp_path, environment=environment, **how)  # type: ignore[arg-type]

    return begin


@pytest.mark.parametrize("name", ENDS)
def test_a_fork_ends_like_a_fresh_interpreter(begin: Start, name: str) -> None:
    """A fork's exit status and output equal those of a fresh interpreter, however the run ends."""
    outcomes = []
    for fresh in (False, True):
        process = begin(ENDS[name], "-q", "--no-header", fresh=fresh)
        assert isinstance(process, Forked) is not fresh
        stdout, stderr = process.communicate(timeout=60)
        lines = [line for line in stdout.splitlines() if not re.search(r" in \d+\.\d+s", line)]
        outcomes.append((process.returncode, lines, stderr))
    assert outcomes[0] == outcomes[1]


def test_a_fork_sees_the_same_process_state(begin: Start, tmp_path: Path) -> None:
    """Arguments, paths, environment and session equal a fresh interpreter's; random numbers differ."""
    (tmp_path / "helper.py").touch()
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "tells.py").write_text(TELLS, "utf-8")
    told, chances = [], []
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "cp1252:replace"}
    more = {"TMPDIR": str(tmp_path / "beside"), **own}
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


def test_a_fork_starts_clean(begin: Start) -> None:
    """A fork starts with one thread, no other test module, and no plugin that it was not given."""
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


def test_a_fork_can_be_waited_for_and_killed(begin: Start, tmp_path: Path) -> None:
    """Waiting times out; after a kill the status is the negative signal and the output can be read."""
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
    process.kill()  # without effect, as it has ended


def test_ctrl_c_interrupts_a_fork(begin: Start, tmp_path: Path) -> None:
    """SIGINT to its process group interrupts a fork, even if the tests run with SIGINT ignored."""
    process = hanging(begin, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "KeyboardInterrupt" in stdout


def test_a_start_variable_makes_a_fresh_interpreter(begin: Start) -> None:
    """With a variable that Python reads only at its start, the run is not a fork."""
    source = "import sys\ndef test_it(): assert sys.flags.utf8_mode == 1\n"
    process = begin(source, more={"PYTHONUTF8": "1"})
    stdout, _ = process.communicate(timeout=60)
    assert (type(process), process.returncode) == (subprocess.Popen, 0), stdout


def test_the_fork_server_ends_with_the_tests(tmp_path: Path) -> None:
    """When the test process is killed, the fork server ends too."""
    code = (
        "import os, pathlib, signal, sys\nfrom tests.support import forked\n"
        "os.environ.pop(forked.SHARED, None)\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "forked.run(['--version'], cwd=here, environment=dict(os.environ))\n"
        "print(forked._server()._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    server = int(done.stdout)
    wait_for(lambda: not runs(server), 30)
