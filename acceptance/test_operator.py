"""Supervised operation: dry runs are dry, people approve what goes out, and what went out is proved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, Exchange, NotApplicable, Probe, cases, check, get, must, no, says
from pytest_caio.checks.credentials import SESSION, TOKEN
from pytest_caio.checks.shared import LOG_IN, OPERATOR_STATUS, PENDING_EMAILS
from pytest_caio.checks.words import word
from pytest_caio.contract.cards import CARD_COLUMNS, RAMP_TIER, Card, Poll, Queue
from pytest_caio.contract.operation import CleanDays, DryRun, EmailHistory, Gatekeeper, Ramp, Sent
from pytest_caio.contract.paths import LOGIN
from pytest_caio.environments.urls import local_redirect
from pytest_caio.gates.freshness import answered_at
from pytest_caio.gates.markup import elements
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
DRY = 'Hand to the developer, with the deploy logs from Railway: "A dry run ({case}) {wrong}."'
COUNTED = (
    "See in GHL and HeyReach whether anything went out during the run. If it did, stop the operator as the runbook says. "
    'Hand to the developer, with the deploy logs: "A dry run raises the day\'s counters of what went out."'
)
COUNTERS = 'Hand to the developer, with the deploy logs from Railway: "The operator status lacks a counter: {wrong}."'
RAMP = "In the operator's settings, {act}, then redeploy."
CARDS = (
    'Regenerate the queue on /sales. If it stays, hand to the developer, with the deploy logs: "The gatekeeper queues cards that lack '
    '{wrong}."'
)
LAWFUL = (
    "Reject {card} and its like on /sales, and approve none of them. "
    'Hand to the developer, with the deploy logs: "Cards reach the queue, and may not go out: {wrong}."'
)
PROOF = (
    "Look {email} up in GHL: if it did not go out, correct its status. "
    'Hand to the developer: "An email counts as sent without proof: {wrong}." Approve no more before.'
)
PAGE = 'Hand to the developer, with the deploy logs from Railway: "{request} must {wanted}: it is answered {status}."'
LOOK = "Open /sales, and see that its list of pending emails is refreshed by itself, within a minute."


def status(when: str, sample: int) -> Probe:
    """Return the probe that reads the operator status before, between or after dry runs."""
    return get(OPERATOR_STATUS.target, TOKEN, name=f"status {when}", sample=sample)


@check("OPS-01", blocking=False, writes=True, fix=DRY)
@cases({motion: dry_run(motion) for motion in MOTIONS})
def test_dry_run_is_dry(response: Exchange, case: str, show_table: Callable[..., None]) -> None:
    """A dry run is one in all its parts, and ends without errors."""
    report = response.report(DryRun)
    show_table(f"What would go out ({case})", ("part", "number"), report.forecast.items())
    must(report.dry_run, "it must say that it was a dry run", "it says that it was live", wrong="is live")
    told = f"it says {word(report.motion)}"
    must(report.motion == case, f"the motion must be {case}", told, wrong=f"ran {word(report.motion)}")
    live = [name for name, part in report.channels.items() if part.dry_run is not True]
    no("parts that were live", live, wrong=f"is live in {word(live)}")
    errors = [*report.errors, *(error for part in report.channels.values() for error in part.errors)]
    no("errors", errors, wrong="ends with errors")


@check(
    "OPS-02",
    wrong="What went out today is not the same before and after a dry run.",
    writes=True,
    fix=COUNTED,
    fixes={"shape": COUNTERS},
)
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
    seen = f"a dry run changed {first}, and the next one {second}"
    must(not (first and second), "the day's counters must stay as they are", seen)


@check(
    "OPS-03",
    wrong="The gatekeeper or the ramp does not hold back what it must.",
    fix=RAMP.replace("{act}", "require the gatekeeper, and keep the ramp active on tier_1"),
    fixes={
        "required": RAMP.replace("{act}", "require the gatekeeper"),
        "active": RAMP.replace("{act}", "make the ramp active"),
        "tier_filter": RAMP.replace("{act}", "set the tier of the ramp to tier_1"),
        "limit": RAMP.replace(
            "{act}", "set the email limit of the ramp to {limit} (daily_limit of the profile) or less"
        ),
    },
)
@OPERATOR_STATUS
def test_operation_is_supervised(response: Exchange, environment: Environment) -> None:
    """The gatekeeper is required, and the ramp lets out tier_1 alone, within the daily limit."""
    says("the gatekeeper", response.report(Gatekeeper, at="gatekeeper"), required=True)
    ramp, limit = response.report(Ramp, at="ramp"), daily_limit(environment)
    says("the ramp", ramp, active=True, tier_filter=RAMP_TIER)
    told = f"it is {ramp.email_limit_override}"
    within = 0 <= ramp.email_limit_override <= limit
    must(within, f"the email limit must be {limit} or less", told, "limit", limit=limit)


@check(
    "OPS-04",
    wrong="A poll of the pending queue does not read it anew.",
    fix='Hand to the developer, with the deploy logs from Railway: "The pending queue is a stored copy: refreshed_at stays the same."',
)
@PENDING_EMAILS
@POLL_AGAIN
def test_queue_is_fresh(responses: Mapping[str, Exchange]) -> None:
    """Each poll of the pending queue reads it anew."""
    first, second = (responses[probe.label].report(Poll).moment for probe in (PENDING_EMAILS, POLL_AGAIN))
    told = f"refreshed at {first:%H:%M:%S.%f}, and a second later at {second:%H:%M:%S.%f}"
    must(second > first, "refreshed_at must move on", told)


@check(
    "OPS-05",
    wrong="A pending card does not say where it would be sent or for which campaign, or is not counted.",
    fix=CARDS,
)
@PENDING_EMAILS
def test_cards_are_classified(response: Exchange) -> None:
    """Pending cards say where they would be sent and for which campaign, and are all counted."""
    queue = response.report(Queue)
    told = f"it counts {queue.count} and shows {len(queue.cards)}"
    must(
        queue.count == len(queue.cards),
        "the queue must show as many cards as it counts",
        told,
        wrong="the right count",
    )
    lacking = [f"{card.email_id} lacks {', '.join(card.lacks)}" for card in real_cards(queue) if card.lacks]
    no("cards that lack what sending needs", lacking, wrong=word(lacking[:1]).partition(" lacks ")[2])


@check(
    "OPS-06",
    blocking=False,
    fix="On /sales, approve or reject the cards that are too old, or regenerate the queue.",
    fixes={
        "held": "In Railway, set PENDING_QUEUE_TIER_FILTER=tier_1 (or remove it), then redeploy: cards are held, and /sales shows none."
    },
)
@PENDING_EMAILS
def test_cards_are_recent(response: Exchange, queue: QueueFindings, show_table: Callable[..., None]) -> None:
    """No pending card is older than two hours, and cards that are held are shown."""
    shown, now = response.report(Queue), answered_at(response)
    show_table(
        f"{len(shown.cards)} pending: {shown.counts}", CARD_COLUMNS, [card.row(now) for card in shown.cards]
    )
    held = [card for card in queue.pending.values() if not card.synthetic]
    told = f"{len(held)} cards are held in Redis, and none is shown"
    must(shown.real or not held, "cards that are held must be shown", told, "held")
    told = f"the queue holds {shown.held} cards, and shows none"
    must(shown.cards or not shown.held, "cards that are held must be shown", told, "held")
    cards = [card for shown_card in real_cards(shown) for card in (shown_card, queue.dated(shown_card))]
    overdue = list(dict.fromkeys(said for card in cards if (said := card.overdue(now))))
    told = f"{len(overdue)} cards, the first: {word(overdue[:1])}; {shown.counts}"
    must(not overdue, "no card may be older than two hours, or without a date", told)


@check("OPS-07", wrong="An email counts as sent without proof, in the history or in Redis.", fix=PROOF)
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
    first, _, doubts = min(unproved, default="").partition(": ")
    no("emails that count as sent without proof", sorted(unproved), email=first, wrong=doubts)


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
    must(proved, "one send must be proved", "none is, neither by the deployment nor by a record")


@check(
    "OPS-09",
    blocking=False,
    fix="Go on supervising on /sales: a day without an incident is a clean one; count again tomorrow.",
)
@OPERATOR_STATUS
def test_days_were_clean(response: Exchange, show_table: Callable[..., None]) -> None:
    """As many supervised days were clean as are required."""
    days = response.report(CleanDays, at="ramp")
    completed, required = days.clean_days_completed, days.clean_days_required
    if required < 1:
        raise NotApplicable("no clean day is required")
    show_table("Clean supervised days", ("completed", "required"), [(completed, required)])
    must(completed >= required, f"{required} clean days", f"{completed} of {required} days were clean")


@check(
    "OPS-10",
    wrong="The sales page has neither the login nor its refresh wiring, or the old bookmark does not lead there.",
    fix=PAGE,
    fixes=dict.fromkeys((404, 405, 500, "5xx", "3xx"), PAGE),
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
        if not leads_to(response, *homes):
            told = f"sent to {response.header('location') or 'nowhere'}"
            raise response.mismatch(
                f"must lead to {' or '.join(homes)} on this host", told, wanted=f"lead to {homes[-1]}"
            )
        return
    response.must_answer(200, to="be shown", wanted="be shown, or lead to the login")
    page = response.text
    login = re.search(r"<form\b[^<>]*\baction\s*=\s*[\"']?/login\b", page, re.IGNORECASE)
    wired = "<script" in page.lower() and PENDING_EMAILS.target in page
    file = script_file(response)
    if file and not (login or wired):
        raise Advice(f"the script of the page is in a file, {file}, which was not read", LOOK)
    if not (wired or (login and not before)):
        wanted = "be the login, or have the script that asks for /api/pending-emails"
        raise response.mismatch(f"the page must {wanted}", "it is neither", wanted=wanted)


@check(
    "OPS-11",
    wrong="A pending card lacks a part that the law asks for, has unrendered text, or is not of the ramp's tier.",
    fix=LAWFUL,
)
@PENDING_EMAILS
def test_cards_may_go_out(response: Exchange, queue: QueueFindings) -> None:
    """Every pending card has the parts that the law asks for, no unrendered text, and the ramp's tier."""
    unlawful = []
    for card in real_cards(response.report(Queue)):
        # The list may leave out a text that is in Redis, and goes out.
        found = [*card.unlawful, *(f"{name} is not rendered" for name in queue.unrendered(card))]
        unlawful += [f"{card.email_id}: {', '.join(found)}"] if found else []
    first, _, wrong = word(unlawful[:1]).partition(": ")
    no("cards that may not go out", unlawful, card=first, wrong=wrong)


def real_cards(queue: Queue) -> list[Card]:
    """Return the cards about people. Raises NotApplicable if there is none: nothing can be said of the queue."""
    if not queue.real:
        raise NotApplicable("no card waits but for training" if queue.cards else "no card waits")
    return queue.real


def script_file(response: Exchange) -> str:
    """Return the path of the first script of a page that is a file of this host; empty if there is none.

    All that is asked is known before the first answer, so that no check reads the file.
    """
    asked = response.request.origin + response.request.target
    sources = (attributes.get("src", "") for name, attributes in elements(response.text) if name == "script")
    files = (local_redirect(asked, source) for source in sources if source)
    return next((file.path for file in files if file), "")


def leads_to(response: Exchange, *paths: str) -> bool:
    """Say whether a redirect stays on this deployment and goes to one of `paths`."""
    target = response.local_redirect
    return target is not None and target.path in paths
