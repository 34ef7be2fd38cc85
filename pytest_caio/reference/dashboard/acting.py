"""Protected paths that change state: the email queue, batches, leads and the operator's switches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException, Request

from pytest_caio.reference.dashboard.seed import reviewed_card, seed_pending
from pytest_caio.reference.dashboard.state import State

__all__ = ["add_actions"]

_NOTED = {
    "/api/actions/record": "action",
    "/api/email/record": "email",
    "/api/errors/frontend": "error",
    "/api/clay-callback": "clay",
    "/api/queue-watcher/trigger": "queue-watcher",
    "/api/scorecard/refresh": "scorecard",
}
_MOTIONS = ("outbound", "revival", "cadence", "all")


async def _json_object(request: Request) -> dict[str, Any]:
    if not await request.body():
        return {}
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(400, "Body is not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(422, "Body is not a JSON object")
    return body


def add_actions(app: FastAPI, state: State) -> None:
    """Add every path that changes state to the app. No handler contacts an outside service."""
    _add_operator(app, state)
    _add_queue(app, state)
    _add_leads(app, state)

    def note(kind: str) -> Any:
        async def record(request: Request) -> dict[str, str]:
            await state.note(kind, await _json_object(request))
            return {"status": "recorded"}

        return record

    for path, kind in _NOTED.items():
        app.add_api_route(path, note(kind), methods=["POST"])


def _add_operator(app: FastAPI, state: State) -> None:
    @app.post("/api/operator/trigger")
    async def trigger(request: Request) -> dict[str, Any]:
        body = await _json_object(request)
        motion, dry_run = body.get("motion", "outbound"), body.get("dry_run", False)
        if motion not in _MOTIONS or not isinstance(dry_run, bool):
            raise HTTPException(422, f"motion is one of {', '.join(_MOTIONS)}; dry_run is true or false")
        if not await state.lock(motion):
            raise HTTPException(409, "This motion is running already")
        started = datetime.now(UTC).isoformat()
        try:
            total = await (_forecast(state) if dry_run else _dispatch(state))
            operator = await state.operator()
            await state.save_operator({**operator, "runs": operator["runs"] + 1, "last_run": started})
        finally:
            await state.unlock(motion)
        await state.note(f"operator:{motion}", {"dry_run": dry_run, "dispatched": total})
        channel = {"dry_run": dry_run, "total_dispatched": 0, "errors": []}
        outbound = motion in ("outbound", "all")  # the other motions have neither part
        return {
            "dry_run": dry_run,
            "motion": motion,
            "started_at": started,
            "errors": [],
            "instantly_report": {**channel, "total_dispatched": total} if outbound else None,
            "heyreach_report": channel if outbound else None,
            "revival_dispatched": 0,
            "cadence_dispatched": 0,
        }

    async def review(batch_id: str, status: str) -> dict[str, Any]:
        batch = next((b for b in await state.batches() if b["batch_id"] == batch_id), None)
        if batch is None:
            raise HTTPException(404, "No such batch")
        await state.save_batch({**batch, "status": status})
        return {"batch_id": batch_id, "status": status}

    @app.post("/api/operator/approve-batch/{batch_id}")
    async def approve(batch_id: str) -> dict[str, Any]:
        return await review(batch_id, "approved")

    @app.post("/api/operator/reject-batch/{batch_id}")
    async def reject(batch_id: str) -> dict[str, Any]:
        return await review(batch_id, "rejected")

    @app.post("/api/instantly/emergency-stop")
    async def emergency_stop() -> dict[str, Any]:
        await state.save_operator({**await state.operator(), "emergency_stop": True})
        return {"emergency_stop": True}

    @app.post("/api/instantly/campaigns/{campaign_id}/activate")
    async def activate(campaign_id: str) -> dict[str, Any]:
        await state.note("campaign:activated", {"id": campaign_id})
        return {"id": campaign_id, "active": True}


async def _forecast(state: State) -> int:
    """Return how many emails would go out if every batch were approved; a dry run sends none."""
    return sum(len(b["emails"]) for b in await state.batches() if b["status"] in ("pending", "approved"))


async def _dispatch(state: State) -> int:
    """Count the emails of approved batches as sent today, unless the emergency stop is on."""
    operator = await state.operator()
    if operator.get("emergency_stop"):
        raise HTTPException(409, "The emergency stop is on")
    approved = [batch for batch in await state.batches() if batch["status"] == "approved"]
    dispatched = sum(len(batch["emails"]) for batch in approved)
    for batch in approved:
        await state.save_batch({**batch, "status": "dispatched"})
    await state.save_operator({**operator, "outbound_email": operator["outbound_email"] + dispatched})
    return dispatched


def _add_queue(app: FastAPI, state: State) -> None:
    async def review(email_id: str, status: str) -> dict[str, Any]:
        card = await state.pending_card(email_id)
        if card is None:
            raise HTTPException(404, "No such pending email")
        if status != "rejected" and (card["synthetic"] or not (card["contact_id"] or card["to"])):
            raise HTTPException(409, "This card cannot be sent")
        reviewed = reviewed_card(card, status)
        await state.save_card(reviewed)
        return reviewed

    @app.post("/api/emails/{email_id}/approve")
    async def approve(email_id: str) -> dict[str, Any]:
        return await review(email_id, "sent_proved")

    @app.post("/api/emails/{email_id}/reject")
    async def reject(email_id: str) -> dict[str, Any]:
        return await review(email_id, "rejected")

    @app.post("/api/admin/seed_queue")
    async def seed_queue() -> dict[str, Any]:
        return {"seeded": await seed_pending(state)}

    @app.post("/api/admin/regenerate_queue")
    async def regenerate_queue() -> dict[str, Any]:
        return {"cleared": await state.clear_pending(), "seeded": await seed_pending(state)}

    @app.delete("/api/admin/clear-queue")
    async def clear_queue() -> dict[str, Any]:
        return {"cleared": await state.clear_pending()}


def _add_leads(app: FastAPI, state: State) -> None:
    @app.post("/api/leads/bootstrap")
    async def bootstrap() -> dict[str, Any]:
        return {"leads": len(await state.leads())}

    @app.post("/api/leads/detect-decay")
    async def detect_decay() -> dict[str, Any]:
        stalled = [lead["email"] for lead in await state.leads() if lead.get("status") == "stalled"]
        return {"decayed": stalled}

    @app.post("/api/cadence/sync")
    async def sync() -> dict[str, Any]:
        return {"synced": len(await state.leads())}

    @app.post("/api/call-prep/{lead_id}")
    async def call_prep(lead_id: str) -> dict[str, Any]:
        lead = next((one for one in await state.leads() if lead_id in one["email"]), None)
        if lead is None:
            raise HTTPException(404, "No such lead")
        return {"lead": lead, "brief": f"{lead.get('name')} of {lead.get('company')}, {lead.get('tier')}"}
