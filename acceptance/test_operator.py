"""Supervised operation: dry runs are dry, people approve what goes out, and what went out is proved."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pytest_caio import Environment, Exchange, NotApplicable, cases, check, get
from pytest_caio.checks.shared import OPERATOR_STATUS, PENDING_EMAILS
from pytest_caio.contract.cards import CARD_COLUMNS, Poll, Queue
from pytest_caio.contract.operation import CleanDays, Counters, DryRun, EmailHistory, Gatekeeper, Ramp
from pytest_caio.contract.paths import LOGIN
from pytest_caio.gates.operator import (
    EMAIL_HISTORY,
    POLL_AGAIN,
    answered_at,
    daily_limit,
    dry_run,
    recorded_sends,
)

DRY = "Stop the operator (POST /api/instantly/emergency-stop), read the trigger's report in the deploy logs, mend it, then redeploy."
RAMP = (
    "In the operator's settings, require the gatekeeper, keep the ramp active on tier_1, and set its email limit to "
    "daily_limit of the profile or less, then redeploy."
)
CARDS = "Regenerate the queue on /sales, and see in the deploy logs why the gatekeeper queues cards without these fields."
PROOF = "Look the email up in GHL; if it did not go out, correct its status; mend the proof of sends before any more are approved."


@check("OPS-01", by="developer", blocking=False, writes=True, fix=DRY)
@cases({motion: dry_run(motion) for motion in ("outbound", "all")})
def test_dry_run_is_dry(response: Exchange, case: str) -> None:
    """A dry run says that it was one and dispatches nothing, without errors."""
    report = response.report(DryRun)
    assert report.dry_run is True
    assert report.instantly_report.dry_run is True
    assert report.heyreach_report.dry_run is True
    assert report.motion == case
    dispatched = {part: n for part, n in report.dispatched.items() if n}
    assert not dispatched, f"it dispatched: {dispatched}"
    errors = [*report.errors, *report.instantly_report.errors, *report.heyreach_report.errors]
    assert not errors, f"it ended with errors: {errors}"


@check("OPS-02", by="developer", blocking=False, writes=True, fix=DRY)
@get(OPERATOR_STATUS.target, OPERATOR_STATUS.credential, name="status before", sample=1)
@dry_run("outbound", sample=1)
@get(OPERATOR_STATUS.target, OPERATOR_STATUS.credential, name="status after", sample=2)
def test_dry_run_is_not_counted(responses: Mapping[str, Exchange]) -> None:
    """The day's counters are the same before and after a dry run."""
    before, after = (responses[label].report(Counters).today for label in ("status before", "status after"))
    responses["dry run of outbound"].report(DryRun)
    assert before, "there are no counters"
    assert after == before


@check("OPS-03", fix=RAMP)
@OPERATOR_STATUS
def test_operation_is_supervised(response: Exchange, environment: Environment) -> None:
    """The gatekeeper is required, and the ramp is active on tier_1 within the daily limit."""
    assert response.report(Gatekeeper, at="gatekeeper").required is True
    ramp = response.report(Ramp, at="ramp")
    assert ramp.active is True
    assert ramp.tier_filter == "tier_1"
    assert 0 <= ramp.email_limit_override <= daily_limit(environment)


@check(
    "OPS-04",
    by="developer",
    fix="The pending queue is a stored copy: see in the deploy logs why it is not read anew, then redeploy.",
)
@PENDING_EMAILS
@POLL_AGAIN
def test_queue_is_fresh(responses: Mapping[str, Exchange]) -> None:
    """Each poll of the pending queue reads it anew."""
    first, second = (responses[probe.label].report(Poll).moment for probe in (PENDING_EMAILS, POLL_AGAIN))
    assert second > first, f"refreshed at {first:%H:%M:%S.%f}, and a second later at {second:%H:%M:%S.%f}"


@check("OPS-05", by="developer", fix=CARDS)
@PENDING_EMAILS
def test_cards_are_classified(response: Exchange) -> None:
    """Pending cards carry the classifier and the campaign reference, and are all counted."""
    queue = response.report(Queue)
    assert queue.count == len(queue.pending_emails)
    lacking = [
        f"{card.email_id} lacks {', '.join(card.lacks)}" for card in queue.pending_emails if card.lacks
    ]
    assert not lacking, f"{len(lacking)} cards, the first: {lacking[0]}"


@check(
    "OPS-06",
    blocking=False,
    fix="Review the cards on /sales: approve or reject the old ones, or regenerate the queue.",
)
@PENDING_EMAILS
def test_cards_are_recent(response: Exchange, show_table: Callable[..., None]) -> None:
    """No pending card is older than two hours."""
    queue, now = response.report(Queue), answered_at(response)
    cards = queue.pending_emails
    show_table(f"{len(cards)} pending: {queue.counts}", CARD_COLUMNS, [card.row(now) for card in cards])
    overdue = [said for card in cards if (said := card.overdue(now))]
    assert not overdue, f"{len(overdue)} cards, the first: {overdue[0]}; {queue.counts}"


@check("OPS-07", by="developer", fix=PROOF)
@EMAIL_HISTORY
def test_sent_emails_are_proved(response: Exchange) -> None:
    """No email is marked sent without proof."""
    history = response.report(EmailHistory)
    if history.sent and all(email.silent for email in history.sent):
        raise NotApplicable("this deployment does not report the proof of sends")
    assert not history.unproved, f"{len(history.unproved)} emails, the first: {history.unproved[0]}"


@check(
    "OPS-08",
    blocking=False,
    fix="Approve one card on /sales under supervision, and see that its proof appears; or name a record (`sends` of the "
    "profile's operator section).",
)
@EMAIL_HISTORY
def test_a_send_is_proved(response: Exchange, environment: Environment) -> None:
    """One supervised send is proved: its lead, its time and its conversation."""
    proved = recorded_sends(environment) or response.report(EmailHistory).proved_sends
    assert proved, "no send is proved, neither by the deployment nor by a record"


@check(
    "OPS-09",
    blocking=False,
    fix="Go on supervising: a day without an incident is a clean one; count again tomorrow.",
)
@OPERATOR_STATUS
def test_days_were_clean(response: Exchange, show_table: Callable[..., None]) -> None:
    """As many supervised days were clean as are required."""
    days = response.report(CleanDays, at="ramp")
    completed, required = days.clean_days_completed, days.clean_days_required
    show_table("Clean supervised days", ("completed", "required"), [(completed, required)])
    assert completed >= required, f"{completed} of {required} days were clean"


@check(
    "OPS-10",
    by="developer",
    fix="Have /sales send people without a session to /login, or serve its script, and keep /ChiefAIOfficer a redirect there.",
)
@cases({path: get(path) for path in ("/sales", "/ChiefAIOfficer")})
def test_sales_page_is_alive(response: Exchange, case: str, environment: Environment) -> None:
    """The sales page shows the login or has its refresh wiring, and the old bookmark leads there."""
    if 300 <= response.status_code < 400:
        homes = (LOGIN,) if case == "/sales" else (LOGIN, "/sales")
        assert leads_to(response, environment, *homes), f"a redirect to {response.header('location')}"
        return
    assert response.status_code == 200
    page = response.text
    login = re.search(r"<form\b[^<>]*\baction\s*=\s*[\"']?/login\b", page, re.IGNORECASE)
    wired = "<script" in page.lower() and PENDING_EMAILS.target in page
    assert login or wired, (
        "the page is neither the login nor has the script that asks for /api/pending-emails"
    )


def leads_to(response: Exchange, environment: Environment, *paths: str) -> bool:
    """Say whether a redirect stays on this deployment and goes to one of `paths`."""
    target: Any = urlsplit(response.header("location") or "")
    here = ("", urlsplit(environment.base_url).netloc)
    # Behind a proxy that ends TLS, a deployment may redirect to itself with either scheme.
    return target.netloc in here and target.scheme in ("", "http", "https") and target.path in paths
