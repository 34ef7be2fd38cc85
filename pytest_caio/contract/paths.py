"""The dashboard's paths, by what a request to them does, and the headers that any page may send."""

from __future__ import annotations

__all__ = ["ACTING_PATHS", "LOGIN", "NAMED_PATHS", "PAGES", "PROJECT_FILES", "READING_PATHS", "SAFE_HEADERS"]

READING_PATHS = tuple(
    """
    /api/runtime/dependencies /api/operator/status /api/operator/history /api/operator/pending-batch
    /api/operator/revival-candidates /api/pending-emails /api/emails/history /api/queue-status
    /api/queue-watcher/status /api/rejection-tags /api/traces/recent /api/metrics /api/agents
    /api/integrations /api/mcp-servers /api/guardrails /api/actions /api/alerts /api/scorecard
    /api/scorecard/constraint /api/scorecard/markdown /api/compound-metrics /api/cadence/summary
    /api/cadence/due /api/cadence/leads /api/leads /api/leads/funnel /api/leads/status-summary
    /api/instantly/campaigns /api/instantly/dispatch-status /api/debug/filesystem
    /api/debug/correlation-id
    """.split()
)
# Reading paths with a name in them, here one that nobody has. A call's preparation is among ACTING_PATHS.
NAMED_PATHS = ("/api/agents/caio-probe", "/api/leads/caio-probe/timeline")
# Paths that act, requested with GET only because GET changes nothing. 401 is the right response; any other
# status code means that the request got past authentication.
ACTING_PATHS = tuple(
    """
    /api/operator/trigger /api/operator/approve-batch/caio-probe /api/operator/reject-batch/caio-probe
    /api/emails/caio-probe/approve /api/emails/caio-probe/reject /api/admin/seed_queue
    /api/admin/regenerate_queue /api/actions/record /api/email/record /api/errors/frontend
    /api/scorecard/refresh /api/queue-watcher/trigger /api/call-prep/caio-probe /api/clay-callback
    /api/leads/bootstrap /api/leads/detect-decay /api/cadence/sync
    /api/instantly/campaigns/caio-probe/activate /api/instantly/emergency-stop /api/admin/clear-queue
    """.split()
)
# Files of the project that nobody outside may read: its secrets, history, configuration and state.
PROJECT_FILES = tuple(
    """
    .env .env.production .env.staging .env.local .git/config .git/HEAD config/production.json railway.toml
    requirements.txt .hive-mind/operator_state.json
    """.split()
)
PAGES = ("/", "/sales", "/leads", "/scorecard")
LOGIN = "/login"
# Headers that a page may send without a preflight request (Fetch standard, CORS-safelisted request headers).
SAFE_HEADERS = frozenset({"accept", "accept-language", "content-language", "content-type"})
