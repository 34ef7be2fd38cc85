"""The command `serve` and `ReferenceProcess`: what is written, what is logged, and how it ends."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from pytest_caio.commands.serve import configure
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import TIER_FILTER
from pytest_caio.errors import InputError
from pytest_caio.reference.dashboard.settings import RUNTIME_KEYS, flag, fresh_settings, items
from pytest_caio.reference.hosting.host import host
from pytest_caio.reference.hosting.process import ReferenceProcess
from tests.support.processes import below, runs
from tests.support.reference_site import Site, site_of

SERVE = [sys.executable, "-m", "pytest_caio", "serve"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and signals")


def refused(*options: str) -> str:
    """Hand `serve` options it must refuse; return its line."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    configure(parser)
    with pytest.raises((InputError, argparse.ArgumentError)) as error:
        host(parser.parse_args(options), lambda *_: None)
    return str(error.value)


def test_env_file(process: ReferenceProcess, site: Site) -> None:
    """The env file has every runtime key but a filter of the queue; secrets are strong and used once."""
    assert site.settings.keys() == set(RUNTIME_KEYS) - {TIER_FILTER}
    assert site.settings["CAIO_BASE_URL"] == process.base_url
    secrets = [
        v for k, v in site.settings.items() if k.endswith(("_TOKEN", "_SECRET", "SECRET_KEY", "ING_KEY"))
    ]
    of_providers = {key for provider in PROVIDERS.values() for key in provider.keys}
    assert len(secrets) == len(set(secrets)) == 3 + len(of_providers)
    assert all(len(secret) >= 32 for secret in secrets)
    assert site.settings["INNGEST_SIGNING_KEY"].startswith("signkey-prod-")
    assert site.settings["INNGEST_WEBHOOK_URL"].endswith("/inngest")
    assert all(origin.startswith("https://") for origin in items(site.settings, "CORS_ALLOWED_ORIGINS"))
    assert len(items(site.settings, "CORS_ALLOWED_ORIGINS")) == 2


@posix
def test_files_are_the_owners(process: ReferenceProcess, site: Site) -> None:
    """Whatever holds a secret may be read by its owner alone."""
    site.get("/api/health")
    for path in (process.env_file, process.revoked_file, process.access_log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_access_log(process: ReferenceProcess, site: Site) -> None:
    """Each request is one line: its method, its target as sent, every header, its body and its status."""
    site.client.get("/api/metrics?a=b%20c", headers={b"X-Mark": b"caf\xe9 mark"})
    site.raw("/api/..%2Fmetrics;x//y")
    lines = [json.loads(line) for line in process.access_log.read_text("utf-8").splitlines()]
    marked = next(line for line in lines if ["x-mark", "caf\xe9 mark"] in line["headers"])
    assert (marked["method"], marked["target"], marked["status"]) == ("GET", "/api/metrics?a=b%20c", 401)
    assert time.time() - 60 < marked["at"] < time.time() + 1
    assert any(line["target"] == "/api/..%2Fmetrics;x//y" for line in lines)


@pytest.mark.parametrize("size", [0, 300_000])
def test_access_log_has_bodies(process: ReferenceProcess, site: Site, size: int) -> None:
    """A body is logged whole, also where a request is refused unread, and reaches the app as it was."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"mark={'x' * size}&token={site.settings['DASHBOARD_AUTH_TOKEN']}"
    for path, status in (("/api/actions/record", 401), ("/login", 303)):
        assert site.client.post(path, content=body, headers=form).status_code == status
        line = process.access_log.read_text("utf-8").splitlines()[-1]
        assert json.loads(line)["body"] == body


def test_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process takes nothing from its parent's runtime keys or Inngest's variables."""
    monkeypatch.setenv("DASHBOARD_AUTH_TOKEN", "parent-token-that-must-stay")
    monkeypatch.setenv("STAGING_SESSION_SECRET_KEY", "parent-secret-that-must-stay")
    monkeypatch.setenv("INNGEST_DEV", "1")
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", "signkey-prod-" + "1" * 64)
    monkeypatch.setenv("RAILWAY_GIT_BRANCH", "some-branch")
    with ReferenceProcess() as process, site_of(process) as site:
        assert site.settings["DASHBOARD_AUTH_TOKEN"] != "parent-token-that-must-stay"
        started = below("serve")
        assert started
        for serving in started:
            with suppress(psutil.NoSuchProcess):
                assert "must-stay" not in str(serving.environ())
        assert site.get("/inngest").status_code == 401
        assert site.introspect("signkey-prod-" + "1" * 64).status_code == 401
        told = site.introspect().json()
        assert (told["mode"], told["env"], told["has_signing_key_fallback"]) == ("cloud", None, False)


def test_options() -> None:
    """Environment, SDK, latency, bearer, leads and fault are what was asked for."""
    options = ("--inngest-sdk", "old", "--latency-ms", "80", "--bearer-only", "clay", "--seed-leads", "7")
    options += ("--setting", "DASHBOARD_AUTH_TOKEN=a token=that we chose", "--setting=INNGEST_APP_ID=other")
    with (
        ReferenceProcess(*options, environment="staging", faults=["docs-served"]) as process,
        site_of(process) as site,
    ):
        assert site.settings["ENVIRONMENT"] == site.report()["auth"]["environment"] == "staging"
        assert site.settings["CONTEXT_STATE_TTL_SECONDS"] == "3600"
        assert site.settings["INNGEST_APP_ID"] == "other"
        assert site.get("/api/metrics", X_Dashboard_Token="a token=that we chose").status_code == 200
        assert site.get("/inngest").json()["mode"] == "cloud"
        assert site.get("/docs").status_code == 200
        assert site.get("/api/health").elapsed.total_seconds() >= 0.08
        assert "CLAY_WEBHOOK_SECRET" not in site.settings
        assert site.signed("/webhooks/rb2b", "rb2b").status_code == 200
        assert site.knock("/webhooks/clay").status_code == 401
        bearer = f"Bearer {site.settings['WEBHOOK_BEARER_TOKEN']}"
        assert site.knock("/webhooks/clay", Authorization=bearer).status_code == 200
        assert site.client.post(
            "/webhooks/clay", content=b"{}", headers={"Authorization": b"Bearer caf\xe9"}
        ).is_client_error
        assert site.report()["dependencies"]["webhooks"]["provider_auth"]["clay"] == {
            "hmac": False,
            "bearer": True,
            "unsigned_allowlisted": False,
            "authed": True,
        }
        assert len(site.inside("/api/cadence/leads").json()) == 7


def test_stop_leaves_nothing() -> None:
    """After `stop` the process, its Redis and its files are gone; stopping again does nothing."""
    process = ReferenceProcess().start()
    env_file = process.env_file
    port = int(process.base_url.rpartition(":")[2])
    mine = below(str(env_file))
    mine += mine[0].children()  # its Redis is its child, and found while its parent still runs
    assert any("redis-server" in p.name() for p in mine)
    process.stop()
    process.stop()
    assert not [p for p in mine if runs(p)]
    assert not env_file.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_end_with_its_parent() -> None:
    """It stops, and its Redis with it, when the process that started it dies without a word."""
    start = "from pytest_caio.reference.hosting.process import ReferenceProcess\nimport os\n"
    die = (
        "p = ReferenceProcess().start()\nprint(p.base_url, p._process.pid, flush=True)\ninput()\nos._exit(1)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", start + die],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert parent.stdout is not None
    serving = psutil.Process(int(parent.stdout.readline().split()[1]))
    family = [serving, *serving.children()]
    assert len(family) == 3  # itself, its Redis, and what guards that
    parent.communicate("\n", timeout=20)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [one for one in alive if runs(one)]


def test_start_that_fails() -> None:
    """A process that does not start says why, and leaves nothing."""
    with pytest.raises(InputError, match="no such fault; did you mean any-token"):
        ReferenceProcess(faults=["any-tokem"]).start()


def test_start_that_hangs() -> None:
    """A process that is too slow is ended and reported."""
    with pytest.raises(RuntimeError, match="did not start"):
        ReferenceProcess(start_seconds=0.01).start()


def started(temporary: Path, *before: str, **streams: int) -> subprocess.Popen[str]:
    """Start `serve`, behind the words `before`, with its temporary files in a folder."""
    return subprocess.Popen(
        [*before, *SERVE],
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(temporary)},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, **streams},
    )


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_ends_it(name: str, tmp_path: Path) -> None:
    """A signal ends it in order: exit status 0, one line on stdout, no Redis left, no temporary file."""
    running = started(tmp_path, stderr=subprocess.PIPE)
    assert running.stdout is not None
    told = json.loads(running.stdout.readline())
    assert told["ok"] is True
    assert "redis_url" not in told
    assert httpx.get(f"{told['base_url']}/api/health", trust_env=False).status_code == 200
    children = psutil.Process(running.pid).children()
    running.send_signal(signal.Signals[name])
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (0, "")
    assert err.count("\n") == 1
    assert "DASHBOARD_AUTH_TOKEN" in err
    assert children
    assert not [child for child in children if child.is_running()]
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_terminal_that_is_closed_after_nohup(tmp_path: Path) -> None:
    """Started with SIGHUP ignored, as by nohup, it goes on when its terminal is closed."""
    running = started(tmp_path, "sh", "-c", 'trap "" HUP; exec "$@"', "sh")
    assert running.stdout is not None
    url = json.loads(running.stdout.readline())["base_url"]
    running.send_signal(signal.Signals["SIGHUP"])
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1)
    assert httpx.get(f"{url}/api/health", trust_env=False).status_code == 200
    running.terminate()
    assert running.wait(20) == 0
    running.stdout.close()


@posix
def test_signal_while_starting(tmp_path: Path) -> None:
    """A signal before it serves leaves neither a Redis nor a file."""
    for wait in (0.1, 0.3, 0.5):
        running = started(tmp_path, stdout=subprocess.DEVNULL)
        time.sleep(wait)
        children = psutil.Process(running.pid).children()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) in (0, -signal.SIGTERM)  # its handlers may not have been in place yet
        assert not [child for child in children if runs(child)]
        assert list(tmp_path.iterdir()) == []


INTERRUPTED = """
import os, signal, sys
from pytest_caio.commands import cli, serve

def interrupt():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(9):
        pass  # the interpreter calls handlers between the steps of a loop

class Destroyed:
    def __del__(self):
        interrupt()

def importing(name, package=None, imported=serve.importlib.import_module):
    if name.endswith(".host"):  # the handlers are in place
        {moment}
    return imported(name, package)

serve.importlib.import_module = importing
sys.exit(cli.main(["serve"]))
"""
MISSED = {
    "dropped in a destructor": ("Destroyed()", b"Exception ignored in"),
    "turned into another error": (
        "try: interrupt()\n        except SystemExit: raise AttributeError('half imported') from None",
        b"",
    ),
}


@posix
@pytest.mark.parametrize("name", MISSED)
def test_signal_whose_exception_is_lost(name: str) -> None:
    """A signal whose exception is dropped, or becomes another error, still ends it before it serves."""
    moment, said = MISSED[name]
    script = INTERRUPTED.format(moment=moment)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert said in done.stderr if said else done.stderr == b""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "loopback only"),
        (("--fault", "status-opn"), "did you mean status-open"),
        (("--port", "70000"), "--port 70000"),
        (("--latency-ms", "-1"), "--latency-ms"),
        (("--seed-leads", "-1"), "--seed-leads"),
        (("--bearer-only", "rb2b"), "invalid choice"),
        (("--env-file", "no-such-folder/caio.env"), "--env-file"),
        (("--setting", "DASHBOARD_AUTH_TOKEN"), "--setting 1: is not KEY=VALUE"),
        (("--setting", "REDIS_URI=redis://h"), "--setting 1: no such runtime key; there are ENVIRONMENT,"),
        (("--setting", "REDIS_URL=x"), "--setting REDIS_URL: is no Redis URL"),
        (("--setting", "REDIS_MAX_CONNECTIONS=x"), "--setting REDIS_MAX_CONNECTIONS: is no number"),
    ],
)
def test_options_refused(options: tuple[str, ...], words: str) -> None:
    """An option that cannot be used is refused in a line that names the option."""
    assert words in refused(*options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("option", ["--env-file", "--access-log"])
def test_no_device_is_replaced(tmp_path: Path, option: str) -> None:
    """What is there and is no file, as a pipe or a device, is refused, and stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told = refused(option, str(pipe))
    assert option in told
    assert f"cannot write {pipe}: is no file" in told
    assert pipe.is_fifo()


def test_refusal_is_one_line() -> None:
    """The command ends with status 2 and one line on stderr for an option that cannot be used."""
    done = subprocess.run(
        [*SERVE, "--host", "192.0.2.1"], capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--host 192.0.2.1" in done.stderr


def test_taken_port() -> None:
    """A port that is taken is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen there" in refused("--port", str(taken.getsockname()[1]))


def test_settings_are_fresh() -> None:
    """Two deployments share no secret, and flags are read as the contract says."""
    one, two = (fresh_settings("production", "http://127.0.0.1:1", "redis://127.0.0.1:2/0") for _ in range(2))
    shared = {key for key in one if one[key] == two[key]}
    assert not {key for key in shared if key.endswith(("_TOKEN", "_SECRET", "SECRET_KEY", "SIGNING_KEY"))}
    for value in ("1", "true", "YES", " on "):
        assert flag({"A": value}, "A")
    for value in ("0", "false", "", "si"):
        assert not flag({"A": value}, "A")


def test_profile_with_any_folder(tmp_path: Path) -> None:
    """The profile can be read whatever characters its folders have, as the user's folder on Windows may."""
    reference = ReferenceProcess(environment="dä:mö 😀")
    reference.hive_dir = Path('C:\\Users\\Jörg 😀 "x" 漢\\.hive-mind')
    (profile,) = tomllib.loads(reference._profile(tmp_path)).values()
    assert profile["state"]["hive_dir"] == str(reference.hive_dir)
