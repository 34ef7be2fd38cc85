"""What a person or a program reads in the terminal: colours, encodings, the last line, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.pace import wait_for, within
from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome, serving, start_suite

NODE = "acceptance/test_auth.py::test_status_needs_a_token"
BODY = '{"detail":"Zugriff verweigert: Schlüssel ungültig, 禁止 \u202e"}'.encode()
GERMAN = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [
        ((), {}, False),
        (("--color=yes",), {}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color=no",), {"FORCE_COLOR": "1"}, False),
    ],
    ids=["pipe", "--color=yes", "FORCE_COLOR", "NO_COLOR", "--color=no"],
)
def test_colours(
    ask: Ask,
    deployment: Deployment,
    options: tuple[str, ...],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    """Output is coloured exactly when pytest's own output is."""
    outcome = ask(NODE, *options, to=deployment, environment=environment)
    assert outcome.status == 0
    assert ("\x1b[" in outcome.stdout) is coloured
    assert "INCOMPLETE" in outcome.lines[-1]


def test_the_verdict_is_the_last_line(go: Outcome) -> None:
    """The verdict has a heading of its own after all results, and is alone on the last line."""
    last = go.verdict_lines()
    assert "CAIO acceptance: GO" in last[0]
    assert last[-1] == "GO"
    assert go.stdout.endswith("GO\n")
    assert any("passed" in line for line in go.lines[: -len(last)])


@pytest.mark.parametrize("options", [("-q",), ("-v",), ("-rA",), ("--tb=no",), ("--durations=3",)])
def test_the_verdict_comes_after_pytests_own_sections(
    ask: Ask, deployment: Deployment, options: tuple[str, ...]
) -> None:
    """Whatever sections pytest adds, the verdict is the last line."""
    outcome = ask(NODE, *options, to=deployment)
    assert outcome.lines[-1] == "INCOMPLETE"
    assert outcome.status == 0


@pytest.fixture(scope="module")
def public(serve: Callable[..., Deployment]) -> Deployment:
    """A deployment whose API documentation is public."""
    return serve(faults=["docs-served"])


@pytest.mark.parametrize(("option", "shown"), [("-q", False), ("--tb=short", True), ("-rf", True)])
def test_failed_checks_are_told_by_cause(ask: Ask, public: Deployment, option: str, shown: bool) -> None:
    """pytest's own sections leave failed checks out, unless --tb or -r is given; causes are shown."""
    outcome = ask("acceptance/test_readiness.py", "-k", "documents", option, to=public)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert any("= FAILURES =" in line for line in outcome.lines) is shown
    assert any(line.startswith("FAILED ") for line in outcome.lines) is shown
    assert outcome.verdict_lines()[1] == "Do not release. 1 thing to put right."


MOVED = (
    b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://www.dashboard.example/\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def told_in_twelve_lines(outcome: Outcome) -> dict[str, Any]:
    """Assert that a run has one cause, and tells it in twelve lines beside the verdict; return it."""
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    (cause,) = outcome.evidence["causes"]
    heading, sentence, *lines, last = outcome.verdict_lines()
    assert sentence == "Do not release. 1 thing to put right.", heading
    at = lines.index(f"   {cause['sentence']}")
    assert lines[at - 1].endswith(cause["action"])
    assert len(lines) <= 12, lines
    assert last == "NO-GO"
    return cause


# The faults of a deployment, the checks asked of it, and the action that puts it right.
ONE_CAUSE = {
    "a wrong token": ((), "AUTH-05 OPS-03 OPS-07 OPS-09", "DASHBOARD_AUTH_TOKEN", "you"),
    "Clay's secret is missing": (
        ("secret-missing",),
        "WH-02 WH-03 WH-05 RDY-01 RDY-02",
        "In Railway, set CLAY_WEBHOOK_SECRET (or",
        "you",
    ),
    "a 500 on the status page": (
        ("status-500",),
        "AUTH-05 OPS-03 OPS-09",
        "Hand to the developer, with the deploy logs from Railway: GET /api/operator/status answers 500",
        "developer",
    ),
}


@pytest.mark.parametrize("fault", ONE_CAUSE)
def test_one_fault_is_one_cause(ask: Ask, serve: Callable[..., Deployment], fault: str) -> None:
    """A single fault is told as one cause with all checks under it, what to do, and who is to do it."""
    faults, checks, action, who = ONE_CAUSE[fault]
    token = () if faults else ("--token=caio-acceptance-wrong-token",)
    asked = ("-k", " or ".join(checks.split()))
    cause = told_in_twelve_lines(ask("acceptance", *asked, *token, to=serve(faults=faults)))
    assert action in cause["action"]
    assert cause["who"] == who
    assert sorted(cause["checks"]) == sorted(checks.split())


def test_a_redirect_to_another_host_is_one_cause(ask: Ask, deployment: Deployment) -> None:
    """A deployment that sends every request on to another host is one cause, which names both hosts."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(MOVED)

    with serving(answer) as url:
        asked = ("-k", "AUTH-03 or AUTH-09 or RDY-01", f"--base-url={url}")
        cause = told_in_twelve_lines(ask("acceptance", *deployment.arguments, *asked))
    host = url.partition("://")[2]
    assert f"from {host} to another host, www.dashboard.example" in cause["sentence"]
    assert host in cause["action"]
    assert "www.dashboard.example" in cause["action"]


@pytest.mark.nightly
def test_one_cause_of_a_whole_run_is_told_in_twelve_lines(ask: Ask, serve: Callable[..., Deployment]) -> None:
    """A whole run with one cause, some advice and checks that were not asked is as short."""
    cause = told_in_twelve_lines(ask("acceptance", to=serve(faults=("secret-missing",))))
    assert len(cause["checks"]) > 8


@pytest.fixture(scope="module")
def foreign(ask: Ask, deployment: Deployment) -> Callable[[str], Outcome]:
    """Run against a deployment whose responses are not ASCII, with a terminal of the given encoding."""

    def run(encoding: str) -> Outcome:
        def answer(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(GERMAN)

        with serving(answer) as url:
            return ask(
                "acceptance/test_readiness.py",
                "-v",
                *deployment.arguments,
                f"--base-url={url}",
                environment={"PYTHONIOENCODING": encoding},
            )

    return run


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_encodings(foreign: Callable[[str], Outcome], encoding: str) -> None:
    """A response that the terminal cannot encode does not break the run; control characters are escaped."""
    outcome = foreign(encoding)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout + outcome.stderr
    assert "INTERNALERROR" not in outcome.stdout
    assert "UnicodeEncodeError" not in outcome.stdout + outcome.stderr
    assert "\u202e" not in "\n".join(outcome.verdict_lines())
    assert "Schlüssel" in outcome.evidence_path.read_text("utf-8")


def test_a_plan_in_ascii(ask: Ask, deployment: Deployment) -> None:
    """A plan can be printed to an ASCII terminal."""
    outcome = ask("acceptance", "--plan", to=deployment, environment={"PYTHONIOENCODING": "ascii"})
    assert outcome.status == 0, outcome.stdout[-2000:] + outcome.stderr
    assert "none was sent" in outcome.stdout


def interrupt(process_id: int) -> None:
    """Press Ctrl-C: send SIGINT to the whole foreground process group."""
    os.killpg(process_id, signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to signal")
@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.nightly)], ids=["alone", "workers"]
)
def test_ctrl_c_is_never_go(
    serve: Callable[..., Deployment], tmp_path: Path, workers: tuple[str, ...]
) -> None:
    """Ctrl-C during a run ends it soon with exit status 2, and the verdict is not GO."""
    slow = serve("--latency-ms", "2000")
    process = start_suite([*SHORT, *slow.arguments, *workers], tmp_path)
    try:
        wait_for(slow.log)  # one complete response: the run is under way
        interrupt(process.pid)
        began = time.monotonic()
        stdout, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 2, stdout
    assert within(time.monotonic() - began, 15)
    lines = [line for line in stdout.splitlines() if line.strip()]
    assert lines[-1] in ("INCOMPLETE", "NO-GO")
    assert "CAIO acceptance: GO" not in stdout
    assert Outcome(2, stdout, "", tmp_path, 0).evidence["verdict"] == lines[-1]


def listens(address: tuple[str, int]) -> bool:
    """Say whether a server listens at an address."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(address) == 0


@pytest.mark.nightly  # the tests of interruption see it by the run's processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to signal")
def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    """After Ctrl-C the demo's deployment and Redis server have ended, and their files are removed."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = start_suite(
        ["acceptance", "--env=demo", "--request-rate=5"],
        tmp_path / "evidence",
        environment={"TMPDIR": str(folder)},
    )
    settings: dict[str, str] = {}

    def started() -> bool:
        for path in folder.glob("caio-demo-*/caio.env"):
            pairs = (line.partition("=") for line in path.read_text("utf-8").splitlines())
            settings.update({key: value for key, _, value in pairs})
        return "TRACE_CLEANUP_ENABLED" in settings and listens(address("CAIO_BASE_URL"))

    def address(key: str) -> tuple[str, int]:
        return "127.0.0.1", int(settings[key].rsplit(":", 1)[1].partition("/")[0])

    try:
        wait_for(started)
        time.sleep(1)
        assert listens(address("REDIS_URL"))
        interrupt(process.pid)
        stdout, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 2, stdout
    assert not listens(address("CAIO_BASE_URL"))
    assert not listens(address("REDIS_URL"))
    assert [path.name for path in folder.iterdir() if path.name.startswith("caio-")] == []
