"""The option --waivers: failures that a named owner accepts until a date, in runs of the real suite."""

from __future__ import annotations

import functools
import re
import socket
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.places import CHECKOUT
from tests.support.suite_runs import SHORT, Ask, Deployment, Outcome, closed_port, serving

LISTED = "heyreach-allowlisted"  # only WH-08 fails, in its case `allowlist`
UNSIGNED = "heyreach-unsigned"  # HeyReach cannot sign, the state of the runbook's fallback
WEBHOOKS = ("acceptance/test_webhooks.py", "-k", "heyreach")  # WH-08 and the HeyReach cases of others
DECLARED = re.compile(r'@check\(\s*"([A-Z]+-\d\d)"')


def today() -> date:
    """Return the UTC date that a run started now will see; within 30 s of midnight, wait for the next day."""
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    if left < 30:
        time.sleep(left + 1)
    return datetime.now(UTC).date()


def waiver(keys: dict[str, str], days: int) -> str:
    """Return a waiver of WH-08 in demo with `days` days left; `keys` adds keys or replaces values."""
    own = {
        "check": '"WH-08"',
        "environment": '"demo"',
        "owner": '"PTO"',
        "reason": '"HeyReach cannot sign"',
        "expires": str(today() + timedelta(days=days)),
        **keys,
    }
    return "".join(["[[waiver]]\n", *(f"{key} = {value}\n" for key, value in own.items())])


@pytest.fixture
def waive(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Write a waivers file with one waiver, and return the options that name it."""

    def write(keys: dict[str, str] | None = None, days: int = 7) -> tuple[str, ...]:
        path = tmp_path / "mine.toml"
        path.write_text(waiver(keys or {}, days), "utf-8")
        return ("--waivers", str(path))

    return write


@pytest.fixture(scope="module")
def demo(serve: Callable[..., Deployment]) -> Callable[..., Deployment]:
    """A deployment that is checked as `demo`, healthy or with faults; each kind is started once."""
    return functools.cache(lambda *faults: serve(faults=faults, environment="demo"))


def reason_of(outcome: Outcome) -> str:
    """Return the only reason of a NO-GO, which terminal and HTML show under the verdict."""
    assert (outcome.status, outcome.evidence["verdict"], outcome.lines[-1]) == (1, "NO-GO", "NO-GO")
    (reason,) = outcome.evidence["reasons"]
    assert outcome.verdict_lines()[2] == reason
    assert reason in outcome.html.replace("&#x27;", "'")
    assert len(outcome.cases) >= 40  # all checks ran, despite the NO-GO
    return str(reason)


@pytest.fixture(scope="module")
def last_day(ask: Ask, demo: Callable[..., Deployment], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A whole run on the last day of a waiver that covers its only failure."""
    folder = tmp_path_factory.mktemp("last-day")
    path = folder / "mine.toml"
    path.write_text(waiver({}, 0), "utf-8")
    junit = f"--junitxml={folder / 'junit.xml'}"
    return ask(*SHORT, f"--waivers={path}", junit, "-x", folder=folder, to=demo(LISTED))


def test_the_last_day_holds(last_day: Outcome) -> None:
    """On its last day a waiver still turns the failure into GO (1 waived), and all evidence shows it."""
    outcome = last_day
    assert (outcome.status, outcome.lines[-1]) == (0, "GO (1 waived)"), outcome.stdout
    assert "CAIO acceptance: GO (1 waived)" in outcome.verdict_lines()[0]
    day = str(today())
    line = (
        f"waiver 1: WH-08, all cases, in demo until {day} (days left: 0), in use; PTO: HeyReach cannot sign"
    )
    assert line in outcome.lines
    evidence = outcome.evidence
    assert (evidence["verdict"], evidence["headline"], evidence["reasons"]) == ("GO", "GO (1 waived)", [])
    (waiver,) = evidence["waivers"]
    assert waiver == {
        "number": 1,
        "line": 1,
        "check": "WH-08",
        "case": "*",
        "environment": "demo",
        "owner": "PTO",
        "reason": "HeyReach cannot sign",
        "expires": day,
        "days_left": 0,
        "used": True,
        "problem": "",
    }
    (environment,) = evidence["environments"]
    (check,) = [check for check in environment["checks"] if check["outcome"] == "waived"]
    assert (check["id"], check["waiver"]) == ("WH-08", waiver)
    (case,) = [case for case in check["cases"] if case["outcome"] == "waived"]
    assert case["name"] == "allowlist"
    assert case["observed"]
    assert case["exchanges"]
    assert sum(gate["waived"] for gate in environment["gates"]) == 1
    assert (environment["verdict"], environment["headline"]) == ("GO", "GO (1 waived)")
    assert ">CAIO acceptance of demo: GO (1 waived)<" in outcome.html
    assert re.search(r'class="caio-verdict[^>]*>GO \(1 waived\)<', outcome.html)
    table = outcome.html.partition("caio-waivers")[2].partition("</table>")[0]
    for cell in ("WH-08", "all cases", "demo", "PTO", "HeyReach cannot sign", day, "0", "in use"):
        assert f">{cell}</td>" in table
    assert f"waived until {day} by PTO: HeyReach cannot sign" in outcome.html


def test_the_day_after_the_last_is_no_go(ask: Ask, demo: Callable, waive: Callable) -> None:
    """A waiver that expired yesterday covers nothing: the check is a cause, the waiver a reason."""
    outcome = ask(*SHORT, *waive(days=-1), to=demo(LISTED))
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO")
    (expired,) = outcome.evidence["reasons"]
    assert [cause["checks"] for cause in outcome.evidence["causes"]] == [["WH-08"]]
    assert expired.startswith("waiver 1 (mine.toml, line 1), WH-08 in demo: expired on")
    assert outcome.verdict_lines()[1:3] == ["Do not release. 1 thing to put right.", expired]
    assert outcome.checks["WH-08"] == "failed"


PROBLEMS = {
    "unused": ({}, 7, "WH-08 in demo: is unused, all that it covers passed; remove it"),
    "expired": ({"check": '"ENV-05"'}, -1, "ENV-05 in demo: expired on"),
    "not waivable": ({"check": '"AUTH-01"'}, 7, "AUTH-01 in demo: AUTH-01 cannot be waived"),
    "no such check": ({"check": '"WH-80"'}, 7, "WH-80 in demo: is unused, there is no check WH-80"),
    "no such case": ({"case": '"unsinged"'}, 7, "is unused, there is no case unsinged"),
    "too long": ({"check": '"ENV-11"'}, 92, "expires in 92 days"),
    "blank owner": ({"owner": '" "'}, 7, "owner is blank"),
    "quoted day": ({"expires": '"2026-03-10"'}, 7, "expires is no plain date"),
    "unknown key": ({"ownr": '"PTO"'}, 7, "unknown key ownr; the keys are check, environment"),
    "unknown environment": ({"environment": '"prod"'}, 7, "environment prod is no profile; there are demo"),
}


def test_an_unused_waiver_fails_a_healthy_run(ask: Ask, demo: Callable, waive: Callable) -> None:
    """An unused waiver is NO-GO although every check passed, and the only reason names it."""
    keys, days, said = PROBLEMS["unused"]
    outcome = ask(*SHORT, *waive(keys, days), to=demo())
    reason = reason_of(outcome)
    assert reason.startswith("waiver 1 (mine.toml, line 1)")
    assert said in reason
    assert outcome.evidence["waivers"][0]["problem"] == reason
    assert "failed" not in outcome.checks.values()
    assert outcome.evidence["environments"][0]["verdict"] == "NO-GO"


@pytest.fixture(scope="module")
def faulty(ask: Ask, demo: Callable, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run against a healthy deployment with every kind of invalid waiver."""
    path = tmp_path_factory.mktemp("waivers") / "mine.toml"
    path.write_text("".join(waiver(keys, days) for keys, days, _ in PROBLEMS.values()), "utf-8")
    return ask(*SHORT, "--waivers", str(path), to=demo())


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_invalid_waiver_is_a_reason(faulty: Outcome, name: str) -> None:
    """Each invalid waiver is a reason of its own, in the order of the file."""
    number = list(PROBLEMS).index(name) + 1
    reasons = [reason for reason in faulty.evidence["reasons"] if reason.startswith("waiver ")]
    assert (faulty.status, len(reasons)) == (1, len(PROBLEMS)), reasons
    assert reasons[number - 1].startswith(f"waiver {number} (mine.toml, line ")
    assert PROBLEMS[name][2] in reasons[number - 1]
    assert faulty.evidence["waivers"][number - 1]["problem"] == reasons[number - 1]
    assert reasons[number - 1] in faulty.lines


def test_a_narrowed_run_knows_every_check(ask: Ask, demo: Callable, tmp_path: Path) -> None:
    """A waiver for an unknown check, or one that may not be waived, is malformed in a run of one gate too."""
    path = tmp_path / "mine.toml"
    named = ("WH-80", "AUTH-01", "WH-08")
    path.write_text("".join(waiver({"check": f'"{name}"'}, 7) for name in named), "utf-8")
    node = "acceptance/test_readiness.py::test_documents_are_off"
    outcome = ask(node, "--waivers", str(path), to=demo())
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    first, second = (reason for reason in outcome.evidence["reasons"] if reason.startswith("waiver "))
    assert "there is no check WH-80" in first
    assert "AUTH-01 cannot be waived in demo" in second


def test_another_environment_is_left_alone(ask: Ask, demo: Callable, waive: Callable, tmp_path: Path) -> None:
    """A waiver for an environment that is not checked is neither used nor unused, even if expired."""
    profiles = tmp_path / "profiles.toml"
    own = demo().reference.profiles_file.read_text("utf-8")
    profiles.write_text(f'{own}\n[staging]\nbase_url = "https://staging.example"\n', "utf-8")
    given = waive({"environment": '"staging"'}, days=-1)
    outcome = ask(*WEBHOOKS, *demo().arguments, f"--profiles={profiles}", *given)
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
    assert outcome.evidence["waivers"] == []
    assert "waiver 1" not in outcome.stdout + outcome.html


def test_one_case_alone(ask: Ask, demo: Callable, waive: Callable) -> None:
    """A waiver for one case covers that case and no other."""
    given = waive({"case": '"allowlist"'})
    covered = ask(*WEBHOOKS, *given, to=demo(LISTED))
    assert (covered.status, covered.checks["WH-08"]) == (0, "waived"), covered.stdout
    outcome = ask(*WEBHOOKS, *given, to=demo(UNSIGNED))
    assert (outcome.status, outcome.evidence["causes"][0]["checks"]) == (1, ["WH-08"])
    (check,) = [c for c in outcome.evidence["environments"][0]["checks"] if c["id"] == "WH-08"]
    assert (check["outcome"], check["waiver"]["case"]) == ("failed", "allowlist")
    assert [c["name"] for c in check["cases"] if c["outcome"] == "waived"] == ["allowlist"]


def test_workers_agree(ask: Ask, demo: Callable, tmp_path: Path) -> None:
    """With xdist workers cases are waived, and unused waivers reported, as without them."""
    path = tmp_path / "mine.toml"
    path.write_text("".join(waiver({"case": f'"{case}"'}, 0) for case in ("allowlist", "unsigned")), "utf-8")
    outcome = ask(*WEBHOOKS, "-n", "1", "--waivers", str(path), to=demo(LISTED))
    assert outcome.checks["WH-08"] == "waived", outcome.stdout
    assert [waiver["used"] for waiver in outcome.evidence["waivers"]] == [True, False]
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO")
    assert "is unused, all that it covers passed" in outcome.evidence["reasons"][0]


def test_unused_is_judged_only_if_all_cases_ran(ask: Ask, demo: Callable, waive: Callable) -> None:
    """A run of some checks calls a waiver unused only if all cases of its check ran."""
    given = waive()
    for selection in (["acceptance/test_cors.py"], ["acceptance", "-k", "cors or (heyreach and allowlist)"]):
        outcome = ask(*selection, *given, to=demo())
        assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
        assert "not needed this time" in outcome.stdout
    outcome = ask(*WEBHOOKS, *given, to=demo())
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO")
    assert "is unused" in outcome.evidence["reasons"][0]


def test_an_unreachable_deployment_uses_up_no_waiver(ask: Ask, demo: Callable, waive: Callable) -> None:
    """If the deployment cannot be reached, no waiver is reported as unused."""
    url = f"http://127.0.0.1:{closed_port()}"
    outcome = ask(*SHORT, *demo().arguments, f"--base-url={url}", *waive())
    assert outcome.status == 1
    assert outcome.verdict_lines()[1] == "Do not release. 1 thing to put right."
    assert [reason for reason in outcome.evidence["reasons"] if "waiver" in reason] == []


def test_a_missing_input_is_not_waived(
    ask: Ask, deployment: Deployment, waive: Callable, tmp_path: Path
) -> None:
    """A case whose input is missing is not waived, since it was not judged."""
    lines = [f"{k}={v}" for k, v in deployment.settings.items() if not k.startswith("HEYREACH_")]
    (tmp_path / "env").write_text("\n".join(lines), "utf-8")
    own = [option for option in deployment.arguments if not option.startswith("--env-file")]
    given = waive({"environment": '"production"'})
    outcome = ask(*WEBHOOKS, *own, f"--env-file={tmp_path / 'env'}", *given)
    assert (outcome.status, outcome.checks["WH-08"]) == (1, "missing-input")
    assert "WH-08" in outcome.evidence["causes"][0]["checks"]
    assert [reason for reason in outcome.evidence["reasons"] if "waiver" in reason] == []


def test_silence_is_not_waived(ask: Ask, deployment: Deployment, waive: Callable) -> None:
    """A case without a response is not waived, since it was not judged, while a wrong response is."""

    def answer(connection: socket.socket) -> None:
        if b" /webhooks/heyreach " not in connection.recv(65536):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    given = waive({"environment": '"production"'})
    with serving(answer) as url:
        selection = ("acceptance/test_webhooks.py", "-k", "test_heyreach")
        outcome = ask(*selection, *deployment.arguments, f"--base-url={url}", *given)
    (check,) = outcome.evidence["environments"][0]["checks"]
    outcomes = {case["name"]: case["outcome"] for case in check["cases"]}
    assert (outcome.status, check["outcome"]) == (1, "failed")
    assert (outcomes["allowlist"], outcomes["unsigned"]) == ("waived", "failed")


def test_owner_and_reason_are_redacted_and_escaped(
    ask: Ask, serve: Callable[..., Deployment], waive: Callable
) -> None:
    """Owner and reason run no script, control no terminal, and reveal no secret or email address."""
    deployment = serve(faults=("heyreach-allowlisted",))
    keys = {
        "environment": '"production"',
        "owner": '"Ada <ada.lovelace@example.com>"',
        "reason": f'"""<script>alert(1)</script> \\u001b[2J {deployment.token}\nand more"""',
    }
    outcome = ask(*WEBHOOKS, "-rA", *waive(keys), to=deployment)
    assert (outcome.status, outcome.checks["WH-08"]) == (0, "waived"), outcome.stdout
    assert deployment.token not in outcome.shown
    assert "ada.lovelace" not in outcome.shown
    assert "[redacted: DASHBOARD_AUTH_TOKEN]" in outcome.evidence["waivers"][0]["reason"]
    assert "\x1b" not in outcome.stdout + outcome.html
    assert "<script>alert(1)" not in outcome.html
    assert "&lt;script&gt;alert(1)" in outcome.html


def test_a_waived_case_is_an_expected_failure(last_day: Outcome) -> None:
    """In pytest's summary and in JUnit a waived case is an expected failure, not a failure."""
    (counts,) = [line for line in last_day.lines if re.search(r"passed.* in .*s =", line)]
    assert "xfailed" in counts
    assert not re.search(r"\bfailed|error", counts)
    (suite,) = ElementTree.parse(last_day.folder / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    told = [e.get("message", "") for e in suite.iter("skipped") if e.get("type") == "pytest.xfail"]
    assert [one for one in told if one.startswith("waived until")]


def test_the_suites_own_file(
    ask: Ask, demo: Callable, suite_copy: Path, installed: tuple[Path, ...], waive: Callable
) -> None:
    """Without the option the suite's waivers.toml is read, and if there is none, there are no waivers."""
    own = suite_copy / "acceptance" / "waivers.toml"
    own.write_text(Path(waive()[1]).read_text("utf-8"), "utf-8")
    asked = {"to": demo(LISTED), "cwd": suite_copy, "path": installed}
    outcome = ask(*WEBHOOKS, **asked)
    assert (outcome.status, outcome.checks["WH-08"]) == (0, "waived"), outcome.stdout + outcome.stderr
    own.unlink()
    outcome = ask(*WEBHOOKS, **asked)
    assert (outcome.status, outcome.evidence["causes"][0]["checks"]) == (1, ["WH-08"])


def test_plan_and_collection_do_not_fail(ask: Ask, demo: Callable, waive: Callable) -> None:
    """--plan and --collect-only list the waivers and judge none."""
    given = waive(days=-1)
    for option in ("--plan", "--collect-only"):
        outcome = ask("acceptance", option, *given, to=demo())
        assert outcome.status == 0, outcome.stdout + outcome.stderr
        assert "caio: waiver 1: WH-08 in demo" in outcome.lines


def test_the_committed_file_has_no_waivers() -> None:
    """The suite's waivers.toml is a template of comments that waives nothing."""
    text = (CHECKOUT / "acceptance" / "waivers.toml").read_text("utf-8")
    assert [line for line in text.splitlines() if line.strip() and not line.startswith("#")] == []


def test_the_documented_fallback(ask: Ask, demo: Callable, tmp_path: Path) -> None:
    """The example of docs/waivers.md, with a new date, is GO on a deployment in the state it describes."""
    document = (CHECKOUT / "docs" / "waivers.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    # A waiver of a check that the suite does not have yet would be unused.
    modules = (CHECKOUT / "acceptance").glob("test_*.py")
    declared = {i for module in modules for i in DECLARED.findall(module.read_text("utf-8"))}
    written = [part for part in example.split("\n\n") if re.findall(r'check = "(.*)"', part)[0] in declared]
    text = "\n".join(written).replace('"production"', '"demo"')
    text, dates = re.subn(r"(?<=expires = )\d{4}-\d\d-\d\d", str(today() + timedelta(days=14)), text)
    assert dates == len(written) >= 1
    path = tmp_path / "waivers.toml"
    path.write_text(text, "utf-8")
    outcome = ask(*SHORT, "--waivers", str(path), to=demo(UNSIGNED))
    assert (outcome.status, outcome.lines[-1]) == (0, f"GO ({dates} waived)"), outcome.stdout
    shown = next(line.strip() for line in document.splitlines() if line.startswith("    waiver 1: "))
    said = next(line for line in outcome.lines if line.startswith("waiver 1: "))
    assert re.sub(r"\d{4}-\d\d-\d\d", "DAY", said) == re.sub(
        r"\d{4}-\d\d-\d\d", "DAY", shown.replace("in production", "in demo")
    )
    assert all(waiver["used"] for waiver in outcome.evidence["waivers"])
    after = ask(*WEBHOOKS, "--waivers", str(path), to=demo())
    assert "is unused, all that it covers passed; remove it" in after.evidence["reasons"][0]
