"""The option --token gives the dashboard token, as a value or in a file; without it checks name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment, Outcome

TOKEN_CHECKS = ("test_status_opens_with_the_token", "test_dependencies_open_with_the_token")
NODES = tuple(f"acceptance/test_auth.py::{name}" for name in TOKEN_CHECKS)


@pytest.fixture(scope="module")
def tokenless(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the deployment, with an env file that lacks the token."""
    path = tmp_path_factory.mktemp("tokenless") / "without.env"
    lines = deployment.reference.env_file.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("DASHBOARD_AUTH_TOKEN=")), "utf-8")
    kept = (option for option in deployment.arguments if not option.startswith("--env-file"))
    return (*kept, f"--env-file={path}")


@pytest.fixture(scope="module")
def without(ask: Ask, tokenless: tuple[str, ...]) -> Outcome:
    """A run, without the token, of the gates that need it most."""
    gates = ("auth", "webhooks", "readiness", "cors")
    return ask(*(f"acceptance/test_{gate}.py" for gate in gates), *tokenless)


def test_a_value_takes_precedence_over_the_env_file(ask: Ask, deployment: Deployment) -> None:
    """A wrong --token takes precedence over the env file's right one: NO-GO, and its checks are red."""
    wrong = "a-wrong-token-altogether"
    outcome = ask("acceptance/test_auth.py", f"--token={wrong}", to=deployment)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    red = {check for check, result in outcome.checks.items() if result == "failed"}
    assert red == {"AUTH-05", "AUTH-06"}
    assert wrong not in outcome.shown
    assert "   checks AUTH-05, AUTH-06" in outcome.lines
    assert any(line.startswith("The token that was given is not the deployment") for line in outcome.lines)


@pytest.mark.parametrize("form", ["value", "@FILE", "@FILE, relative"])
def test_the_right_token(
    ask: Ask, deployment: Deployment, tokenless: tuple[str, ...], tmp_path: Path, form: str
) -> None:
    """The right token passes, given as a value or in a file, by an absolute or relative path."""
    path = tmp_path / "token.txt"
    path.write_text(f"  {deployment.token}\r\n", "utf-8-sig")
    relative = Path(*[".."] * (len(Path.cwd().parts) - 1), *path.parts[1:])
    given = {"value": deployment.token, "@FILE": f"@{path}", "@FILE, relative": f"@{relative}"}[form]
    outcome = ask(*NODES, f"--token={given}", *tokenless, cwd=Path.cwd())
    assert outcome.checks == {"AUTH-05": "passed", "AUTH-06": "passed"}, outcome.stdout + outcome.stderr
    assert deployment.token not in outcome.shown


def test_a_file_as_a_separate_argument(
    ask: Ask, deployment: Deployment, tokenless: tuple[str, ...], installed: tuple[Path, ...], tmp_path: Path
) -> None:
    """`--token @FILE` in two arguments, as people write it, reads the file too."""
    path = tmp_path / "token.txt"
    path.write_text(f"{deployment.token}\n\n", "utf-8")
    outcome = ask(*NODES, "--token", f"@{path}", *tokenless, path=installed)
    assert outcome.checks == {"AUTH-05": "passed", "AUTH-06": "passed"}, outcome.stdout + outcome.stderr


def test_no_token_is_a_missing_input(without: Outcome) -> None:
    """Without the token the run is NO-GO, and each check that needs it names the key instead of raising."""
    assert (without.status, without.lines[-1]) == (1, "NO-GO"), without.stdout
    assert "error" not in without.checks.values()
    (environment,) = without.evidence["environments"]
    lacking = {check["id"]: check for check in environment["checks"] if check["outcome"] == "missing-input"}
    assert {"AUTH-05", "AUTH-06", "RDY-02", "WH-02"} <= set(lacking)
    for check in lacking.values():
        observed = [case["observed"] for case in check["cases"] if case["outcome"] == "missing-input"]
        assert observed
        assert all("DASHBOARD_AUTH_TOKEN" in line for line in observed)


def test_checks_that_need_no_token_still_run(without: Outcome) -> None:
    """Without the token, checks that need none still run and pass."""
    assert {check: without.checks[check] for check in ("AUTH-01", "AUTH-09", "RDY-01", "CORS-01")} == {
        "AUTH-01": "passed",
        "AUTH-09": "passed",
        "RDY-01": "passed",
        "CORS-01": "passed",
    }


def test_missing_inputs_are_counted_apart(without: Outcome) -> None:
    """The terminal counts missing inputs separately from failures."""
    assert any("lacked an input" in line for line in without.verdict_lines())
    assert "Traceback" not in without.stdout
