"""Errors reveal no secret: bad input, exceptions in libraries and in the plugin, and refused commands."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from pytest_caio.reference.hosting.redis_server import RedisServer
from tests.support import forked
from tests.support.echo import echoing
from tests.support.places import CHECKOUT
from tests.support.planted import VERBOSE, Planted, made
from tests.support.scanner import Scanner
from tests.support.suite_runs import clean_environment, closed_port, run_suite

PASSWORD = "qVzLmWcRtXbNkJhGfDsPyQaZ"
TOKEN = "WoEiRuTyAlSkDjFhGzMxNcBv"
# Connection strings on which Redis's client or Python's URL parser fails, with an error that quotes them.
ADDRESSES = {
    "closed port": f"redis://default:{PASSWORD}@127.0.0.1:1/0",
    "no port": f"redis://default:{PASSWORD}@127.0.0.1:{PASSWORD}/0",
    "no number": f"redis://default:{PASSWORD}@127.0.0.1:1/{PASSWORD}",
    "no scheme": f"default:{PASSWORD}@127.0.0.1:1/0",
    "another scheme": f"https://default:{PASSWORD}@127.0.0.1:1/0",
    "no host": f"redis://default:{PASSWORD}@/0",
    "unknown option": f"redis://default:{PASSWORD}@127.0.0.1:1/0?{TOKEN}={PASSWORD}",
    "bad option": f"redis://default:{PASSWORD}@127.0.0.1:1/0?socket_timeout={PASSWORD}",
    "open bracket": f"redis://default:{PASSWORD}@[127.0.0.1:1/0",
    "at in password": f"redis://default:{PASSWORD}@{PASSWORD}@127.0.0.1:1/0",
}


def command(*arguments: str, folder: Path) -> tuple[int, str]:
    """Run `python -m pytest_caio`; return its exit status and its output."""
    environment = clean_environment(TMPDIR=str(folder))
    done = forked.run(arguments, cwd=CHECKOUT, environment=environment, module="pytest_caio")
    return done.returncode, done.stdout + done.stderr


def addressed(folder: Path, what: str) -> Path:
    """Write an env file with an invalid connection string."""
    path = folder / f"{what.replace(' ', '-')}.env"
    path.write_text(f"DASHBOARD_AUTH_TOKEN={TOKEN}\nREDIS_URL='{ADDRESSES[what]}'\n", "utf-8")
    return path


@pytest.mark.parametrize("what", ADDRESSES)
def test_a_bad_connection_string(what: str, tmp_path: Path) -> None:
    """migrate-state shows no part of a connection string that it cannot use."""
    (tmp_path / "hive").mkdir()
    place = ("--env-file", str(addressed(tmp_path, what)), "--hive-dir", str(tmp_path / "hive"))
    status, told = command("migrate-state", *place, folder=tmp_path)
    assert status in (1, 2), told
    assert Scanner([PASSWORD, TOKEN]).leaks(told) == []


def test_bad_connection_strings_in_a_run(tmp_path: Path) -> None:
    """A run with one environment for each invalid connection string shows no part of any of them."""
    lines, url = [], f"http://127.0.0.1:{closed_port()}"
    for number, what in enumerate(ADDRESSES):
        lines += [
            f"[e{number}]",
            f'base_url = "{url}"',
            f'env_file = "{addressed(tmp_path, what).as_posix()}"',
        ]
    profiles = tmp_path / "profiles.toml"
    profiles.write_text("\n".join(lines) + "\n", "utf-8")
    names = [f"--env=e{number}" for number in range(len(ADDRESSES))]
    asked = ("acceptance", *names, f"--profiles={profiles}", *VERBOSE, "-k", "redis or state")
    outcome = run_suite(*asked, folder=tmp_path / "evidence")
    assert outcome.lines[-1] == "NO-GO", outcome.stdout + outcome.stderr
    found = {part["name"]: part["verdict"] for part in outcome.evidence["environments"]}
    assert found == {f"e{number}": "NO-GO" for number in range(len(ADDRESSES))}
    scanner = Scanner([PASSWORD, TOKEN])
    assert scanner.leaks(outcome.stdout + outcome.stderr) == []
    assert {
        where: leaks for where, leaks in scanner.leaks_under(tmp_path / "evidence").items() if leaks
    } == {}


def test_a_redis_that_refuses_the_password(tmp_path: Path) -> None:
    """The error of a Redis server that refuses the password is shown without the password."""
    server = RedisServer().start()
    try:
        host = server.url.rpartition("@")[2]
        env_file = tmp_path / "caio.env"
        env_file.write_text(f"REDIS_URL=redis://somebody:{PASSWORD}@{host}\n", "utf-8")
        (tmp_path / "hive").mkdir()
        (tmp_path / "hive" / "operator_state.json").write_text("{}", "utf-8")
        place = ("--env-file", str(env_file), "--hive-dir", str(tmp_path / "hive"))
        status, told = command("migrate-state", *place, folder=tmp_path)
    finally:
        server.stop()
    assert status == 1, told
    assert Scanner([PASSWORD]).leaks(told) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("bootstrap", "--mode", "production", "--base-url", f"https://u:{PASSWORD}@caio.example.com"),
        ("bootstrap", "--mode", "production", "--generate-secrets"),
        ("bootstrap", "--mode", "staging", "--base-url", "https://caio.example.com"),
        ("migrate-state", "--hive-dir", "missing"),
        ("serve", "--setting", f"DASHBOARD_AUTH_TOKEN{TOKEN}", "--env-file"),
        ("serve", "--setting", f"NO_SUCH_KEY={TOKEN}", "--env-file"),
    ],
    ids=" ".join,
)
def test_a_refused_command_quotes_no_value(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A command that fails quotes neither a value of an env file nor one of its arguments."""
    env_file = tmp_path / "caio.env"
    values = {key: made(string.ascii_letters) for key in ("DASHBOARD_AUTH_TOKEN", "CLAY_WEBHOOK_SECRET")}
    lines = [f"{key}={value}" for key, value in values.items()]
    lines += [
        f"REDIS_URL=redis://default:{PASSWORD}@localhost:1/0",
        f"not a line {TOKEN}",
        f"'{PASSWORD}=x",
        "",
    ]
    env_file.write_text("\n".join(lines), "utf-8")
    rest = (str(env_file),) if arguments[-1] == "--env-file" else ("--env-file", str(env_file))
    status, told = command(*arguments, *rest, folder=tmp_path)
    assert status in (1, 2), told
    assert told.strip()
    assert Scanner([*values.values(), PASSWORD, TOKEN]).leaks(told) == []


BREAKING = {
    "a hook that breaks": """
def pytest_runtest_logreport(report):
    raise OSError(SECRET, {'x': SECRET})
""",
    "a plugin that breaks at the end": """
def pytest_sessionfinish(session):
    local = SECRET
    raise OSError(local)
""",
    "a collection that breaks": """
def pytest_collection_modifyitems(items):
    raise LookupError(SECRET * 2)
""",
    "an exit": """
import pytest
def pytest_runtest_setup(item):
    pytest.exit(f'enough {SECRET}')
""",
    "an interruption": """
def pytest_runtest_call(item):
    local = [SECRET]
    raise KeyboardInterrupt(SECRET)
""",
    "a header line": """
def pytest_report_header(config):
    return f'by {SECRET}'
""",
    "a summary line": """
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(SECRET)
""",
    "a warning of the session": """
import warnings
def pytest_sessionstart(session):
    warnings.warn(SECRET)
""",
    "a usage error": """
import pytest
def pytest_collection(session):
    raise pytest.UsageError(SECRET)
""",
    "an answer that cannot be read": """
import msgspec
from pytest_caio.probing.exchange import Exchange
def report(*_, **__):
    raise msgspec.ValidationError(f'of {SECRET}')
Exchange.report = report
""",
    "a transport that breaks": """
from pytest_caio.probing.transport import Transport
async def send(self, request, within=None):
    raise RuntimeError(SECRET, request)
Transport.send = send
""",
}


UNSEEN_OF_WORKERS = {"an exit", "an interruption", "a usage error"}


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="one process"), pytest.param(("-n", "1"), id="workers", marks=pytest.mark.nightly)],
)
@pytest.mark.parametrize("what", BREAKING)
def test_an_exception_in_a_run_reveals_no_secret(what: str, workers: tuple[str, ...], tmp_path: Path) -> None:
    """Tracebacks, locals and messages of any exception in a run reveal no secret."""
    planted = Planted(tmp_path, string.ascii_letters)
    source = f"import os\nSECRET = os.environ['SOME_API_KEY']\n{BREAKING[what]}"
    (tmp_path / "breaking.py").write_text(source, "utf-8")
    with echoing() as (url, cookies):
        verbose = ("-l", "--tb=long", "-rA", "--junitxml={evidence}/run.xml", "-k", "dependencies_are_ready")
        outcome = planted.run(url, "-p", "breaking", *verbose, *workers, gates=["readiness"])
    assert outcome.status != 0, outcome.stdout
    # The message is shown with the secret's name; workers show neither their header nor how they ended.
    shown = outcome.stdout + outcome.stderr
    assert "[redacted: SOME_API_KEY]" in shown or (workers and what in UNSEEN_OF_WORKERS), shown
    assert planted.leaks(outcome, cookies) == {}
