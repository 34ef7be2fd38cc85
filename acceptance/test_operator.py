"""Supervised operation: dry runs are dry, people approve what goes out, and what went out is proved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_caio import Environment, Exchange, NotApplicable, Probe, cases, check, get
from pytest_caio.checks.credentials import SESSION, TOKEN
from pytest_caio.checks.shared import LOG_IN, OPERATOR_STATUS, PENDING_EMAILS
from pytest_caio.contract.cards import CARD_COLUMNS, RAMP_TIER, Card, Poll, Queue
from pytest_caio.contract.operation import CleanDays, DryRun, EmailHistory, Gatekeeper, Ramp, Sent
from pytest_caio.contract.paths import LOGIN
from pytest_caio.gates.freshness import answered_at
from pytest_caio.gates.operator import (
    EMAIL_HISTORY,
    POLL_AGAIN,
    daily_limit,
    dry_run,
    recorded_sends,
)

if TYPE_CHECKING:
    from pytest_caio.gates.queue import QueueFindings

MOTIONS = ("outbound", "all")
DRY = "Have what the dry run's report says (errors, or a part that was no dry run) looked up in the deploy logs and corrected, then redeploy."
COUNTED = (
    "See in GHL and HeyReach whether anything went out during the run. If it did, stop the operator as the runbook says. "
    'Hand to the developer, with the deploy logs: "A dry run raises the day\'s counters of what went out."'
)
RAMP = (
    "In the operator's settings, require the gatekeeper, keep the ramp active on tier_1, and set its email limit to "
    "daily_limit of the profile or less, then redeploy."
)
CARDS = "Regenerate the queue on /sales, and see in the deploy logs why the gatekeeper queues cards without these fields."
LAWFUL = (
    'Reject the cards named on /sales, and approve none of them. Hand to the developer, with the deploy logs: "Cards reach '
    'the queue without the parts that the law or the ramp asks for, or with {{...}} in their text."'
)
PROOF = "Look the email up in GHL; if it did not go out, correct its status; have the proof of sends corrected before any more are approved."


def status(when: str, sample: int) -> Probe:
    """Return the probe that reads the operator status before, between or after dry runs."""
    return get(OPERATOR_STATUS.target, TOKEN, name=f"status {when}", sample=sample)


@check("OPS-01", by="developer", blocking=False, writes=True, fix=DRY)
@cases({motion: dry_run(motion) for motion in MOTIONS})
def test_dry_run_is_dry(response: Exchange, case: str, show_table: Callable[..., None]) -> None:
    """A dry run says that it was one, and ends without errors."""
    report = response.report(DryRun)
    show_table(f"What would go out ({case})", ("part", "number"), report.forecast.items())
    assert report.dry_run is True
    assert report.motion == case
    live = [name for name, part in report.channels.items() if part.dry_run is not True]
    assert not live, f"a part of it was no dry run: {', '.join(live)}"
    errors = [*report.errors, *(error for part in report.channels.values() for error in part.errors)]
    assert not errors, f"it ended with errors: {', '.join(map(str, errors))}"


@check("OPS-02", by="developer", writes=True, fix=COUNTED)
@cases(
    {
        motion: (
            status("before", 3 * number + 1),
            dry_run(motion, name="first run", sample=1),
            status("between", 3 * number + 2),
            dry_run(motion, name="second run", sample=2),
            status("after", 3 * number + 3),
        )
        for number, motion in enumerate(MOTIONS)
    }
)
def test_dry_run_sends_nothing(responses: Mapping[str, Exchange]) -> None:
    """What went out today is the same before and after a dry run."""
    before, between, after = (
        responses[f"status {when}"].report(Sent, at="today") for when in ("before", "between", "after")
    )
    for run in ("first run", "second run"):
        responses[run].report(DryRun)
    # A supervised send may have come between once, and not each time.
    first, second = before.until(between), between.until(after)
    assert not (first and second), f"a dry run changed {first}, and the next one {second}"


@check("OPS-03", fix=RAMP)
@OPERATOR_STATUS
def test_operation_is_supervised(response: Exchange, environment: Environment) -> None:
    """The gatekeeper is required, and the ramp is active on tier_1 within the daily limit."""
    assert response.report(Gatekeeper, at="gatekeeper").required is True
    ramp = response.report(Ramp, at="ramp")
    assert ramp.active is True
    assert ramp.tier_filter == RAMP_TIER
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
    assert queue.count == len(queue.cards)
    lacking = [f"{card.email_id} lacks {', '.join(card.lacks)}" for card in real_cards(queue) if card.lacks]
    assert not lacking, f"{len(lacking)} cards, the first: {lacking[0]}"


@check(
    "OPS-06",
    blocking=False,
    fix="Review the cards on /sales: approve or reject the old ones, or regenerate the queue. Where cards are held and none "
    "is shown, see that PENDING_QUEUE_TIER_FILTER names the ramp's tier.",
)
@PENDING_EMAILS
def test_cards_are_recent(response: Exchange, queue: QueueFindings, show_table: Callable[..., None]) -> None:
    """No pending card is older than two hours, and cards that are held are shown."""
    shown, now = response.report(Queue), answered_at(response)
    show_table(
        f"{len(shown.cards)} pending: {shown.counts}", CARD_COLUMNS, [card.row(now) for card in shown.cards]
    )
    held = [card for card in queue.pending.values() if not card.synthetic]
    assert shown.real or not held, f"{len(held)} cards are held in Redis, and none is shown"
    assert shown.cards or not shown.held, f"the queue holds {shown.held} cards, and shows none"
    cards = [card for shown_card in real_cards(shown) for card in (shown_card, queue.dated(shown_card))]
    overdue = list(dict.fromkeys(said for card in cards if (said := card.overdue(now))))
    assert not overdue, f"{len(overdue)} cards, the first: {overdue[0]}; {shown.counts}"


@check("OPS-07", by="developer", fix=PROOF)
@EMAIL_HISTORY
def test_sent_emails_are_proved(response: Exchange, queue: QueueFindings) -> None:
    """No email counts as sent without proof, in the history or in Redis."""
    kept = {email.email_id for email in queue.sent}
    told = [
        email for email in response.report(EmailHistory).sent if not (email.silent and email.email_id in kept)
    ]
    if not (told or kept):
        unread = f"; Redis was not read ({queue.silence})" if queue.silence else ", nor do the cards in Redis"
        raise NotApplicable(f"the history tells of no sent email with its proof{unread}")
    unproved = {f"{email.email_id}: {email.doubts}" for email in (*queue.sent, *told) if email.doubts}
    assert not unproved, f"{len(unproved)} emails, the first: {min(unproved)}"


@check(
    "OPS-08",
    blocking=False,
    fix="Approve one card on /sales under supervision, and see that its proof appears; or name a record (`sends` of the "
    "profile's operator section).",
)
@EMAIL_HISTORY
def test_a_send_is_proved(response: Exchange, environment: Environment, queue: QueueFindings) -> None:
    """One supervised send is proved: its lead, its time and its conversation."""
    emails = (*queue.sent, *response.report(EmailHistory).sent)
    proved = recorded_sends(environment) or any(email.proved for email in emails)
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
    if required < 1:
        raise NotApplicable("no clean day is required")
    show_table("Clean supervised days", ("completed", "required"), [(completed, required)])
    assert completed >= required, f"{completed} of {required} days were clean"


@check(
    "OPS-10",
    by="developer",
    fix="Have /sales send people without a session to /login, and serve its script to those who have one, and keep "
    "/ChiefAIOfficer a redirect there.",
)
@cases(
    {
        "/sales": get("/sales"),
        "/ChiefAIOfficer": get("/ChiefAIOfficer"),
        "/sales with a session": (LOG_IN, get("/sales", SESSION, name="the page", sample=1)),
    }
)
def test_sales_page_is_alive(responses: Mapping[str, Exchange], case: str) -> None:
    """The sales page shows the login or has its refresh wiring, and the old bookmark leads there."""
    *before, response = responses.values()
    if before and not before[0].opened_session:
        raise NotApplicable("the login opened no session (AUTH-14)")
    if 300 <= response.status_code < 400 and not before:
        homes = (LOGIN,) if case == "/sales" else (LOGIN, "/sales")
        assert leads_to(response, *homes), f"a redirect to {response.header('location')}"
        return
    assert response.status_code == 200
    page = response.text
    login = re.search(r"<form\b[^<>]*\baction\s*=\s*[\"']?/login\b", page, re.IGNORECASE) and not before
    wired = "<script" in page.lower() and PENDING_EMAILS.target in page
    assert login or wired, (
        "the page is neither the login nor has the script that asks for /api/pending-emails"
    )


@check("OPS-11", by="developer", fix=LAWFUL)
@PENDING_EMAILS
def test_cards_may_go_out(response: Exchange) -> None:
    """Every pending card has the parts that the law asks for, no unrendered text, and the ramp's tier."""
    unlawful = [
        f"{card.email_id}: {', '.join(card.unlawful)}"
        for card in real_cards(response.report(Queue))
        if card.unlawful
    ]
    assert not unlawful, f"{len(unlawful)} cards, the first: {unlawful[0]}"


def real_cards(queue: Queue) -> list[Card]:
    """Return the cards about people. Raises NotApplicable if there is none: nothing can be said of the queue."""
    if not queue.real:
        raise NotApplicable("no card waits but for training" if queue.cards else "no card waits")
    return queue.real


def leads_to(response: Exchange, *paths: str) -> bool:
    """Say whether a redirect stays on this deployment and goes to one of `paths`."""
    target = response.local_redirect
    return target is not None and target.path in paths
