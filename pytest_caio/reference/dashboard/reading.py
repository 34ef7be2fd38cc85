"""Protected paths that only read; each response is built from the state in Redis and the settings."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pytest_caio.contract.cards import RAMP_TIER
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.state import SENT, State, today

__all__ = ["add_readings", "operator_status"]

_Body: TypeAlias = dict[str, Any]
_Leads: TypeAlias = list[dict[str, Any]]
_Reading: TypeAlias = Callable[[Deployment, State], Awaitable[_Body | _Leads]]
_NamedReading: TypeAlias = Callable[[Deployment, State, str], Awaitable[_Body | None]]

_DAILY_LIMIT = 5
_CLEAN_DAYS = 3
_AGENTS = ("hunter", "enricher", "segmentor", "crafter", "gatekeeper", "operator")
_REJECTION_TAGS = ("wrong_person", "bad_timing", "tone", "inaccurate_claim", "duplicate")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


async def operator_status(deployment: Deployment, state: State) -> _Body:
    """Return the operator's status: its ramp, the day's counters, its limits and the gatekeeper."""
    operator = await state.operator()
    waiting = [b["batch_id"] for b in await state.batches() if b["status"] == "pending"]
    return {
        "enabled": True,
        "environment": deployment.settings["ENVIRONMENT"],
        "emergency_stop": bool(operator.get("emergency_stop")),
        "ramp": {
            "active": True,
            "tier_filter": RAMP_TIER,
            "email_limit_override": _DAILY_LIMIT,
            "clean_days_required": _CLEAN_DAYS,
            "clean_days_completed": operator.get("clean_days_completed", 0),
        },
        "today": {key: operator[key] for key in ("date", *SENT, "runs", "last_run")},
        "limits": {"outbound_email": _DAILY_LIMIT, "outbound_linkedin": 5, "revival": 5, "cadence": 10},
        "gatekeeper": {"required": True, "pending_batch": waiting[0] if waiting else None},
    }


async def _history(_: Deployment, state: State) -> _Body:
    return {"runs": await state.events("operator:"), "batches": await state.batches()}


async def _pending_batch(_: Deployment, state: State) -> _Body:
    waiting = [batch for batch in await state.batches() if batch["status"] == "pending"]
    return {"pending": bool(waiting), "batch": waiting[0] if waiting else None}


async def _revival(_: Deployment, state: State) -> _Body:
    candidates = [lead for lead in await state.leads() if lead.get("status") == "stalled"]
    return {"count": len(candidates), "candidates": candidates}


async def _pending_emails(_: Deployment, state: State) -> _Body:
    held = await state.pending()
    cards = [card for card in held if card["tier"] == RAMP_TIER]
    return {
        "count": len(cards),
        "refreshed_at": _now(),
        "pending_emails": cards,
        "_shadow_queue_debug": {
            "prefix": state.queue,
            "redis_connected": await state.ping() is not None,
            "redis_returned": len(held),
            "filesystem_merge_enabled": False,
            "merged_count": len(cards),
            "queue_tier_filter": RAMP_TIER,
            "excluded_non_actionable_count": 0,
        },
    }


async def _emails_history(_: Deployment, state: State) -> _Body:
    # As deployments do that were seen: what was sent, and its proof, stand in Redis alone.
    emails = [card for card in await state.reviewed() if card["status"] in ("approved", "rejected")]
    return {"count": len(emails), "emails": emails}


async def _queue_status(_: Deployment, state: State) -> _Body:
    return {
        "status": "healthy",
        "pending": len(await state.pending()),
        "reviewed": len(await state.reviewed()),
        "redis_connected": await state.ping() is not None,
        "checked_at": _now(),
    }


async def _queue_watcher(_: Deployment, state: State) -> _Body:
    runs = await state.events("queue-watcher")
    return {"enabled": True, "interval_seconds": 900, "last_run": runs[0]["at"] if runs else None}


async def _rejection_tags(_: Deployment, state: State) -> _Body:
    rejected = [card for card in await state.reviewed() if card["status"] == "rejected"]
    counts = Counter(email.get("tag", "untagged") for email in rejected)
    return {"tags": list(_REJECTION_TAGS), "counts": dict(counts)}


async def _traces(deployment: Deployment, state: State) -> _Body:
    return {
        "traces": await state.events(),
        "retention_days": int(deployment.settings["TRACE_RETENTION_DAYS"]),
    }


async def _metrics(_: Deployment, state: State) -> _Body:
    statuses = Counter(card["status"] for card in await state.reviewed())
    return {"timestamp": _now(), "emails": dict(statuses), "leads": len(await state.leads())}


async def _agents(_: Deployment, __: State) -> _Body:
    return {"agents": [{"name": name, "status": "idle"} for name in _AGENTS]}


async def _agent(_: Deployment, __: State, name: str) -> _Body | None:
    return {"name": name, "status": "idle"} if name in _AGENTS else None


async def _timeline(_: Deployment, state: State, name: str) -> _Body | None:
    lead = next((lead for lead in await state.leads() if lead["email"] == name), None)
    return lead and {"email": name, "events": [{"at": lead.get("started_at"), "what": "cadence started"}]}


async def _call_prep(_: Deployment, state: State, name: str) -> _Body | None:
    lead = next((lead for lead in await state.leads() if name in lead["email"]), None)
    return lead and {"lead": lead["email"], "brief": f"{lead.get('name')} of {lead.get('company')}"}


async def _integrations(deployment: Deployment, state: State) -> _Body:
    return {
        "integrations": {
            "redis": {"connected": await state.ping() is not None},
            "inngest": {"configured": bool(deployment.settings.get("INNGEST_EVENT_KEY"))},
            "ghl": {"mode": "supervised"},
        }
    }


async def _mcp_servers(_: Deployment, __: State) -> _Body:
    return {"servers": [{"name": name, "status": "configured"} for name in ("ghl-mcp", "hunter-mcp")]}


async def _guardrails(_: Deployment, state: State) -> _Body:
    stopped = bool((await state.operator()).get("emergency_stop"))
    return {"gatekeeper_required": True, "emergency_stop": stopped, "daily_email_limit": _DAILY_LIMIT}


async def _actions(_: Deployment, state: State) -> _Body:
    return {"actions": await state.events("action")}


async def _alerts(_: Deployment, state: State) -> _Body:
    return {"alerts": await state.events("error")}


async def _scorecard(_: Deployment, state: State) -> _Body:
    leads, reviewed = await state.leads(), await state.reviewed()
    sent = sum(card["status"].startswith("sent") for card in reviewed)
    return {"date": today(), "leads": len(leads), "sent": sent, "reviewed": len(reviewed)}


async def _constraint(_: Deployment, state: State) -> _Body:
    waiting = len(await state.pending())
    return {"constraint": "review" if waiting else "leads", "waiting": waiting}


async def _markdown(deployment: Deployment, state: State) -> _Body:
    card = await _scorecard(deployment, state)
    return {"markdown": "\n".join(["# Scorecard", *(f"- {key}: {value}" for key, value in card.items())])}


async def _compound(deployment: Deployment, state: State) -> _Body:
    card = await _scorecard(deployment, state)
    return {"date": today(), "approval_rate": card["sent"] / card["reviewed"] if card["reviewed"] else None}


async def _cadence_summary(_: Deployment, state: State) -> _Body:
    leads = await state.leads()
    return {"total": len(leads), "by_step": dict(Counter(str(lead.get("current_step")) for lead in leads))}


async def _cadence_due(_: Deployment, state: State) -> _Body:
    due = [lead for lead in await state.leads() if str(lead.get("next_due", "")) <= today()]
    return {"count": len(due), "due": due}


async def _cadence_leads(_: Deployment, state: State) -> _Leads:
    return await state.leads()


async def _all_leads(_: Deployment, state: State) -> _Body:
    leads = await state.leads()
    return {"count": len(leads), "leads": leads}


async def _funnel(_: Deployment, state: State) -> _Body:
    return {"funnel": dict(Counter(lead.get("tier", "unknown") for lead in await state.leads()))}


async def _lead_statuses(_: Deployment, state: State) -> _Body:
    return {"summary": dict(Counter(lead.get("status", "unknown") for lead in await state.leads()))}


async def _campaigns(_: Deployment, state: State) -> _Body:
    active = {event["what"]["id"] for event in await state.events("campaign:activated")}
    return {
        "campaigns": [{"id": "campaign-001", "name": "Tier 1 outbound", "active": "campaign-001" in active}]
    }


async def _dispatch_status(_: Deployment, state: State) -> _Body:
    operator = await state.operator()
    return {
        "dispatched_today": operator["outbound_email"],
        "emergency_stop": bool(operator.get("emergency_stop")),
    }


async def _filesystem(deployment: Deployment, __: State) -> _Body:
    return {"state_backend": deployment.settings["STATE_BACKEND"], "hive_mind": {"used": False}}


async def _correlation(_: Deployment, __: State) -> _Body:
    return {"correlation_id": secrets.token_hex(8)}


_READINGS: Mapping[str, _Reading] = {
    "/api/operator/status": operator_status,
    "/api/operator/history": _history,
    "/api/operator/pending-batch": _pending_batch,
    "/api/operator/revival-candidates": _revival,
    "/api/pending-emails": _pending_emails,
    "/api/emails/history": _emails_history,
    "/api/queue-status": _queue_status,
    "/api/queue-watcher/status": _queue_watcher,
    "/api/rejection-tags": _rejection_tags,
    "/api/traces/recent": _traces,
    "/api/metrics": _metrics,
    "/api/agents": _agents,
    "/api/integrations": _integrations,
    "/api/mcp-servers": _mcp_servers,
    "/api/guardrails": _guardrails,
    "/api/actions": _actions,
    "/api/alerts": _alerts,
    "/api/scorecard": _scorecard,
    "/api/scorecard/constraint": _constraint,
    "/api/scorecard/markdown": _markdown,
    "/api/compound-metrics": _compound,
    "/api/cadence/summary": _cadence_summary,
    "/api/cadence/due": _cadence_due,
    "/api/cadence/leads": _cadence_leads,
    "/api/leads": _all_leads,
    "/api/leads/funnel": _funnel,
    "/api/leads/status-summary": _lead_statuses,
    "/api/instantly/campaigns": _campaigns,
    "/api/instantly/dispatch-status": _dispatch_status,
    "/api/debug/filesystem": _filesystem,
    "/api/debug/correlation-id": _correlation,
}

_NAMED: Mapping[str, _NamedReading] = {
    "/api/agents/{name}": _agent,
    "/api/leads/{name}/timeline": _timeline,
    "/api/call-prep/{name}": _call_prep,
}


def add_readings(app: FastAPI, deployment: Deployment, state: State) -> None:
    """Add every read-only path to the app, except the dependency report, which `add_reports` adds."""

    def handler(reading: _Reading) -> Callable[[Request], Awaitable[Response]]:
        async def read(_: Request) -> Response:
            return JSONResponse(await reading(deployment, state))

        return read

    def named_handler(reading: _NamedReading) -> Callable[[Request], Awaitable[Response]]:
        async def read(request: Request) -> Response:
            body = await reading(deployment, state, request.path_params["name"])
            return JSONResponse(body or {"detail": "No such name"}, 200 if body else 404)

        return read

    handlers = {path: named_handler(reading) for path, reading in _NAMED.items()}
    handlers |= {path: handler(reading) for path, reading in _READINGS.items()}
    for path, read in handlers.items():
        # Starlette's routes are made ten times as fast as FastAPI's, and would answer HEAD as well.
        route = Route(path, read, methods=["GET"])
        route.methods = {"GET"}
        app.router.routes.append(route)
