"""Assertions for every run against a bad deployment: NO-GO, a plain reason, and complete evidence."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.support.evidence_shape import SHAPE, misshapen
from tests.support.suite_runs import Outcome

__all__ = ["GATES", "MANY", "must_be_no_go", "must_be_whole"]

# Two gates that read every kind of response: readiness parses reports, CORS reads headers.
GATES = ("acceptance/test_readiness.py", "acceptance/test_cors.py")
# With the webhooks they send some 270 requests, four times as many as may be under way at once.
MANY = (*GATES, "acceptance/test_webhooks.py")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags = 0

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's signature
        self.tags += 1


def must_be_whole(outcome: Outcome, verdict: str) -> None:
    """Assert that terminal, JSON and HTML exist, have the same verdict, and are small."""
    assert outcome.lines[-1] == verdict, outcome.stdout
    assert outcome.status == (1 if verdict == "NO-GO" else 0)
    evidence = outcome.evidence
    assert misshapen(evidence, SHAPE) == []
    (environment,) = evidence["environments"]
    assert (evidence["verdict"], environment["verdict"]) == (verdict, verdict)
    assert environment["checks"]
    page = _Page()
    page.feed(outcome.html)
    page.close()
    assert page.tags > 20
    assert f">{verdict}<" in outcome.html
    assert outcome.html_path.stat().st_size < 5_000_000
    assert outcome.evidence_path.stat().st_size < 5_000_000
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "INTERNALERROR" not in outcome.stdout
    assert "the check itself broke" not in outcome.shown
    assert outcome.stderr == ""


def must_be_no_go(outcome: Outcome, words: str) -> None:
    """Assert that the run is NO-GO with `words` in its reason, and left complete evidence."""
    must_be_whole(outcome, "NO-GO")
    assert words in outcome.stdout
    assert words in outcome.evidence_path.read_text("utf-8")
