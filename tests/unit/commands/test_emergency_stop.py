"""The command `emergency-stop`: it asks, stops a deployment, and says whether that is confirmed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_caio.commands.cli import main
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.reference.dashboard.state import State
from pytest_caio.state import connect
from tests.support.hosted import HostedDeployment
from tests.support.loopback import Loopback, http

STOP, STATUS = "/api/instantly/emergency-stop", "/api/operator/status"
TOKEN = "Zk4vQ9rT2mXw7LpBn8YdC5sH"
ON, OFF = http(body=b'{"emergency_stop": true}'), http(body=b'{"emergency_stop": false}')
Stop = Callable[..., tuple[int, Any, str]]


class Terminal(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        """Say that this is a terminal."""
        return True


@pytest.fixture(scope="module")
def deployment() -> Iterator[HostedDeployment]:
    """A reference deployment, which these tests stop."""
    with HostedDeployment(environment="production") as hosted:
        yield hosted


@pytest.fixture
def going(deployment: HostedDeployment) -> Iterator[Callable[[], bool]]:
    """Let the deployment go on again before a test, and return whether it says afterwards that it does."""
    settings = {key: value.reveal() for key, value in EnvFile.read(deployment.env_file).values.items()}
    with connect(settings["REDIS_URL"]) as client:
        for key in client.scan_iter(f"{State(settings).prefix}:operator:state:*"):
            client.set(key, json.dumps({**json.loads(client.get(key)), "emergency_stop": False}))
    headers = {"X-Dashboard-Token": settings["DASHBOARD_AUTH_TOKEN"]}

    def ask() -> bool:
        answer = httpx.get(f"{deployment.base_url}{STATUS}", headers=headers, trust_env=False)
        return answer.json()["emergency_stop"] is False

    assert ask()
    return ask


@pytest.fixture
def stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stop:
    """Run the command on profiles of which `production` has this address and env file."""
    monkeypatch.chdir(tmp_path)

    def run(base_url: str, content: str | bytes, *options: str, typed: str | None = None) -> Any:
        raw = content.encode() if isinstance(content, str) else content
        (tmp_path / "production.env").write_bytes(raw)
        profile = f'[production]\nbase_url = "{base_url}"\nenv_file = "production.env"\n'
        (tmp_path / "p.toml").write_text(f"{profile}[demo]\nreference = true\n", "utf-8")
        monkeypatch.setattr("sys.stdin", io.StringIO("production\n") if typed is None else Terminal(typed))
        given = options if "--env" in options else ("--env", "production", *options)
        try:
            status = main(["emergency-stop", "--profiles", "p.toml", *given])
        except SystemExit as left:
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        assert "Traceback" not in err
        return status, json.loads(out) if out else None, err

    return run


def token_of(deployment: HostedDeployment) -> str:
    """Return the deployment's own token."""
    return EnvFile.read(deployment.env_file).values["DASHBOARD_AUTH_TOKEN"].reveal()


@pytest.mark.parametrize(
    "written",
    [
        "DASHBOARD_AUTH_TOKEN={}\n",
        'DASHBOARD_AUTH_TOKEN="{}"\n',
        "export DASHBOARD_AUTH_TOKEN='{}'\n",
        "DASHBOARD_AUTH_TOKEN=old-one\nDASHBOARD_AUTH_TOKEN = {}  # the new one\n",
        "\ufeffDASHBOARD_AUTH_TOKEN={}\r\n",
    ],
    ids=["plain", "quoted", "export", "twice", "windows"],
)
def test_the_deployment_is_stopped(
    stop: Stop, deployment: HostedDeployment, going: Callable[[], bool], written: str
) -> None:
    """A quoted token, `export`, a key twice: the token is read as the suite reads it, and it is stopped."""
    status, summary, err = stop(deployment.base_url, written.format(token_of(deployment)), "--yes")
    assert (status, summary["ok"], summary["stopped"], summary["answer"]) == (0, True, True, 200)
    assert "it is stopped: the deployment says so itself" in err
    assert ("more than once" in err) is ("old-one" in written)
    assert not going()


def test_the_token_and_the_address_may_be_given(
    stop: Stop,
    deployment: HostedDeployment,
    going: Callable[[], bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """--base-url, --env-file and --token=@FILE go before the profile; so do variables of the process."""
    (tmp_path / ".env.token").write_text(f"{token_of(deployment)}\n", "utf-8")
    url = deployment.base_url
    assert stop("http://127.0.0.1:9", "", "--yes", "--base-url", url, "--token=@.env.token")[0] == 0
    assert stop(url, "", "--yes", "--env-file", str(deployment.env_file))[0] == 0
    monkeypatch.setenv("PRODUCTION_DASHBOARD_AUTH_TOKEN", f"{token_of(deployment)}\n")
    assert stop(url, "OTHER=1\n", "--yes")[0] == 0
    assert not going()


def test_it_asks_before_it_acts(stop: Stop, deployment: HostedDeployment, going: Callable[[], bool]) -> None:
    """Nothing is sent until the environment's name was typed; where nobody can type it, --yes is needed."""
    content = f"DASHBOARD_AUTH_TOKEN={token_of(deployment)}\n"
    for typed in ("\n", "yes\n", "staging\n", ""):
        status, summary, err = stop(deployment.base_url, content, typed=typed)
        assert (status, summary) == (1, None)
        assert f"production at {deployment.base_url} is told to send nothing more" in err
        assert "not confirmed: nothing was sent" in err
    status, summary, err = stop(deployment.base_url, content)
    assert (status, summary) == (2, None)
    assert "there is no terminal to ask in; add --yes" in err
    assert going()
    assert stop(deployment.base_url, content, typed="production\n")[0] == 0
    assert not going()


def test_a_wrong_token_stops_nothing(
    stop: Stop, deployment: HostedDeployment, going: Callable[[], bool]
) -> None:
    """A wrong token is exit 1, says which key is wrong and how to stop it without the dashboard."""
    status, summary, err = stop(deployment.base_url, f"DASHBOARD_AUTH_TOKEN={TOKEN}\n", "--yes")
    assert (status, summary["ok"], summary["stopped"], summary["answer"]) == (1, False, None, 401)
    assert "it refuses the token: DASHBOARD_AUTH_TOKEN here is not the one" in err
    assert "set EMERGENCY_STOP=true in Railway" in err
    assert "NOT known to be stopped" in err
    assert going()


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (http(429), http(429), "wait five minutes"),
        (http(302, Location="/login?next=/"), http(302), "it refuses the token"),
        (
            http(308, Location="https://b.example/"),
            http(308),
            "give the address that it sends to as --base-url",
        ),
        (http(404), http(404), "it has no emergency stop at /api/instantly/emergency-stop"),
        (http(500, f'{{"detail": "no {TOKEN}"}}'.encode()), OFF, "it could not do it (500)"),
        (http(200, b"{}"), OFF, "its operator status still says that it is not stopped"),
        (http(200, b"<html>"), http(200, b"<html>"), "its operator status cannot be read (status code 200)"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"),
    ],
    ids=["lock-out", "login", "elsewhere", "missing", "broken", "unmoved", "unreadable", "no HTTP"],
)
def test_what_was_answered_is_told(
    stop: Stop, server: Loopback, answer: bytes, status: bytes, words: str
) -> None:
    """Whatever the deployment answers, it is said in words whether it is stopped, and never a secret."""
    server.on(STOP, answer)
    server.on(STATUS, status)
    code, summary, err = stop(server.origin, f"DASHBOARD_AUTH_TOKEN={TOKEN}\n", "--yes")
    assert (code, summary["ok"]) == (1, False)
    assert summary["stopped"] is (False if status == OFF else None)
    assert words in err
    assert len(server.sent_to(STOP)) == 1


def test_a_stop_without_an_answer_is_read_back(stop: Stop, server: Loopback, dead_origin: str) -> None:
    """A connection that was dropped after the stop is ok if the status says so; no connection is not."""

    async def drop(_: object) -> None:
        return

    server.on(STOP, drop)
    server.on(STATUS, ON)
    assert stop(server.origin, f"DASHBOARD_AUTH_TOKEN={TOKEN}\n", "--yes")[0] == 0
    status, summary, err = stop(dead_origin, f"DASHBOARD_AUTH_TOKEN={TOKEN}\n", "--yes")
    assert (status, summary["ok"], summary["answer"]) == (1, False, 0)
    assert f"cannot connect: the connection was refused; is {dead_origin} its address?" in err


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), "DASHBOARD_AUTH_TOKEN is missing; write it into"),
        ("DASHBOARD_AUTH_TOKEN=\n", (), "DASHBOARD_AUTH_TOKEN is missing; write it into"),
        (
            f"DASHBOARD_AUTH_TOKEN=\u201c{TOKEN}\u201d\n",
            (),
            "has a LEFT DOUBLE QUOTATION MARK (U+201C) in it",
        ),
        (
            "DASHBOARD_AUTH_TOKEN=${TOKEN}\n",
            (),
            "(line 1) refers to ${TOKEN}, which no line before it defines",
        ),
        ("DASHBOARD_AUTH_TOKEN: x\n", (), "line 1: is not KEY=value"),
        (
            "DASHBOARD_AUTH_TOKEN=${TOKEN}\n",
            (f"--token=\u201c{TOKEN}",),
            "emergency-stop: --token: DASHBOARD_AUTH_TOKEN has a LEFT DOUBLE QUOTATION MARK (U+201C) in it",
        ),
        ("", ("--token=@none",), "--token @FILE: No such file"),
        ("", ("--env-file", "none"), "env file none: No such file"),
        ("", ("--env", "prod"), "--env prod: no such profile in p.toml; there are production, demo"),
        ("", ("--env", "demo"), "--env demo: is the reference deployment"),
        ("", ("--base-url", ""), "--base-url: is empty"),
        ("", ("--base-url", "ftp://h"), "--base-url: must start with https://"),
    ],
)
def test_an_input_that_cannot_be_used_sends_nothing(
    stop: Stop, server: Loopback, content: str, options: tuple[str, ...], words: str
) -> None:
    """An input that cannot be used is exit 2 with one line that names it, and nothing is sent."""
    status, summary, err = stop(server.origin, content, "--yes", *options)
    assert (status, summary) == (2, None)
    assert words in err
    assert err.count("\n") == 1
    assert not server.received
