"""`--sign`: a run leaves a signed statement beside its evidence, and shows nothing of the key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_caio.commands.cli import main
from tests.support.evidence_sets import Keys
from tests.support.suite_runs import Ask, Deployment, Outcome

CHECK = "acceptance/test_auth.py::test_status_opens_with_the_token"
Verify = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys of these runs."""
    return Keys.made(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def verify(keys: Keys, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Verify the statement of a run; return the exit status and what is printed."""

    def run(outcome: Outcome, *options: str) -> tuple[int, str]:
        (statement,) = outcome.folder.glob("*.intoto.json")
        (line,) = [line for line in outcome.lines if line.startswith(f"evidence: {outcome.folder}")]
        assert line.endswith(", .intoto.json)")
        status = main(["verify", str(statement), "--key", str(keys.public), *options])
        return status, capsys.readouterr().out

    return run


def test_a_no_go_is_signed(ask: Ask, deployment: Deployment, keys: Keys, verify: Verify) -> None:
    """A NO-GO leaves a statement that is whole and says NO-GO; nothing shows the key, given by value too."""
    seed = keys.private.read_text("utf-8").splitlines()[1][22:]
    outcome = ask(CHECK, f"--token={seed}", f"--sign={keys.private}", to=deployment)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert not re.search(re.escape(seed[:8]), outcome.shown)
    status, line = verify(outcome, "--env", deployment.environment)
    assert (status, "refused: the verdict is NO-GO for production" in line) == (1, True)


def test_an_incomplete_run_is_not_signed(ask: Ask, deployment: Deployment, keys: Keys) -> None:
    """An INCOMPLETE run leaves no statement."""
    outcome = ask(CHECK, "--sign", str(keys.private), to=deployment)
    assert (outcome.status, outcome.lines[-1]) == (0, "INCOMPLETE"), outcome.stdout
    assert list(outcome.folder.glob("*.intoto.json")) == []


@pytest.mark.nightly
def test_a_go_is_signed(ask: Ask, deployment: Deployment, keys: Keys, verify: Verify) -> None:
    """A GO of the whole suite is vouched for, with its commit."""
    outcome = ask("acceptance", "--sign", str(keys.private), to=deployment)
    assert outcome.status == 0, outcome.stdout
    status, line = verify(outcome, "--env", deployment.environment, "--commit", "c0ffee5", "--max-age", "1h")
    assert (status, line.startswith("GO: production at ")) == (0, True), line


def test_a_key_that_cannot_be_used(ask: Ask, deployment: Deployment, keys: Keys, tmp_path: Path) -> None:
    """A key that cannot be used ends the run before anything is sent, in one line."""
    sent = len(deployment.log())
    for value, said in (
        ("", "--sign: is empty"),
        (str(tmp_path / "no.key"), "No such file"),
        (str(keys.public), "is no Ed25519 private key"),
    ):
        outcome = ask(CHECK, f"--sign={value}", to=deployment)
        assert (outcome.status, said in outcome.stderr) == (4, True), outcome.stderr
    assert len(deployment.log()) == sent
