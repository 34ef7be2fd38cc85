"""Runs of the real suite, test deployments, and servers that misbehave."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pytest_caio.environments.keys import holds_runtime_key
from tests.support import forked
from tests.support.forked import Process
from tests.support.hosted import HostedDeployment
from tests.support.places import CHECKOUT, SUPPORT

__all__ = [
    "ASKING",
    "PATIENT",
    "SHORT",
    "SHORT_AND_MORE",
    "Ask",
    "Deployment",
    "Outcome",
    "Row",
    "Sent",
    "clean_environment",
    "closed_port",
    "plan_rows",
    "run_suite",
    "serving",
    "start_suite",
]

# A complete run with a few checks of each gate: 0.2 s of processor time, where the real suite takes 3 s.
_SHORT = SUPPORT / "short_suite"
_APART = (f"--confcutdir={_SHORT}", "-p", "pytest_caio.plugin")
SHORT = (str(_SHORT), *_APART)
# With the checks whose requests must be sent once.
SHORT_AND_MORE = (*map(str, sorted(_SHORT.glob("*.py"))), *_APART)
# All gates that send requests: replay and pack send none, start other processes, and take longest.
ASKING = ("acceptance", *(f"--ignore=acceptance/test_{gate}.py" for gate in ("replay", "pack")))
# A healthy deployment answers every request, but on a busy machine some of them late.
PATIENT = "--http-timeout=60"
# Environment variables of the machine that would change a run's output or requests.
_NOISE = re.compile(r"PYTEST_.*|PY_COLORS|NO_COLOR|FORCE_COLOR|COLUMNS|CI|BUILD_NUMBER|TERM")
_SECRET = re.compile(r"TOKEN$|SECRET$|_KEY$|^REDIS_URL$")


@dataclass(frozen=True)
class Sent:
    """One request that reached the deployment, as its access log has it."""

    at: float
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    status: int
    body: str = field(default="", repr=False)

    @property
    def raw(self) -> bytes:
        """The bytes of the request, as received: method, target, headers and body."""
        lines = [f"{self.method} {self.target}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join([*lines, "", self.body]).encode("latin-1")

    def values(self, header: str) -> list[str]:
        """Return every value of a header."""
        return [value for name, value in self.headers if name.lower() == header.lower()]


@dataclass(frozen=True)
class Outcome:
    """The results of a run: exit status, output, evidence folder, duration in seconds, received requests."""

    status: int
    stdout: str
    stderr: str
    folder: Path
    seconds: float
    sent: tuple[Sent, ...] = field(default=(), repr=False)

    def _only(self, pattern: str) -> Path:
        found = sorted(self.folder.glob(pattern))
        assert len(found) == 1, f"{found}\n{self.stdout}\n{self.stderr}"
        return found[0]

    @property
    def evidence_path(self) -> Path:
        """The path of the JSON evidence, of which there must be exactly one."""
        return self._only("*Z.json")

    @property
    def evidence(self) -> dict[str, Any]:
        """The JSON evidence, decoded."""
        decoded: dict[str, Any] = json.loads(self.evidence_path.read_text("utf-8"))
        return decoded

    @property
    def html_path(self) -> Path:
        """The path of the HTML report, of which there must be exactly one."""
        return self._only("*.html")

    @property
    def html(self) -> str:
        """The text of the HTML report."""
        return self.html_path.read_text("utf-8")

    @property
    def checks(self) -> dict[str, str]:
        """The outcome of each check by its id, in the first environment."""
        return {check["id"]: check["outcome"] for check in self.evidence["environments"][0]["checks"]}

    @property
    def cases(self) -> set[tuple[str, str]]:
        """The check id and name of every case in the first environment."""
        checks = self.evidence["environments"][0]["checks"]
        return {(check["id"], case["name"]) for check in checks for case in check["cases"]}

    @property
    def lines(self) -> list[str]:
        """The lines of the terminal, without blank ones."""
        return [line for line in self.stdout.splitlines() if line.strip()]

    @property
    def shown(self) -> str:
        """Everything that the run wrote: terminal output and evidence."""
        files = [path.read_text("utf-8", "replace") for path in self.folder.rglob("*") if path.is_file()]
        return "\n".join([self.stdout, self.stderr, *files])

    def verdict_lines(self) -> list[str]:
        """Return the lines of the terminal from the verdict's heading to the end."""
        start = next(n for n, line in enumerate(self.lines) if "CAIO acceptance:" in line)
        return self.lines[start:]


class Deployment:
    """A reference deployment in a thread of the tests, with its access log."""

    def __init__(self, *options: str, faults: Sequence[str] = (), environment: str = "production") -> None:
        self.reference = HostedDeployment(*options, faults=faults, environment=environment)
        self.environment = environment

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port."""
        return "127.0.0.1", int(self.reference.base_url.rpartition(":")[2])

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options for a run against this deployment."""
        return (
            "--env",
            self.environment,
            f"--base-url={self.reference.base_url}",
            f"--env-file={self.reference.env_file}",
            f"--profiles={self.reference.profiles_file}",
            PATIENT,
        )

    @property
    def settings(self) -> dict[str, str]:
        """The keys and values of the deployment's env file."""
        lines = self.reference.env_file.read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def secrets(self) -> dict[str, str]:
        """The settings that must not be shown anywhere."""
        return {key: value for key, value in self.settings.items() if _SECRET.search(key)}

    @property
    def token(self) -> str:
        """The dashboard token."""
        return self.settings["DASHBOARD_AUTH_TOKEN"]

    def log(self) -> list[Sent]:
        """Return every request so far."""
        found = []
        for line in self.reference.access_log.read_text("utf-8").splitlines():
            entry = json.loads(line)
            # A websocket begins with a GET (RFC 6455, 4.1).
            method = "GET" if entry["method"] == "WEBSOCKET" else entry["method"]
            headers = tuple((name, value) for name, value in entry["headers"])
            body = entry.get("body", "")
            found.append(Sent(entry["at"], method, entry["target"], headers, entry["status"], body))
        return found


Ask: TypeAlias = Callable[..., Outcome]


def clean_environment(**more: str) -> dict[str, str]:
    """Return the process environment without runtime keys (plain or prefixed) and pytest's own variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _NOISE.fullmatch(name) and not holds_runtime_key(name)
    }
    return {**kept, **more}


def start_suite(
    arguments: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    plugins: bool = False,
    **how: Any,
) -> Process:
    """Start pytest with `arguments` and the evidence folder `folder`, as `forked.start` does.

    Plugins that a run does not need, and that take long to load, are left out, unless `plugins` is true.
    """
    without = () if plugins else forked.LEFT_OUT
    own = [] if any("--evidence-dir" in argument for argument in arguments) else [f"--evidence-dir={folder}"]
    asked = ["-p", "no:cacheprovider", *without, *own, *arguments]
    return forked.start(asked, cwd=cwd, environment=clean_environment(**(environment or {})), **how)


def run_suite(
    *arguments: str, folder: Path, to: Deployment | None = None, timeout: float = 300, **how: Any
) -> Outcome:
    """Run pytest to its end, against the deployment `to` if one is given."""
    asked = [*(to.arguments if to else ()), *arguments]  # of an option that is given twice the last counts
    known = len(to.log()) if to else 0
    began = time.monotonic()
    process = start_suite(asked, folder, **how)
    stdout, stderr = forked.finish(process, timeout)
    seconds = time.monotonic() - began
    sent = tuple(to.log()[known:]) if to else ()
    return Outcome(process.returncode or 0, stdout, stderr, folder, seconds, sent)


@dataclass(frozen=True)
class Row:
    """One request of a printed plan."""

    method: str
    path: str
    credential: str
    effect: str

    @property
    def asked(self) -> tuple[str, str]:
        """The method and the path, as `asked` returns them."""
        return self.method, _named(self.path)


def plan_rows(stdout: str) -> list[Row]:
    """Return the requests of a printed plan, whose columns are separated by two or more spaces."""
    lines = stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(r"environment\s+method\s+path", line))
    titles = re.split(r"\s{2,}", lines[start].strip())
    rows = []
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        cells = dict(zip(titles, re.split(r"\s{2,}", line.strip()), strict=True))
        path = cells["path"].partition(" from ")[0]  # without the origin of a preflight
        rows.append(Row(cells["method"], path, cells["credential"], cells["effect"]))
    return rows


def asked(sent: Sequence[Sent], token: str) -> Counter[tuple[str, str]]:
    """Count requests by method and target, with the token replaced by its name, as in a plan."""
    named = (one.target.replace(token, "[DASHBOARD_AUTH_TOKEN]") if token else one.target for one in sent)
    return Counter((one.method, _named(target)) for one, target in zip(sent, named, strict=True))


def _named(target: str) -> str:
    """Return a target, without its query if it is a webhook: a plan cuts long targets."""
    return target.partition("?")[0] if target.startswith("/webhooks/") else target


def closed_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    handle: Callable[[socket.socket], None], *, host: str = "127.0.0.1", scheme: str = "http"
) -> Iterator[str]:
    """Serve every connection with `handle`, each in a thread, and give the base URL."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=512) as listener:
        over = threading.Event()
        open_now: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                handle(connection)

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_now.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"{scheme}://{shown}:{listener.getsockname()[1]}"
        finally:
            over.set()
            for connection in open_now:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            # Closing does not wake a thread in accept, but a connection does.
            with suppress(OSError), socket.create_connection(listener.getsockname()[:2], timeout=1):
                pass
            thread.join(timeout=5)
