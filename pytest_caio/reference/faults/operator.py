"""Faults of supervised operation: dry runs, the ramp, clean days, and pages."""

from __future__ import annotations

from typing import Any

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, edit_json, rewrite, say

__all__ = ["OPERATOR"]

_TRIGGER = "/api/operator/trigger"
_STATUS = "/api/operator/status"
_BOOKMARK = "/ChiefAIOfficer"
_BROKEN = b'{"detail": "Internal Server Error"}'
_HTML = {"content-type": "text/html; charset=utf-8"}
_DEAD_PAGE = b"<!doctype html><title>Sales</title><h1>Sales</h1>"
_LOGIN_PAGE = b'<!doctype html><form action="/login" method="post"></form>'


def _count(counter: str, motion: bytes = b"") -> Apply:
    """Raise a counter of what went out with each dry run, or each of one motion."""

    def change(deployment: Deployment) -> None:
        runs: list[int] = []

        def ran(_: Incoming, reply: Reply) -> None:
            if motion in reply.body:
                runs.append(1)

        def edit(body: dict[str, Any]) -> None:
            body["today"][counter] += len(runs)

        rewrite(_TRIGGER, ran, was=200)(deployment)
        edit_json(_STATUS, edit)(deployment)

    return change


def _channel(name: str, **fields: object) -> Apply:
    """Set fields of a channel's part of the trigger's report."""
    return say(_TRIGGER, name, **fields)


# fmt: off
OPERATOR = Faults([
    fault("dry-run-live", "A dry run says it was a live one.", "OPS-01",
          say(_TRIGGER, dry_run=False), place="deploy logs"),
    fault("dry-run-errors", "A dry run ends with errors.", "OPS-01",
          edit_json(_TRIGGER, lambda body: body["errors"].append("instantly: campaign not found")),
          place="deploy logs"),
    fault("dry-run-channel-errors", "A part of a dry run ends with errors.", "OPS-01",
          _channel("heyreach_report", errors=["no LinkedIn account"]), place="deploy logs"),
    fault("dry-run-half-live", "A dry run is a live one on LinkedIn.", "OPS-01",
          _channel("heyreach_report", dry_run=False), place="deploy logs"),
    fault("dry-run-mails", "A dry run is a live one by email.", "OPS-01",
          _channel("instantly_report", dry_run=False), place="deploy logs"),
    fault("motion-confused", "The operator runs another motion than it was asked for.", "OPS-01",
          say(_TRIGGER, motion="outbound"), place="deploy logs"),
    fault("trigger-broken", "The operator cannot be triggered (500).", "OPS-01 OPS-02",
          answer(_TRIGGER, was=200, status=500, body=_BROKEN), place="deploy logs"),
    fault("dry-run-counted", "A dry run counts as real sends of the day.", "OPS-02",
          _count("outbound_email"), place="deploy logs"),
    fault("dry-run-revives", "A dry run of all motions writes to leads who had gone quiet.", "OPS-02",
          _count("revival", b'"all"'), place="deploy logs"),
    fault("dry-run-connects", "A dry run asks people on LinkedIn.", "OPS-02",
          _count("outbound_linkedin"), place="deploy logs"),
    fault("dry-run-follows-up", "A dry run sends the next steps of the cadence.", "OPS-02",
          _count("cadence", b'"all"'), place="deploy logs"),
    fault("counters-missing", "Nothing is counted, so that nobody sees what a dry run sent.", "OPS-02",
          say(_STATUS, today={}), place="deploy logs"),
    fault("counter-missing", "What is written to quiet leads is not counted.", "OPS-02",
          edit_json(_STATUS, lambda body: body["today"].pop("revival")), place="deploy logs"),
    fault("gatekeeper-off", "Emails go out without anybody's approval.", "OPS-03",
          say(_STATUS, "gatekeeper", required=False), place="gatekeeper"),
    fault("ramp-off", "The ramp is over: all tiers are written to.", "OPS-03",
          say(_STATUS, "ramp", active=False, tier_filter=None), place="ramp"),
    fault("ramp-limit-high", "The ramp's daily limit is far too high.", "OPS-03",
          say(_STATUS, "ramp", email_limit_override=250), place="ramp"),
    fault("ramp-inactive", "The ramp is over, though its tier still stands there.", "OPS-03",
          say(_STATUS, "ramp", active=False), place="ramp"),
    fault("ramp-all-tiers", "The ramp lets every tier through.", "OPS-03",
          say(_STATUS, "ramp", tier_filter="all"), place="ramp"),
    fault("ramp-unlimited", "The ramp has no daily limit.", "OPS-03",
          say(_STATUS, "ramp", email_limit_override=None), place="ramp"),
    fault("no-clean-days", "No supervised day has been clean so far.", "OPS-09",
          say(_STATUS, "ramp", clean_days_completed=0), place="supervising"),
    fault("sales-unwired", "The sales page is dead: it does not refresh its list.", "OPS-10",
          answer("/sales", status=200, body=_DEAD_PAGE, headers={**_HTML, "location": None}),
          then="AUTH-13", place="/sales"),
    fault("sales-unwired-inside", "The sales page is dead for those who have signed in.", "OPS-10",
          answer("/sales", was=200, body=_DEAD_PAGE), place="/sales"),
    fault("sales-script-elsewhere", "The sales page has no script but one of another host.", "OPS-10",
          answer("/sales", was=200, body=b"<!doctype html><script src=https://other.example/a.js></script>"),
          place="/sales"),
    fault("sales-broken-inside", "The sales page fails (500) for those who have signed in.", "OPS-10",
          answer("/sales", was=200, status=500, body=_BROKEN), place="/sales"),
    fault("sales-asks-again", "The sales page asks those who have signed in to sign in.", "OPS-10",
          answer("/sales", was=200, body=_LOGIN_PAGE), place="/sales"),
    fault("bookmark-dead", "The old bookmark is dead (404).", "OPS-10",
          answer(_BOOKMARK, status=404, body=b'{"detail": "Not Found"}', headers={"location": None}),
          place="/ChiefAIOfficer"),
    fault("bookmark-elsewhere", "The old bookmark leads to another host.", "OPS-10",
          answer(_BOOKMARK, headers={"location": "https://other.example/sales"}), place="/ChiefAIOfficer"),
    fault("bookmark-decoyed", "The old bookmark is dead (404), on a page that looks like the login.",
          "OPS-10",
          answer(_BOOKMARK, status=404, body=_LOGIN_PAGE, headers={**_HTML, "location": None}),
          place="/ChiefAIOfficer"),
])
# fmt: on
