"""Options of pytest and of common plugins: refused in one line, or without effect on the verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.nightly import some_nightly
from tests.support.places import CHECKOUT
from tests.support.suite_runs import Ask, Deployment, Outcome, clean_environment, closed_port

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


@pytest.mark.parametrize("plain", [pytest.param((), marks=pytest.mark.nightly), ("--assert=plain",)])
def test_no_run_without_assertions(ask: Ask, deployment: Deployment, plain: tuple[str, ...]) -> None:
    """With PYTHONOPTIMIZE=1, where no assertion runs, with or without --assert=plain, it refuses to run."""
    outcome = ask(ONE, *plain, to=deployment, environment={"PYTHONOPTIMIZE": "1"})
    assert "PYTHONOPTIMIZE" in refusal(outcome)


REFUSED = {
    "--dist each": ("--dist=each", "--tx=6*popen"),
    "--looponfail": ("--looponfail",),
    "--pastebin": ("--pastebin=all",),
    "-n 99999999": ("-n", "99999999"),
    "--tx foo": ("-d", "--tx", "foo"),
    "--tx 999999*popen": ("-d", "--tx", "999999*popen"),
    "--tx popen//python=/nowhere": ("-d", "--tx", "popen//python=/nowhere"),
    "--junitxml": ("--junitxml=/dev/full",),
    "--ledger": ("--ledger=/dev/full",),
    "--evidence-dir": ("--evidence-dir=/dev/full",),
    "--debug": ("--debug={}/debug.log", f"--token={HIDDEN}"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_options(ask: Ask, deployment: Deployment, name: str, tmp_path: Path) -> None:
    """`--dist each --tx 6*popen`, and what would publish or break a run, is refused; --debug leaves no file.

    Among them workers that cannot be started, and devices (`/dev/full`) where a file is needed.
    """
    if name == "--debug" and not str(CHECKOUT).isprintable():
        pytest.skip("without a locale pytest itself cannot write this folder's name into that file")
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


def test_a_base_url_of_the_environment(ask: Ask, deployment: Deployment) -> None:
    """PYTEST_BASE_URL and an ini file's base_url are named in a warning, and nothing is sent there."""
    before = len(deployment.log())
    other = f"http://127.0.0.1:{closed_port()}"
    asked = (ONE, *elsewhere(deployment), "-o", f"base_url={other}", "-n", "1")
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


@pytest.mark.parametrize("options", some_nightly(SHOWING, *SHOWING[2:]))
def test_options_that_only_show(ask: Ask, deployment: Deployment, options: str) -> None:
    """--setup-plan, --setup-only and other options that only show something send no request."""
    outcome = ask("acceptance/test_cors.py", "-p", "cacheprovider", *options.split(), to=deployment)
    assert (outcome.status, outcome.sent) == (0, ()), outcome.stdout + outcome.stderr
    assert "CAIO acceptance: INC" not in outcome.stdout
    assert list(outcome.folder.iterdir()) == []


def test_a_case_is_run_once(ask: Ask, deployment: Deployment) -> None:
    """A case that is selected twice is run once: two workers would send its requests twice."""
    asked = ("acceptance/test_cors.py", "--keep-duplicates", "acceptance/test_cors.py")
    outcome = ask(*asked, to=deployment)
    assert outcome.status == 0, outcome.stdout
    cases = [case["id"] for check in outcome.evidence["environments"][0]["checks"] for case in check["cases"]]
    assert len(cases) == len(set(cases)) > 10


def test_cases_run_in_the_order_of_their_requests(ask: Ask, deployment: Deployment) -> None:
    """Cases whose requests are sent last, once only or to measure time, run last, so that none waits."""
    outcome = ask("acceptance", "-m", "auth or readiness", "--collect-only", "-q", to=deployment)
    checks = [re.split(r"::|\[", line)[1] for line in outcome.lines if "::" in line]
    assert checks[-2:] == ["test_wrong_token_at_the_login", "test_readiness_is_quick"]
    assert checks[0] == "test_status_needs_a_token"


THREADS = """
import threading

begun = []

class Told(threading.Thread):
    def start(self):
        begun.append(self.name)
        super().start()

threading.Thread = Told

def pytest_collection_finish():
    print("begun:", *begun, sep="|")
"""


@pytest.mark.parametrize(
    ("options", "begun"),
    [
        ((), True),
        (("-m", "pack"), False),
        (("-k", "PACK-01"), False),
        (("--deselect", "acceptance/test_pack.py::test_no_such"), False),
        (("-p", "cacheprovider", "--lf"), False),
        (("-p", "cacheprovider", "-p", "stepwise", "--stepwise"), False),
        (("--plan",), False),
        (("-p", "leaves"), False),
    ],
)
def test_long_jobs_begin_as_their_checks_are_collected(
    ask: Ask, deployment: Deployment, tmp_path: Path, options: tuple[str, ...], begun: bool
) -> None:
    """The critical tests begin while checks are collected, unless something may leave their check out."""
    (tmp_path / "threads.py").write_text(THREADS, "utf-8")
    (tmp_path / "leaves.py").write_text("def pytest_collection_modifyitems(): pass\n", "utf-8")
    asked = ("acceptance/test_pack.py", "-s", "-p", "threads", *options)
    outcome = ask(*asked, to=deployment, path=(tmp_path,))
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    (line,) = (line for line in outcome.lines if line.startswith("begun:"))
    assert ("caio critical tests of production" in line.split("|")) is begun, line


STRICT = "[pytest]\nfilterwarnings =\n    error\n"


PLACES = ["an ini file", "the command line", "the interpreter"]


@pytest.mark.parametrize("where", some_nightly(PLACES, *PLACES[1:]))
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


def test_paths_given_apart(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    """`--evidence-dir EXISTING` and other paths after a blank work the second time as the first."""
    reference = deployment.reference
    asked = (
        *("--env", "production", "--env-file", str(reference.env_file)),
        *("--profiles", str(reference.profiles_file), "--evidence-dir", str(tmp_path), "-k", "preflight"),
    )
    for _ in range(2):
        outcome = ask(*asked, folder=tmp_path)
        assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout + outcome.stderr
        cases = [c["id"] for check in outcome.evidence["environments"][0]["checks"] for c in check["cases"]]
        assert all(case.startswith("acceptance/test_") for case in cases), cases
        outcome.evidence_path.unlink()
        outcome.html_path.unlink()


def test_unrelated_runs_do_not_start_over(tmp_path: Path) -> None:
    """Without an option of this plugin, a path after a blank leads pytest wherever it leads it."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n", "utf-8")
    (tmp_path / "report").mkdir()
    asked = ("-p", "no:randomly", "--html", str(tmp_path / "report" / "it.html"), "-q")
    (tmp_path / "report" / "it.html").touch()
    done = forked.run(asked, cwd=tmp_path, environment=clean_environment())
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("how", some_nightly(["variable", "option", "workers"], "option", "workers"))
def test_without_plugin_autoload(ask: Ask, deployment: Deployment, how: str) -> None:
    """With PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 or --disable-plugin-autoload a run loads what it needs itself."""
    environment = {} if how == "option" else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = {"option": ("--disable-plugin-autoload",), "workers": ("-p", "xdist", "-n", "1")}.get(how, ())
    outcome = ask("acceptance/test_cors.py", *options, to=deployment, environment=environment)
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout + outcome.stderr
    assert "CORS-01" in outcome.html


WITHOUT = ("terminal", "cacheprovider", "setuponly", "capture", "logging", "warnings", "skipping", "junitxml")


@pytest.mark.parametrize("name", some_nightly(WITHOUT, *WITHOUT[1:]))
def test_without_a_plugin_of_pytest(ask: Ask, deployment: Deployment, name: str) -> None:
    """With -p no:terminal and without other plugins of pytest, a run works, or names what is missing."""
    own = ("-o", "xfail_strict=false", "-o", "addopts=") if name == "skipping" else ()
    outcome = ask(ONE, "-p", f"no:{name}", *own, to=deployment)
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert outcome.evidence["verdict"] == "INCOMPLETE"
    assert outcome.html_path.is_file()


@pytest.mark.parametrize("name", some_nightly(["html", "metadata", "base_url"], "html", "base_url"))
def test_needed_plugins(ask: Ask, deployment: Deployment, name: str) -> None:
    """With -p no:html, no:metadata or no:base_url, a run says that it needs that plugin."""
    assert f"-p no:{name}" in refusal(ask(ONE, "-p", f"no:{name}", *elsewhere(deployment)))


def test_plain_assertions(ask: Ask, serve: Callable[..., Deployment]) -> None:
    """With --assert=plain alone a check fails as well, and says what was expected and observed."""
    asked = ("acceptance/test_readiness.py", "-k", "documents", "--assert=plain")
    outcome = ask(*asked, to=serve(faults=["docs-served"]))
    assert (outcome.status, outcome.checks["RDY-09"]) == (1, "failed"), outcome.stdout + outcome.stderr
    assert any("RDY-09" in line and "must answer 404" in line for line in outcome.lines)


AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, log=False, nextitem=nextitem)
    item._initrequest()
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    runtestprotocol(item, log=True, nextitem=nextitem)
    return True
"""


def test_a_repeated_case_writes_once(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    """A test that a plugin such as pytest-rerunfailures runs again sends only once what is acted on."""
    (tmp_path / "again.py").write_text(AGAIN, "utf-8")
    asked = ("acceptance/test_webhooks.py", "-k", "signed_posts", "--allow-writes", "-p", "again")
    outcome = ask(*asked, to=deployment, path=[tmp_path])
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    posts = Counter((one.target, one.headers, one.body) for one in outcome.sent if one.method == "POST")
    unsigned = [case for check, case in outcome.cases if check == "WH-03"]  # each is three posts
    assert sum(posts.values()) == len(outcome.cases) + 2 * len(unsigned) > 1
    assert set(posts.values()) == {1}
