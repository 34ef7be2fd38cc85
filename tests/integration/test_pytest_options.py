"""Options of pytest and of common plugins: a run refuses them in one line, or they do not change its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment, Outcome, closed_port

ONE = "acceptance/test_auth.py::test_status_needs_a_token"
HIDDEN = "hunter2-not-to-be-shown"


def refusal(outcome: Outcome) -> str:
    """Return the one line with which a run was refused before it sent anything."""
    assert (outcome.status, outcome.sent) == (4, ()), outcome.stdout + outcome.stderr
    assert HIDDEN not in outcome.shown
    assert list(outcome.folder.iterdir()) == []
    lines = [line for line in outcome.stderr.strip().splitlines() if "pytest debug information" not in line]
    assert len(lines) == 1, outcome.stderr
    return lines[0]


@pytest.mark.parametrize("plain", [(), ("--assert=plain",)], ids=["rewritten", "plain"])
def test_no_run_without_assertions(ask: Ask, deployment: Deployment, plain: tuple[str, ...]) -> None:
    """With PYTHONOPTIMIZE=1, where no assertion runs, with or without --assert=plain, it refuses to run."""
    outcome = ask(ONE, *plain, to=deployment, environment={"PYTHONOPTIMIZE": "1"})
    assert "PYTHONOPTIMIZE" in refusal(outcome)


REFUSED = {
    "--dist each": ("--dist=each", "--tx=6*popen"),
    "--looponfail": ("--looponfail",),
    "--pastebin": ("--pastebin=all",),
    "--debug": ("--debug={}/debug.log", f"--token={HIDDEN}"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_options(ask: Ask, deployment: Deployment, name: str, tmp_path: Path) -> None:
    """Options with which a run would ask six times, or publish, are refused; --debug leaves no file."""
    options = (option.replace("{}", str(tmp_path)) for option in REFUSED[name])
    assert name in refusal(ask(ONE, *options, to=deployment))
    assert list(tmp_path.iterdir()) == []


def elsewhere(deployment: Deployment) -> list[str]:
    """Return the deployment's options without --base-url; its profile names the URL."""
    return [option for option in deployment.arguments if not option.startswith("--base-url")]


def test_a_base_url_of_pytest_addopts(ask: Ask, deployment: Deployment) -> None:
    """--base-url in PYTEST_ADDOPTS is refused: only on the command line does it count."""
    addopts = f"--base-url=http://127.0.0.1:{closed_port()}"
    outcome = ask(ONE, *elsewhere(deployment), environment={"PYTEST_ADDOPTS": addopts})
    assert "PYTEST_ADDOPTS" in refusal(outcome)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "workers"])
def test_a_base_url_of_the_environment(ask: Ask, deployment: Deployment, workers: tuple[str, ...]) -> None:
    """PYTEST_BASE_URL and an ini file's base_url are named in a warning, and nothing is sent there."""
    before = len(deployment.log())
    other = f"http://127.0.0.1:{closed_port()}"
    asked = (ONE, *elsewhere(deployment), "-o", f"base_url={other}", *workers)
    outcome = ask(*asked, environment={"PYTEST_BASE_URL": other, "VERIFY_BASE_URL": "true"})
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout + outcome.stderr
    assert "PYTEST_BASE_URL is not used" in outcome.stdout
    assert "base_url of the ini file is not used" in outcome.stdout
    assert [one.target for one in deployment.log()[before:]] == ["/api/operator/status"]
    assert other not in outcome.html + outcome.evidence_path.read_text("utf-8")


SHOWING = (
    *("--setup-plan", "--setup-only", "--collect-only", "--co -q", "--fixtures", "--fixtures-per-test"),
    *("--markers", "--help", "--cache-show", "--setup-plan -n 1"),
)


@pytest.mark.parametrize("options", SHOWING)
def test_options_that_only_show(ask: Ask, deployment: Deployment, options: str) -> None:
    """--setup-plan, --setup-only and other options that only show something send no request."""
    outcome = ask("acceptance/test_cors.py", "-p", "cacheprovider", *options.split(), to=deployment)
    assert (outcome.status, outcome.sent) == (0, ()), outcome.stdout + outcome.stderr
    assert "CAIO acceptance: INC" not in outcome.stdout
    assert list(outcome.folder.iterdir()) == []


def test_a_case_is_run_once(ask: Ask, deployment: Deployment) -> None:
    """A case that is selected twice is run once, so that its requests are not sent by two workers."""
    asked = ("acceptance/test_cors.py", "--keep-duplicates", "acceptance/test_cors.py")
    outcome = ask(*asked, "-n", "2", to=deployment)
    assert outcome.status == 0, outcome.stdout
    cases = [case["id"] for check in outcome.evidence["environments"][0]["checks"] for case in check["cases"]]
    assert len(cases) == len(set(cases)) > 10


STRICT = "[pytest]\nfilterwarnings =\n    error\n"


@pytest.mark.parametrize("where", ["an ini file", "the command line", "the interpreter"])
def test_warnings_do_not_end_a_run(ask: Ask, deployment: Deployment, tmp_path: Path, where: str) -> None:
    """With filterwarnings = error, -W error or PYTHONWARNINGS=error, a plugin's warning is only shown."""
    (tmp_path / "careless.py").write_text(
        "import warnings\n"
        "def pytest_sessionstart():\n    warnings.warn('careless at the start')\n"
        "def pytest_runtest_call(item):\n    open(__file__); warnings.warn('careless in a test')\n"
        "def pytest_sessionfinish():\n    warnings.warn('careless at the end', DeprecationWarning)\n",
        "utf-8",
    )
    (tmp_path / "pytest.ini").write_text(STRICT, "utf-8")
    own = {
        "an ini file": ("-c", str(tmp_path / "pytest.ini")),
        "the command line": ("-W", "error"),
        "the interpreter": (),
    }
    environment = {"PYTHONWARNINGS": "error"} if where == "the interpreter" else {}
    outcome = ask(
        *("acceptance/test_cors.py", "-p", "careless", *own[where]),
        to=deployment,
        path=[tmp_path],
        environment=environment,
    )
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout + outcome.stderr
    assert "careless in a test" in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr
