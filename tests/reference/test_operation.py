"""The dashboard's own work: leads from Redis, the queue, dry and live runs, the operator's switches."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import redis

from pytest_caio.reference.dashboard.state import lead_key
from tests.support.reference_site import Hosted, Site

STATUS = "/api/operator/status"
TRIGGER = "/api/operator/trigger"


def redis_of(site: Site) -> redis.Redis:
    """A client of the Redis that the operator's file names."""
    return redis.Redis.from_url(site.settings["REDIS_URL"], decode_responses=True)


def test_state_in_redis(site: Site) -> None:
    """Leads, operator state and the batch are under the contract's keys, as JSON, without TTL."""
    prefix = site.settings["STATE_REDIS_PREFIX"]
    with redis_of(site) as client:
        keys = {str(key) for key in client.scan_iter(f"{prefix}:*")}
        today = datetime.now(UTC).date().isoformat()
        leads = {lead_key(prefix, f"lead{number}@example.com") for number in (1, 2, 3)}
        assert keys >= {f"{prefix}:operator:state:{today}", *leads}
        assert sum(key.startswith(f"{prefix}:operator:batch:") for key in keys) == 1
        for key in keys:
            assert isinstance(json.loads(str(client.get(key))), dict)
            assert client.ttl(key) == -1


def test_leads_are_read_anew(hosted: Hosted) -> None:
    """A lead written to Redis shows at once; one under another prefix or without an email does not."""
    with hosted() as site, redis_of(site) as client:
        prefix = site.settings["STATE_REDIS_PREFIX"]
        client.set(lead_key(prefix, " New@Example.com "), json.dumps({"email": "new@example.com"}))
        client.set(lead_key("other", "other@example.com"), json.dumps({"email": "other@example.com"}))
        client.set(f"{prefix}:cadence:lead:nameless", json.dumps({"name": "Nobody"}))
        seen = {lead["email"] for lead in site.inside("/api/cadence/leads").json()}
        assert seen == {"new@example.com", *(f"lead{number}@example.com" for number in (1, 2, 3))}
        assert lead_key(prefix, "new@example.com") == lead_key(prefix, " New@Example.com ")


def test_operator_status(site: Site) -> None:
    """The operator status has the contract's parts, with the gatekeeper required and the ramp on."""
    status = site.inside(STATUS).json()
    assert status["gatekeeper"]["required"] is True
    assert status["ramp"]["active"] is True
    assert status["ramp"]["tier_filter"] == "tier_1"
    assert {"outbound_email", "outbound_linkedin", "revival", "cadence"} <= set(status["today"])
    assert status["emergency_stop"] is False


def test_dry_run(hosted: Hosted) -> None:
    """A dry run reports one and what would go out, counts itself alone, and gives its lock back."""
    with hosted() as site, redis_of(site) as client:
        before = site.inside(STATUS).json()["today"]
        for motion in ("outbound", "all", "outbound"):
            report = site.inside(TRIGGER, "POST", json={"dry_run": True, "motion": motion}).json()
            assert report["dry_run"] is True
            assert report["motion"] == motion
            assert report["errors"] == []
            for channel, total in (("instantly_report", 2), ("heyreach_report", 0)):
                assert report[channel] == {"dry_run": True, "total_dispatched": total, "errors": []}
            assert report["revival_dispatched"] == report["cadence_dispatched"] == 0
        after = site.inside(STATUS).json()["today"]
        assert after.pop("runs") == before.pop("runs") + 3
        assert after.pop("last_run") != before.pop("last_run")
        assert after == before
        partless = site.inside(TRIGGER, "POST", json={"dry_run": True, "motion": "cadence"}).json()
        assert partless["instantly_report"] is partless["heyreach_report"] is None
        assert not list(client.scan_iter("*:locks:*"))


def test_lock_keeps_a_second_run_out(hosted: Hosted) -> None:
    """While a motion's lock is held, another run of it is 409."""
    with hosted() as site, redis_of(site) as client:
        client.set(f"{site.settings['STATE_REDIS_PREFIX']}:locks:operator:outbound", "1", ex=60)
        assert site.inside(TRIGGER, "POST", json={"dry_run": True}).status_code == 409


def test_trigger_refuses_nonsense(site: Site) -> None:
    """A trigger with a body that is not right is a 4xx."""
    assert site.inside(TRIGGER, "POST", content=b"{").status_code == 400
    assert site.inside(TRIGGER, "POST", json=[1]).status_code == 422
    assert site.inside(TRIGGER, "POST", json={"motion": "everything"}).status_code == 422
    assert site.inside(TRIGGER, "POST", json={"dry_run": "yes"}).status_code == 422


def test_batch_and_live_run(hosted: Hosted) -> None:
    """An approved batch is counted by the next live run, once; an emergency stop prevents it."""
    with hosted() as site:
        batch = site.inside("/api/operator/pending-batch").json()["batch"]["batch_id"]
        assert site.inside(STATUS).json()["gatekeeper"]["pending_batch"] == batch
        before = site.inside(STATUS).json()["today"]["outbound_email"]
        assert site.inside(f"/api/operator/approve-batch/{batch}", "POST").status_code == 200
        runs = [site.inside(TRIGGER, "POST", json={"motion": "outbound"}).json() for _ in range(2)]
        assert [run["instantly_report"]["total_dispatched"] for run in runs] == [2, 0]
        assert site.inside(STATUS).json()["today"]["outbound_email"] == before + 2
        assert site.inside("/api/instantly/emergency-stop", "POST").status_code == 200
        assert site.inside(TRIGGER, "POST", json={"motion": "outbound"}).status_code == 409
        assert site.inside("/api/operator/reject-batch/none", "POST").status_code == 404


def test_pending_emails(site: Site) -> None:
    """The queue has cards of every kind, with classifier and campaign, and its time moves on."""
    polls = [site.inside("/api/pending-emails").json() for _ in range(2)]
    assert polls[0]["refreshed_at"] < polls[1]["refreshed_at"]
    assert polls[0]["count"] == len(polls[0]["pending_emails"]) == 3
    assert polls[0]["_shadow_queue_debug"]["redis_connected"] is True
    for card in polls[0]["pending_emails"]:
        assert set(card["classifier"]) == {"target_platform", "queue_origin", "sync_state"}
        assert card["campaign_ref"]["internal_id"]


def test_review_of_emails(hosted: Hosted) -> None:
    """An approved card is sent, its proof in Redis alone; a rejected one is told of, a training one stays."""
    with hosted() as site, redis_of(site) as client:
        sent = site.inside("/api/emails/email-001/approve", "POST").json()
        assert sent["status"] == "sent_proved"
        assert sent["proof_evidence_id"]
        assert site.inside("/api/emails/email-002/reject", "POST").json()["status"] == "rejected"
        assert site.inside("/api/emails/email-003/approve", "POST").status_code == 409
        assert site.inside("/api/emails/email-001/approve", "POST").status_code == 404
        left = site.inside("/api/pending-emails").json()["pending_emails"]
        assert [card["email_id"] for card in left] == ["email-003"]
        history = {email["email_id"]: email for email in site.inside("/api/emails/history").json()["emails"]}
        assert "email-001" not in history
        assert "proof_status" not in history["email-002"]
        queue = site.settings["CONTEXT_REDIS_PREFIX"]
        assert json.loads(str(client.get(f"{queue}:shadow:email:email-001")))["proof_status"] == "proved"
        assert client.zrange(f"{queue}:shadow:pending_ids", 0, -1) == ["email-003"]
        assert 0 < client.ttl(f"{queue}:shadow:email:email-003") <= 7 * 24 * 3600


def test_queue_administration(hosted: Hosted) -> None:
    """The queue is cleared, filled and made anew."""
    with hosted() as site:
        assert site.inside("/api/admin/clear-queue", "DELETE").json() == {"cleared": 3}
        assert site.inside("/api/pending-emails").json()["count"] == 0
        assert site.inside("/api/admin/seed_queue", "POST").json() == {"seeded": 3}
        assert site.inside("/api/admin/regenerate_queue", "POST").json() == {"cleared": 3, "seeded": 3}


def test_other_actions(hosted: Hosted) -> None:
    """What is recorded shows where it is read, and leads and campaigns are found by name."""
    with hosted() as site:
        assert site.inside("/api/actions/record", "POST", json={"what": "call"}).status_code == 200
        assert site.inside("/api/actions").json()["actions"][0]["what"] == {"what": "call"}
        assert site.inside("/api/errors/frontend", "POST", json={"message": "x"}).status_code == 200
        assert len(site.inside("/api/alerts").json()["alerts"]) == 1
        assert site.inside("/api/cadence/sync", "POST").json() == {"synced": 3}
        assert site.inside("/api/leads/bootstrap", "POST").json() == {"leads": 3}
        assert site.inside("/api/leads/detect-decay", "POST").json() == {"decayed": []}
        assert "Account 2" in site.inside("/api/call-prep/lead2@", "POST").json()["brief"]
        assert site.inside("/api/call-prep/nobody", "POST").status_code == 404
        assert site.inside("/api/instantly/campaigns/campaign-001/activate", "POST").status_code == 200
        assert site.inside("/api/instantly/campaigns").json()["campaigns"][0]["active"] is True
