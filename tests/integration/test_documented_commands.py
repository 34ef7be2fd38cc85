"""Every command in the documents works: it is run on loopback, or, if it installs or tests, it exists.

The commands are extracted from the documents. A command that no function here can run fails.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from pytest_caio.attestation.keys import generate
from pytest_caio.evidence.ledger import Entry, EnvironmentEntry, append
from pytest_caio.reference.dashboard.deployment import COMMIT
from pytest_caio.reference.faults import FAULTS
from tests.support import forked
from tests.support.documented import DOCUMENTS, Command, Step, commands, step_of, steps
from tests.support.evidence_sets import Keys, record_of, write_set
from tests.support.hosted import HostedDeployment
from tests.support.places import CHECKOUT
from tests.support.suite_runs import clean_environment, run_suite
from tests.support.trackers import PROJECT, Tracker

STEPS = steps()
# What an operator gives to `bootstrap`, which connects to none of these services.
BROUGHT = (
    "REDIS_URL=redis://default:Qm3vX8sT1zLw9RkYb2Np@redis.rail-7.net:6379/0\n"
    "INNGEST_SIGNING_KEY=signkey-prod-9f2c7b1e5a8d4f60b3c1d7e9a2f4b6c8\n"
    "INNGEST_EVENT_KEY=Hw7tZ2kPq9LxV4mRs8Yd\n"
)
# The check that passes only with this option, and a part of its test's name.
SHOWN_BY = {
    "--expect-commit": ("RDY-13", "commit"),
    "--revoked-tokens": ("AUTH-12", "revoked_tokens"),
    "--allow-writes": ("OPS-01", "dry_run_is_dry"),
}
# On it Python finds the package, and the module that records every connection.
PATH = (CHECKOUT / "tests" / "secrets" / "watch", CHECKOUT)
PAGES = {
    "docs/detection.py": "docs/detection.md",
    "docs.checks_table": "docs/runbook.md",
    "docs.evidence_schema": "docs/evidence.schema.json",
}


@dataclass(frozen=True)
class Checkout:
    """An operator's checkout in `path`, with reference deployments as `staging` and `production`.

    `scratch` is a folder for temporary files of the tests.
    """

    path: Path
    scratch: Path
    deployments: Mapping[str, HostedDeployment]

    def environment(self, **more: str) -> dict[str, str]:
        """Return a process environment that names the file in which every connection is recorded."""
        return clean_environment(SOCKETS=str(self.scratch / "sockets.jsonl"), **more)

    @property
    def hive_dir(self) -> Path:
        """The folder of production's file state."""
        return self.deployments["production"].hive_dir

    def filled(self, words: Sequence[str]) -> list[str]:
        """Return the words with known placeholders replaced; fail for a placeholder that is not known."""
        summary = self.scratch / "summary.json"
        known = {"SHA": COMMIT, ".hive-mind": str(self.hive_dir), "SUMMARY": str(summary)}
        filled = [known.get(word, word) for word in words]
        left = [word for word in filled if re.fullmatch(r"[A-Z][A-Z-]+", word)]
        assert not left, f"what {left[0]} stands for is not known"
        return filled

    def python(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the interpreter to its end, in the checkout unless a folder is given; a module is forked."""
        if words[0] == "-m":
            _, module, *rest = words
            how = {"cwd": folder or self.path, "environment": self.environment(), "path": PATH}
            return forked.run(rest, module=module, **how)  # type: ignore[arg-type]
        return subprocess.run(
            [sys.executable, *words],
            cwd=folder or self.path,
            env=self.environment(PYTHONPATH=os.pathsep.join(map(str, PATH))),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The checkout and its deployments; at the end, assert that nothing connected to another machine."""
    scratch = tmp_path_factory.mktemp("documents")
    path = scratch / "checkout"
    for name in ("acceptance", "docs"):
        shutil.copytree(CHECKOUT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pytest.ini"):
        shutil.copy(CHECKOUT / name, path)
    (scratch / "sockets.jsonl").touch()
    with ExitStack() as stack:
        names = ("staging", "production")
        deployments = {n: stack.enter_context(HostedDeployment(environment=n)) for n in names}
        profiles = "[demo]\nreference = true\ninngest_functions = 5\n"
        for name, deployment in deployments.items():
            shutil.copy(deployment.env_file, path / f".env.{name}")
            ready = deployment.profiles_file.read_text("utf-8")
            profiles += ready.replace("\n", f'\nenv_file = "../.env.{name}"\n', 1)
        (path / "acceptance" / "environments.toml").write_text(profiles, "utf-8")
        revoked = "".join(one.revoked_file.read_text("utf-8") for one in deployments.values())
        (path / ".env.revoked").write_text(revoked, "utf-8")
        yield Checkout(path, scratch, deployments)
    notes = (scratch / "sockets.jsonl").read_text("utf-8").splitlines()
    addresses = [json.loads(note)["address"] for note in notes]
    hosts = {address[0] if isinstance(address, list) else address for address in addresses}
    assert hosts <= {"127.0.0.1", "localhost"}


def values(words: Sequence[str], option: str) -> list[str]:
    """Return the values of an option that may be repeated."""
    return [value for flag, value in pairwise(words) if flag == option]


def on_loopback(url: str, deployment: HostedDeployment) -> str:
    """Return a URL's path on a deployment of the tests."""
    parts = urlsplit(url)
    assert parts.hostname
    return deployment.base_url + parts.path


def copy_of_waivers(folder: Path) -> Path:
    """Write the example of docs/waivers.md as the page says to try it: for the demo, with a future date."""
    page = (CHECKOUT / "docs" / "waivers.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    day = datetime.now(UTC).date() + timedelta(days=14)
    text = re.sub(r"(?<=expires = ).*", str(day), example.replace('"production"', '"demo"'))
    path = folder / "copy.toml"
    path.write_text(text, "utf-8")
    return path


def ask(checkout: Checkout, words: Sequence[str], folder: Path, **variables: str) -> None:
    """Run the suite: whole if only an environment is given, else the checks that show the options at work."""
    names = values(words, "--env")
    given = [str(copy_of_waivers(checkout.scratch)) if word == "COPY" else word for word in words]
    if "--base-url" in given:
        place = given.index("--base-url") + 1
        given[place] = on_loopback(given[place], checkout.deployments[names[0]])
    if "--sign" in given:
        place = given.index("--sign") + 1
        keys = Path(tempfile.mkdtemp(dir=checkout.scratch))
        assert given[place] == "caio-evidence.key"
        given[place] = str(generate(keys)[0])
    given = checkout.filled(given)
    assert not [word for word in given if "://" in word and "://127.0.0.1:" not in word]
    reds = {red for fault in values(words, "--fault") if fault != "list" for red in FAULTS[fault].reds}
    shown = [SHOWN_BY[option] for option in (word.split("=")[0] for word in words) if option in SHOWN_BY]
    shown += [("ENV-10", "environments_are_apart")] if len(names) > 1 else []
    whole = len(given) == 2 and len(names) == 1
    if reds:
        given += ["-k", " or ".join(sorted(reds))]
    elif not whole and not {"-m", "--plan", "list"} & set(given):
        given += ["-k", " or ".join(name for _, name in shown) or "preflight"]
    evidence = Path(tempfile.mkdtemp(dir=checkout.scratch))
    how = {"cwd": folder, "environment": checkout.environment(**variables), "path": PATH}
    done = run_suite("acceptance", *given, folder=evidence, **how)  # type: ignore[arg-type]
    said = done.stdout + done.stderr
    if "list" in given:
        assert (done.status, len(done.lines)) == (0, len(FAULTS)), said
    elif "--plan" in given:
        assert done.status == 0, said
        assert "none was sent" in done.stdout
    elif reds and "--waivers" not in given:
        assert (done.status, done.lines[-1]) == (1, "NO-GO"), said
        assert {done.checks[red] for red in reds} <= {"failed", "advised"}
    else:
        assert done.status == 0, said
        assert done.lines[-1].split(" (")[0] == ("GO" if whole else "INCOMPLETE"), said
        assert {done.checks[check] for check, _ in shown} <= {"passed"}
        assert all(waiver["used"] for waiver in done.evidence["waivers"])


def take_suite(checkout: Checkout, words: Sequence[str]) -> None:
    """Run the suite in the checkout."""
    ask(checkout, words, checkout.path)


def take_bootstrap(checkout: Checkout, words: Sequence[str]) -> None:
    """Run `bootstrap`, which fills in an env file that holds only the values an operator must provide."""
    folder = Path(tempfile.mkdtemp(dir=checkout.scratch))
    (given,) = values(words, "--env-file")
    env_file = folder / given
    env_file.write_text(BROUGHT, "utf-8")
    filled = [word.replace("YOUR-STAGING-HOST", "staging.rail-7.net") for word in words]
    done = checkout.python("-m", "pytest_caio", "bootstrap", *filled, folder=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert (env_file.read_text("utf-8") == BROUGHT) is ("--dry-run" in words)


def take_command(checkout: Checkout, words: Sequence[str]) -> None:
    """Run any other command, which prints a summary with `ok`, or its help if only its name is mentioned."""
    filled = checkout.filled(words)
    assert "://" not in " ".join(filled)
    with ExitStack() as stack:
        if (
            words[0] == "migrate-state"
        ):  # before the cutover: on the others the suite has counted dry runs since
            before = stack.enter_context(HostedDeployment(environment="production"))
            known = {".env.production": before.env_file, str(checkout.hive_dir): before.hive_dir}
            filled = [str(known.get(word, word)) for word in filled]
        done = checkout.python("-m", "pytest_caio", *filled)
    assert done.returncode == 0, done.stderr
    if words[1:] == ("--help",):
        assert f"pytest_caio {words[0]}" in done.stdout
    else:
        assert json.loads(done.stdout)["ok"] is True
    for summary in values(filled, "--summary"):
        assert json.loads((checkout.path / summary).read_text("utf-8"))["ok"] is True


def take_serve(checkout: Checkout, words: Sequence[str]) -> None:
    """Run `serve`, which prints the deployment's URL and the file that holds its token."""
    environment = checkout.environment()
    process = forked.start(
        ["serve"], module="pytest_caio", cwd=checkout.path, environment=environment, path=PATH
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        assert httpx.get(f"{told['base_url']}/login", trust_env=False).status_code == 200
        assert "DASHBOARD_AUTH_TOKEN=" in Path(told["env_file"]).read_text("utf-8")
    finally:
        process.terminate()
        forked.finish(process, 60)


def take_page(checkout: Checkout, words: Sequence[str]) -> None:
    """Run the command that updates a generated page, on a page with a missing line."""
    page = PAGES[words[-1]]
    kept = (CHECKOUT / page).read_text("utf-8")
    before, _, after = kept.rpartition("\n " if page.endswith(".json") else "\n| ")
    (checkout.path / page).write_text(before + "\n" + after.partition("\n")[2], "utf-8", newline="\n")
    done = checkout.python(*words)
    assert done.returncode == 0, done.stderr
    assert (checkout.path / page).read_text("utf-8") == kept


def take_version(checkout: Checkout, words: Sequence[str]) -> None:
    """See that pytest is installed."""
    assert checkout.python("-m", "pytest", "--version").stdout.startswith("pytest ")


def take_code(checkout: Checkout, words: Sequence[str]) -> None:
    """See that a line of Python prints a value that can be a secret."""
    done = checkout.python("-c", *words)
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout), done.stderr


def take_install(checkout: Checkout, words: Sequence[str]) -> None:
    """See that the command installs this project, with extras that exist."""
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    match = re.fullmatch(r"\.(?:\[([\w,]+)\])?", words[0])
    assert match is not None
    assert set((match[1] or "").split(",")) <= {"", *extras}


def take_browser(checkout: Checkout, words: Sequence[str]) -> None:
    """See that the Makefile, where there is no other, installs the same browser."""
    assert "$(BIN)/playwright install chromium" in (CHECKOUT / "Makefile").read_text("utf-8")


def take_venv(checkout: Checkout, words: Sequence[str]) -> None:
    """See that Python can create virtual environments."""
    assert importlib.util.find_spec("venv")


def take_make(checkout: Checkout, words: Sequence[str]) -> None:
    """See that the Makefile has the target."""
    targets = re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(words) <= set(targets)


def take_recipe(checkout: Checkout, words: Sequence[str]) -> None:
    """See that the Makefile runs the suite or the tests with the same command, but for the plugin's place."""
    # Words with spaces are quoted in the Makefile as in the documents.
    written = " ".join(f'"{word}"' if " " in word else word for word in words)
    makefile = (CHECKOUT / "Makefile").read_text("utf-8").replace("-p pytest_caio.plugin ", "")
    assert f"\t$(BIN)/python {written} $(ARGS)\n" in makefile


def take_test(checkout: Checkout, words: Sequence[str]) -> None:
    """See that the named tests exist."""
    path, name = words
    asked = ("-m", "pytest", path, "-k", name, "--collect-only", "-q", "-p", "no:cacheprovider")
    done = checkout.python(*asked, folder=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert name in done.stdout


def take_script(checkout: Checkout, words: Sequence[str]) -> None:
    """See that a script exists and is executable."""
    assert os.access(CHECKOUT / words[0], os.X_OK)


def take_edit(checkout: Checkout, words: Sequence[str]) -> None:
    """See that a file to be edited is in the checkout or ignored by git."""
    ignored = (CHECKOUT / ".gitignore").read_text("utf-8").splitlines()
    assert (CHECKOUT / words[0]).is_file() or any(fnmatch(words[0], pattern) for pattern in ignored)


def take_stop(checkout: Checkout, words: Sequence[str]) -> None:
    """Run the emergency stop on a deployment of its own, which then is stopped; without --yes it asks."""
    records = checkout.scratch / "sockets.jsonl"
    before = records.stat().st_size
    with HostedDeployment(environment="production") as deployment:
        own = ("--base-url", deployment.base_url, "--env-file", str(deployment.env_file))
        asking = checkout.python("-m", "pytest_caio", "emergency-stop", *words, *own)
        assert (asking.returncode, asking.stdout) == (2, "")
        assert "there is no terminal to ask in" in asking.stderr
        done = checkout.python("-m", "pytest_caio", "emergency-stop", *words, *own, "--yes")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["stopped"] is True
    assert records.stat().st_size > before  # connections of commands are recorded


def take_keygen(checkout: Checkout, words: Sequence[str]) -> None:
    """Make keys, in a folder of their own."""
    assert words[0] == "--out"
    folder = Path(tempfile.mkdtemp(dir=checkout.scratch))
    done = checkout.python("-m", "pytest_caio", "keygen", "--out", str(folder / "keys"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (folder / "keys").iterdir()} == {"caio-evidence.key", "caio-evidence.pub"}


def signed_evidence(folder: Path) -> Path:
    """Write signed evidence of a GO, as step 7 of the runbook leaves it; return the statement."""
    generate(folder)
    written = write_set(folder / "reports", record_of(), Keys(folder))
    return written.statement


def take_verify(checkout: Checkout, words: Sequence[str]) -> None:
    """Verify the evidence of a GO."""
    folder = Path(tempfile.mkdtemp(dir=checkout.scratch))
    statement = signed_evidence(folder)
    filled = [f"reports/{statement.name}" if "STEM" in word else word for word in words]
    done = checkout.python("-m", "pytest_caio", "verify", *checkout.filled(filled), folder=folder)
    assert (done.returncode, done.stdout[:3]) == (0, "GO:"), done.stdout + done.stderr


def take_attach(checkout: Checkout, words: Sequence[str]) -> None:
    """Hand the evidence of a GO on to a tracker on loopback, with credentials in a file."""
    folder = Path(tempfile.mkdtemp(dir=checkout.scratch))
    signed_evidence(folder)
    tracker = Tracker()
    try:
        known = f"GITHUB_TOKEN=Zk4vQ9rT2mXw7LpBn8YdC5sH\nGITHUB_API_URL={tracker.base}\n"
        (folder / ".env.tracker").write_text(known, "utf-8")
        given = [word.replace("OWNER/REPO#N", f"{PROJECT}#7") for word in words]
        done = checkout.python("-m", "pytest_caio", "attach", *given, folder=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(tracker.comments) == 1
    finally:
        tracker.close()


def take_history(checkout: Checkout, words: Sequence[str]) -> None:
    """Show the history of a ledger that has a run of each environment."""
    ledger = checkout.path / "reports" / "ledger.jsonl"
    if not ledger.exists():
        owns = [EnvironmentEntry(name, "", "GO", "", {}) for name in checkout.deployments]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        assert append(ledger, Entry("run", now, now, "GO", "GO", True, owns)) == ""
    done = checkout.python("-m", "pytest_caio", "history", *words)
    assert done.returncode == 0, done.stderr
    names = values(words, "--env") or checkout.deployments
    assert all(f"\n{name}: 1 run\n" in done.stdout for name in names)


def take_unknown(checkout: Checkout, words: Sequence[str]) -> None:
    """Fail, so that no command is left out silently."""
    pytest.fail(f"teach documented.py and this file how to run {words[0]}")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: STEPS[step][0].text)
def test_a_command_works(checkout: Checkout, step: Step) -> None:
    """Each command of the documents does what they say; equivalent commands are run once."""
    globals()[f"take_{step.kind}"](checkout, step.words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_found(document: str) -> None:
    """At least five commands are found in each document, in blocks or inline."""
    assert len(list(commands(document))) >= 5


@pytest.mark.parametrize(
    ("shell", "text"),
    [
        ("sh", "rm -r reports"),
        ("sh", "python -m pytest acceptance --env production"),
        ("sh", ".venv/bin/python scripts/new.py"),
        ("powershell", ".venv/bin/python -m pytest acceptance --env production"),
        ("console", ".venv/bin/python -m pytest acceptance --env production"),
        ("inline", "python -m pip download pytest"),
    ],
)
def test_an_unsupported_command_is_unknown(shell: str, text: str) -> None:
    """A command with an unsupported program, interpreter or shell becomes a step that fails."""
    assert step_of(Command("README.md", 1, shell, text)).kind == "unknown"
