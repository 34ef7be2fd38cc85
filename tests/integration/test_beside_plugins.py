"""The plugin together with other plugins, installed twice, on workers, and in runs of unrelated tests."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support import forked
from tests.support.suite_runs import Ask, Deployment, Outcome, clean_environment


def test_workers_reach_the_same_verdict(workers: Outcome, writes: Outcome) -> None:
    """On two workers a run is GO with the same cases and outcomes, and writes one report and one JSON."""
    assert (workers.status, workers.lines[-1]) == (0, "GO"), workers.stdout
    assert workers.evidence["verdict"] == "GO"
    asked = workers.checks.keys()
    assert len(asked) >= 20
    assert workers.cases == {(check, case) for check, case in writes.cases if check in asked}
    assert workers.checks == {check: writes.checks[check] for check in asked}
    assert ">GO<" in workers.html


def test_workers_send_limited_requests_once(workers: Outcome, writes: Outcome, calm: Deployment) -> None:
    """On workers, too, the wrong token at the login and the token in a query are sent once."""
    for run in (workers, writes):
        logins = Counter(one.status for one in run.sent if (one.method, one.target) == ("POST", "/login"))
        tokens = [one for one in run.sent if f"token={calm.token}" in one.target]
        assert (logins[200], len(tokens)) == (1, 1)


def test_workers_send_each_request_once(workers: Outcome, writes: Outcome) -> None:
    """Whichever worker needs it, a request is sent once, and the evidence has it once."""
    alone, shared = (Counter((one.method, one.target) for one in run.sent) for run in (writes, workers))
    assert {asked: count for asked, count in shared.items() if count > alone[asked]} == {}
    assert len(workers.evidence["environments"][0]["exchanges"]) == len(workers.sent)


def test_a_demo_on_workers(ask: Ask) -> None:
    """With workers the demo's deployment is started once, and a run of one gate is INCOMPLETE as well."""
    outcome = ask("acceptance", "-m", "cors", "--env=demo", "-n", "1")
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
    assert outcome.verdict_lines()[2] == "only a part was asked (-m cors)"
    assert outcome.checks["CORS-01"] == "passed"


@pytest.mark.nightly
def test_random_order(ask: Ask, deployment: Deployment, go: Outcome) -> None:
    """In random order the run is GO with the same cases."""
    outcome = ask("acceptance", "--randomly-seed=7", to=deployment, plugins=True)
    assert (outcome.status, outcome.lines[-1]) == (0, "GO"), outcome.stdout
    assert "--randomly-seed=7" in outcome.stdout
    assert outcome.cases == go.cases


def test_common_plugins_are_loaded_beside_it(ask: Ask, deployment: Deployment) -> None:
    """Together with pytest-playwright (which adds --base-url, too), pytest-timeout and xdist, it works."""
    outcome = ask("acceptance", "-m", "cors", "--timeout=60", to=deployment, plugins=True)
    (plugins,) = (line for line in outcome.lines if line.startswith("plugins:"))
    assert {"playwright", "timeout", "xdist", "html", "base-url"} <= set(re.findall(r"([a-z-]+)-\d", plugins))
    assert outcome.status == 0, outcome.stdout


TELLING = """
import sys

def pytest_unconfigure():
    for name, module in sorted(sys.modules.items()):
        installed = "site-packages" in (getattr(module, "__file__", None) or "")
        print("imported:", name.partition(".")[0] if installed else name)
"""
# The packages of this project that a narrow run needs, and those of others that it may import.
OURS = (
    "attestation checks contract environments evidence gates probing redaction session system verdict"
).split()
THEIRS = set(
    "_pytest pytest pluggy iniconfig packaging pygments pytest_html pytest_metadata pytest_base_url jinja2 "
    "markupsafe msgspec ahocorasick dotenv filelock httpx httpcore h11 anyio idna certifi sniffio "
    "typing_extensions exceptiongroup"
    # Other plugins of this checkout, and what httpx imports for its command line where that is installed.
    " __main__ __mp_main__ _distutils_hack sitecustomize"
    " py xdist execnet pytest_timeout click rich markdown_it mdurl"
    # It imports the library in its summary, wherever it is installed, if a run lets it.
    " _hypothesis_pytestplugin _hypothesis_globals".split()
)


@pytest.fixture(scope="module")
def one_case(ask: Ask, deployment: Deployment, installed: tuple[Path, ...]) -> Outcome:
    """One case in a process of its own, which lists the plugins and all modules that were imported."""
    (installed[0] / "telling.py").write_text(TELLING, "utf-8")
    node = "acceptance/test_auth.py::test_status_needs_a_token"
    plugins = ("-p", "telling", "-p", "_hypothesis_pytestplugin")
    return ask(node, "--trace-config", *plugins, to=deployment, path=installed, fresh=True)


def test_it_is_registered_once(one_case: Outcome) -> None:
    """If the plugin is installed and the checkout's conftest.py names it too, it is registered once."""
    assert one_case.status == 0, one_case.stdout + one_case.stderr
    registered = re.findall(r"PLUGIN registered: <module '(pytest_caio[\w.]*)'", one_case.stdout)
    assert registered == ["pytest_caio.plugin"]
    assert one_case.stdout.count("PLUGIN registered: <pytest_caio.session.hooks.AcceptanceSession") == 1


def test_a_narrow_run_imports_only_what_it_uses(one_case: Outcome) -> None:
    """One case of HTTP imports no reference deployment, Redis client, tracker, replay or cryptography."""
    imported = set(re.findall(r"^imported: (\S+)$", one_case.stdout, re.MULTILINE))
    ours = {
        name.split(".")[1] for name in imported if name.count(".") > 1 and name.startswith("pytest_caio.")
    }
    assert sorted(ours) == OURS
    theirs = set(sys.stdlib_module_names) | {"pytest_caio", "acceptance", "conftest", "telling"}
    others = {name for name in imported if "." not in name} - theirs
    assert others <= THEIRS, sorted(others - THEIRS)


USING_HYPOTHESIS = """
from hypothesis import given, strategies

@given(strategies.integers())
def test_ordinary(number):
    assert number == number
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_what_hypothesis_says_of_an_ordinary_test_is_kept(
    ask: Ask, deployment: Deployment, suite_copy: Path, workers: tuple[str, ...]
) -> None:
    """Where a test beside the checks uses hypothesis, its statistics follow them, also from a worker."""
    (suite_copy / "acceptance" / "test_ordinary.py").write_text(USING_HYPOTHESIS, "utf-8")
    asked = "acceptance/test_cors.py", "acceptance/test_ordinary.py", "--hypothesis-show-statistics", *workers
    outcome = ask(*asked, to=deployment, cwd=suite_copy, plugins=True, fresh=True)
    assert outcome.status == 0, outcome.stdout
    assert "Hypothesis Statistics" in outcome.stdout
    assert re.search(r"test_ordinary\.py::test_ordinary:\s.*\d passing", outcome.stdout, re.DOTALL)


TESTS = """
import pytest

def test_passes():
    assert True

def test_fails():
    assert 1 + 1 == 3, "token hunter2hunter2"

@pytest.mark.parametrize("n", [1, 2])
def test_each(n, tmp_path):
    print("printed", n)
    assert n

@pytest.mark.xfail
def test_xfails():
    raise ValueError
"""


def unrelated(folder: Path, path: tuple[Path, ...] = (), **environment: str) -> tuple[int, list[str]]:
    """Run the tests of a folder that is not CAIO's; return the exit status and the comparable output."""
    asked = ["-p", "no:randomly", "-p", "no:cacheprovider", "-rA", "-v"]
    process = forked.start(
        asked, cwd=folder, environment=clean_environment(**environment), path=path, fresh=True
    )
    stdout, stderr = forked.finish(process, 300)
    # These two lines name the loaded plugins, so they must differ.
    lines = [line for line in stdout.splitlines() if not line.startswith(("plugins:", "metadata:"))]
    assert stderr == ""
    # pytest fills the summary line up to the width of the terminal: a longer duration leaves fewer "=".
    return process.returncode or 0, [
        re.sub(r"^=+ (.* in )\d+\.\d+s.* =+$", r"\1some time", line) for line in lines
    ]


def test_unrelated_tests_are_left_alone(tmp_path: Path, installed: tuple[Path, ...]) -> None:
    """Unrelated tests have the same output with the plugin as without it, and no report is written."""
    (tmp_path / "test_unrelated.py").write_text(TESTS, "utf-8")
    without = unrelated(tmp_path, PYTEST_ADDOPTS="-p no:pytest_caio.plugin")
    with_it = unrelated(tmp_path, installed)
    assert with_it == without
    assert with_it[0] == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == ["test_unrelated.py"]


def test_an_ordinary_test_beside_the_checks(
    ask: Ask, deployment: Deployment, installed: tuple[Path, ...], suite_copy: Path
) -> None:
    """An ordinary test that fails makes the exit status 1, and is in JUnit XML, as is a broken module."""
    folder = suite_copy / "acceptance"
    (folder / "test_ordinary.py").write_text("def test_ordinary():\n    assert 1 + 1 == 3\n", "utf-8")
    (folder / "test_broken.py").write_text("import nothing_of_this_name\n", "utf-8")
    outcome = ask(
        *(f"acceptance/test_{name}.py" for name in ("cors", "ordinary", "broken")),
        "--continue-on-collection-errors",
        to=deployment,
        cwd=suite_copy,
        path=installed,
    )
    assert outcome.status == 1, outcome.stdout
    assert "test_ordinary" in outcome.stdout
    (written,) = outcome.folder.glob("*.junit.xml")
    (suite,) = ElementTree.parse(written).getroot()
    failed, broken = (
        [case.get("name") for case in suite.iter("testcase") if case.find(kind) is not None]
        for kind in ("failure", "error")
    )
    assert (failed, len(broken)) == (["test_ordinary"], 1)
    assert (suite.get("failures"), suite.get("errors")) == ("1", "1")
    assert len(list(suite.iter("testcase"))) == len(outcome.cases) + 2
