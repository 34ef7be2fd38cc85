"""The option --revoked-tokens names a file of tokens that must no longer work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.suite_runs import Ask, Deployment

NODE = "acceptance/test_auth.py::test_revoked_tokens"


@pytest.mark.parametrize("apart", [False, True], ids=["--revoked-tokens=@FILE", "--revoked-tokens @FILE"])
def test_one_case_a_token(
    ask: Ask, deployment: Deployment, installed: tuple[Path, ...], tmp_path: Path, apart: bool
) -> None:
    """Each token of the file is tried once in a case with its number; comments and blanks are skipped."""
    tokens = ["revoked-token-of-january", "revoked-token-of-february"]
    path = tmp_path / "revoked.txt"
    path.write_text(f"# withdrawn\n{tokens[0]}\n\n  {tokens[1]}\n", "utf-8")
    given = ("--revoked-tokens", f"@{path}") if apart else (f"--revoked-tokens=@{path}",)
    outcome = ask(NODE, *given, to=deployment, path=installed)
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert outcome.cases == {("AUTH-12", "revoked token 1"), ("AUTH-12", "revoked token 2")}
    assert outcome.checks == {"AUTH-12": "passed"}
    sent = [value for one in outcome.sent for value in one.values("X-Dashboard-Token")]
    assert sorted(sent) == sorted(tokens)
    assert [token for token in tokens if token in outcome.shown] == []


def test_a_revoked_token_that_still_works(ask: Ask, serve: Callable[..., Deployment], tmp_path: Path) -> None:
    """A revoked token that still works is NO-GO and is named by its number."""
    broken = serve(faults=["revoked-token"])
    outcome = ask(NODE, f"--revoked-tokens=@{broken.reference.revoked_file}", to=broken)
    assert (outcome.status, outcome.lines[-1]) == (1, "NO-GO"), outcome.stdout
    assert outcome.checks == {"AUTH-12": "failed"}
    assert "revoked token 1" in outcome.stdout
    tokens = broken.reference.revoked_file.read_text("utf-8").split()
    assert [token for token in tokens if token in outcome.shown] == []


def test_without_the_option(ask: Ask, deployment: Deployment) -> None:
    """Without revoked tokens the check does not run, says so, and sends no request."""
    outcome = ask(NODE, to=deployment)
    assert outcome.sent == ()
    (check,) = outcome.evidence["environments"][0]["checks"]
    assert check["outcome"] == "not-run"
    assert "--revoked-tokens" in check["cases"][0]["observed"]
