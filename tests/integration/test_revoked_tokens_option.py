"""The option --revoked-tokens names a file of tokens that must no longer work."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_caio.contract.signing import session_cookie, signed_part
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
    lines = broken.reference.revoked_file.read_text("utf-8").split()
    tokens = [signed_part(line.removeprefix("caio_session=")) for line in lines]
    assert [token for token in tokens if token in outcome.shown] == []


def test_a_session_from_before_the_rotation(
    ask: Ask, serve: Callable[..., Deployment], tmp_path: Path
) -> None:
    """An old session is sent as a cookie; where it still opens the dashboard, that is NO-GO."""
    session = session_cookie("the secret before", int(time.time()) - 86_400)
    path = tmp_path / "revoked.txt"
    path.write_text(f"caio_session={session}\nrevoked-token-of-may\n", "utf-8")
    outcome = ask(NODE, f"--revoked-tokens=@{path}", to=serve())
    assert outcome.checks == {"AUTH-12": "passed"}, outcome.stdout
    assert outcome.cases == {("AUTH-12", "revoked token 1"), ("AUTH-12", "revoked session 1")}
    sent = [value for one in outcome.sent for value in one.values("Cookie")]
    assert sent == [f"caio_session={session}"]
    assert signed_part(session) not in outcome.shown
    broken = serve(faults=["revoked-session"])
    outcome = ask(NODE, f"--revoked-tokens=@{broken.reference.revoked_file}", to=broken)
    assert outcome.checks == {"AUTH-12": "failed"}
    assert "revoked session 1" in outcome.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# none yet\n\n", "holds no token"),
        ("good-token-1\nDASHBOARD_AUTH_TOKEN=old-token\n", "line 2: it is a name and its value"),
        ('"old-token"\n', 'line 1: there is a quote (") in it'),
        ("\n\nold-token # until March\n", "line 3: there is a blank in it"),
    ],
)
def test_a_file_that_cannot_be_used(
    ask: Ask, deployment: Deployment, tmp_path: Path, text: str, words: str
) -> None:
    """A file without a token, or with a line that cannot be one, is refused before anything is sent."""
    path = tmp_path / "revoked.txt"
    path.write_text(text, "utf-8")
    outcome = ask(NODE, f"--revoked-tokens=@{path}", to=deployment)
    assert (outcome.status, outcome.sent) == (4, ())
    assert "--revoked-tokens" in outcome.shown
    assert words in outcome.shown
    assert "old-token" not in outcome.shown


def test_without_the_option(ask: Ask, deployment: Deployment) -> None:
    """Without revoked tokens the check does not run, says so, and sends no request."""
    outcome = ask(NODE, to=deployment)
    assert outcome.sent == ()
    (check,) = outcome.evidence["environments"][0]["checks"]
    assert check["outcome"] == "not-run"
    assert "--revoked-tokens" in check["cases"][0]["observed"]
