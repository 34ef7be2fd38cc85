"""A process of the run is killed, or a plugin breaks: no GO, no partial file, no process left."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time

import pytest

from pytest_caio.evidence.ledger import read_ledger
from tests.support.broken_runs import EVIDENCE, Broken, hanging_profile
from tests.support.evidence_sets import Keys
from tests.support.pace import stretched, wait_for, within
from tests.support.suite_runs import SHORT, Deployment, serving

CORS = "acceptance/test_cors.py"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def plugin(broken: Broken, source: str) -> tuple[str, ...]:
    """Write a plugin; return the options that load it."""
    (broken.folder / "breaks.py").write_text(source, "utf-8")
    return ("-p", "breaks")


@posix
@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.nightly)], ids=["alone", "workers"]
)
def test_a_killed_run(broken: Broken, workers: tuple[str, ...]) -> None:
    """After SIGKILL there is no evidence, and deployment, Redis server, workers and runners all end."""
    profiles, started = hanging_profile(broken.folder)
    run = broken.start("acceptance/test_replay.py", f"--profiles={profiles}", *workers)
    assert run.process is not None
    wait_for(started.exists)
    wait_for(lambda: run.named("redis-server") and len(run.named("hang.py")) == 2 and run.named("serve"))
    time.sleep(stretched(0.5))  # a process takes a moment from its start until it works
    run.process.kill()
    assert run.end() == -signal.SIGKILL
    assert run.leaves_nothing()
    assert run.files() == []


DIES = """
import os, pathlib, signal
real, left = os.replace, [{number}]
def replace(source, target):
    real(source, target)
    left[0] -= pathlib.Path(target).parent == pathlib.Path({folder!r})
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
"""


@posix
@pytest.mark.nightly
@pytest.mark.parametrize("number", range(1, 9))
def test_a_run_that_is_killed_while_it_writes_evidence(
    broken: Broken, deployment: Deployment, number: int
) -> None:
    """A signed run that is killed after any of its files leaves whole files, and signs only all of them."""
    keys = Keys.made(broken.folder / "keys")
    options = plugin(broken, DIES.format(number=number, folder=str(broken.evidence)))
    run = broken.start(*SHORT, *deployment.arguments, f"--sign={keys.private}", *options)
    assert run.end() == -signal.SIGKILL, run.stdout + run.stderr
    assert len(run.files()) == min(number, 6)
    assert set(run.suffixes) <= {*EVIDENCE, ".intoto.json"}
    for path in run.evidence.glob("*Z.*"):
        content = path.read_text("utf-8")
        if path.suffix == ".json":
            json.loads(content)
        else:
            assert content.rstrip().endswith((">", ".json for machines"))
    ledger = read_ledger(run.evidence / "ledger.jsonl")
    assert (ledger.fault, len(ledger.entries)) == ("", int(number > 7))
    assert (".intoto.json" in run.suffixes) is (number > 5)
    assert run.leaves_nothing()


@posix
def test_a_killed_run_ends_the_product_s_tests(broken: Broken) -> None:
    """After SIGKILL to the run, the product's critical tests end too, even in the middle of a test."""
    started, profiles = broken.folder / "started", broken.folder / "environments.toml"
    hangs = f"def test_hangs():\n    pathlib.Path({str(started)!r}).touch()\n    time.sleep(120)\n"
    product = broken.folder / "product"
    product.mkdir()
    (product / "test_critical.py").write_text(f"import pathlib, time\n{hangs}", "utf-8")
    pack = f'cwd = "{product.as_posix()}"\ntests = ["test_critical.py"]\n'
    profiles.write_text(f"[demo]\nreference = true\n[demo.pack]\n{pack}", "utf-8")
    run = broken.start("acceptance/test_pack.py", f"--profiles={profiles}")
    assert run.process is not None
    wait_for(started.exists)
    run.process.kill()
    assert run.end() == -signal.SIGKILL
    assert run.leaves_nothing()


@posix
def test_a_killed_deployment(broken: Broken) -> None:
    """When the reference deployment is killed, its Redis server ends and its folder is removed."""
    profiles, started = hanging_profile(broken.folder)
    run = broken.start("acceptance/test_replay.py", f"--profiles={profiles}")
    wait_for(started.exists)
    (serve,) = wait_for(lambda: run.named("pytest_caio serve"))
    assert run.named("redis-server")
    serve.kill()
    began = time.monotonic()
    wait_for(lambda: not run.named("redis-server"))
    wait_for(lambda: not list(run.temporary.glob("caio-redis-*")))
    assert within(time.monotonic() - began, 10)


@posix
def test_a_killed_worker(broken: Broken, deployment: Deployment) -> None:
    """After a worker is killed and replaced, the run says so, exits with 1, and is not GO."""
    options = plugin(
        broken,
        "import os, pathlib, pytest\n"
        f"once = pathlib.Path({str(broken.folder / 'once')!r})\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_call(item):\n"
        "    if 'PYTEST_XDIST_WORKER' in os.environ and not once.exists():\n"
        "        once.touch()\n"
        f"        os.kill(os.getpid(), {int(signal.SIGKILL)})\n",
    )
    status = broken.run(CORS, *deployment.arguments, "-n", "1", *options)
    assert status == 1, broken.stdout
    broken.says("a worker of the run died")
    assert broken.leaves_nothing()


KILLS_PROBER = """
import contextlib, psutil

def pytest_{hook}():
    own = psutil.Process()
    for child in own.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.cmdline() == own.cmdline():
                child.kill()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.cpu_count() == 1, reason="the prober is no process of its own"
)
@pytest.mark.parametrize(
    ("hook", "options"),
    [
        ("runtest_logfinish", ("--wait-ready", "5")),
        ("collection_finish", ("--wait-ready", "5")),
        ("runtest_logfinish", ("-n", "1")),
        ("sessionstart", ("-n", "2")),  # before the workers reach it
    ],
)
def test_a_killed_prober(broken: Broken, deployment: Deployment, hook: str, options: tuple[str, ...]) -> None:
    """After the process that sends the requests is killed, the run ends at once, and says so."""
    slow = ("--request-rate", "5")  # so that not all is answered yet
    killing = plugin(broken, KILLS_PROBER.format(hook=hook))
    status = broken.run(CORS, *deployment.arguments, *slow, *options, *killing)
    assert status == 2, broken.stdout
    broken.says("the process that sends the requests has ended: run again", ["INCOMPLETE"])
    assert "Traceback" not in broken.stdout + broken.stderr
    assert broken.leaves_nothing()


BREAKS = {
    "a hook": ("def pytest_runtest_logfinish(): raise ValueError('broken')", "an internal error", 3),
    "its end": ("def pytest_sessionfinish(): raise ValueError('broken')", "at its end (ValueError)", 1),
    "the summary": (
        "def pytest_terminal_summary(): raise ValueError('broken')",
        "at its end (ValueError)",
        1,
    ),
    "pytest.exit": (
        "import pytest\ndef pytest_runtest_logfinish(): pytest.exit('enough', returncode=0)",
        "the run was interrupted: enough",
        2,
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_plugin_that_breaks(broken: Broken, deployment: Deployment, name: str) -> None:
    """Wherever another plugin ends the run, all evidence says that the run did not complete, and why."""
    source, reason, expected = BREAKS[name]
    options = plugin(broken, source)
    status = broken.run(CORS, *deployment.arguments, *options)
    assert status == expected, broken.stdout + broken.stderr
    broken.says(reason)
    assert broken.leaves_nothing()


@pytest.mark.parametrize("status", [0, 3])
def test_a_plugin_that_calls_os_exit(broken: Broken, status: int) -> None:
    """After a plugin calls `os._exit` there is no evidence, without which there is no GO, and no process."""
    source = f"import os\ndef pytest_runtest_logfinish(): os._exit({status})"
    options = plugin(broken, source)
    assert broken.run(CORS, *options) == status
    assert broken.leaves_nothing()
    assert broken.files() == []
    assert "GO" not in broken.stdout


def hang(connection: socket.socket) -> None:
    """Read requests and never respond."""
    while connection.recv(65536):
        pass


@posix
def test_a_check_that_is_timed_out(broken: Broken, deployment: Deployment) -> None:
    """A check that pytest-timeout ends has not passed: NO-GO, and the run says that -x stopped it early."""
    with serving(hang) as url:
        options = (*deployment.arguments, f"--base-url={url}", "-x", "--timeout=1", "--timeout-method=signal")
        status = broken.run(CORS, *options)
    assert status == 1, broken.stdout
    broken.says("cases did not run: the run was stopped early", ["NO-GO"])


def test_a_run_that_is_timed_out(broken: Broken) -> None:
    """After pytest-timeout's thread method ends the process, no evidence and no process remains."""
    profiles, _ = hanging_profile(broken.folder)
    options = ("--timeout=2", "--timeout-method=thread")
    status = broken.run("acceptance/test_replay.py", f"--profiles={profiles}", *options)
    assert status == 1, broken.stdout
    assert broken.leaves_nothing()
    assert broken.files() == []


# A check that is timed out stops a run without workers in the same way.
@pytest.mark.parametrize("workers", [pytest.param((), marks=pytest.mark.nightly), ("-n", "1")], ids=len)
def test_a_run_that_stops_at_the_first_failure(broken: Broken, workers: tuple[str, ...]) -> None:
    """With -x a failure is NO-GO, the run says how many cases did not run, and it was not interrupted."""
    assert broken.run(CORS, "-x", "--fault=origin-reflected", *workers) == 1, broken.stdout
    broken.says("cases did not run: the run was stopped early", ["NO-GO"])
    assert "was interrupted" not in broken.stdout
    assert broken.leaves_nothing()
