"""Faults of readiness and hardening: dependencies, reports, the commit, documentation, security headers."""

from __future__ import annotations

import secrets

from pytest_caio.reference.faults.fault import Faults, fault
from pytest_caio.reference.faults.verbs import (
    answer,
    assign,
    crash,
    edit_json,
    edit_report,
    report,
    say,
    set_variable,
    using,
)

__all__ = ["READINESS"]

_READY = "/api/health/ready"
_DEPENDENCIES = "/api/runtime/dependencies"

# fmt: off
READINESS = Faults([
    fault("readiness-503", "The deployment is not ready (503).", "RDY-01 RDY-07",
          answer(_READY, status=503, body=b'{"detail": "Runtime dependencies not ready: redis"}'),
          then="AUTH-03", place="deploy logs"),
    fault("readiness-starting", "Readiness says something else than `ready`.", "RDY-01 RDY-07",
          say(_READY, status="starting"), place="deploy logs"),
    fault("readiness-html", "Readiness answers with a page instead of JSON.", "RDY-01",
          answer(_READY, body=b"<!doctype html><title>ok</title>",
                 headers={"content-type": "text/html; charset=utf-8"}),
          then="AUTH-03 RDY-07", place="deploy logs"),
    fault("readiness-contradicts", "Readiness says ready while the dependencies say a required one failed.",
          "RDY-02 RDY-07",
          say(_DEPENDENCIES, ready=False, status="degraded"),
          say(_DEPENDENCIES, "dependencies", "inngest", ready=False, status="unhealthy"),
          edit_json(_DEPENDENCIES, lambda body: body["required_failures"].append("inngest")),
          then="RDY-04", place="INNGEST_"),
    fault("failures-listed", "The dependencies say ready and list a failure all the same.", "RDY-02 RDY-07",
          edit_report(lambda body: body["required_failures"].append("redis")), place="deploy logs"),
    fault("stale-report", "The dependency report is an old one, kept for hours.", "RDY-07",
          report(checked_at="2026-01-05T08:00:00+00:00"), place="redeploy"),
    fault("redis-down", "Redis is down.", "RDY-01 RDY-02 RDY-03",
          set_variable("REDIS_URL", "redis://127.0.0.1:1/0"), place="REDIS_URL",
          then="AUTH-03 AUTH-05 AUTH-14 AUTH-16 AUTH-18 RDY-15 STATE-06 "
               "OPS-01 OPS-02 OPS-03 OPS-04 OPS-05 OPS-06 OPS-07 OPS-08 OPS-09 OPS-11 WH-09"),
    fault("redis-unminded", "Redis is not connected, and readiness does not mind.", "RDY-03",
          report("dependencies", "redis", connected=False, latency_ms=None), place="REDIS_URL"),
    fault("redis-optional", "Redis is not required: the deployment would run without its state.", "RDY-03",
          set_variable("REDIS_REQUIRED", "false"), place="REDIS_REQUIRED"),
    fault("not-strict", "Authentication is not strict.", "RDY-08",
          set_variable("DASHBOARD_AUTH_STRICT", "false"), place="DASHBOARD_AUTH_STRICT"),
    fault("wrong-environment", "The deployment says it is another environment.", "RDY-08",
          set_variable("ENVIRONMENT", "development"), place="ENVIRONMENT"),
    fault("session-secret-implicit", "Sessions are signed with a secret made up at each start.", "RDY-08",
          set_variable("SESSION_SECRET_KEY", lambda _: secrets.token_urlsafe(48)),
          report("auth", session_secret_explicit=False),
          place="SESSION_SECRET_KEY"),
    fault("session-secret-borrowed", "Sessions are signed with the dashboard's token.", "RDY-08",
          report("auth", session_secret_source="DASHBOARD_AUTH_TOKEN"),  # noqa: S106 - the key's name
          place="SESSION_SECRET_KEY"),
    fault("token-unconfigured", "The deployment says that no dashboard token is set.", "RDY-08",
          report("auth", token_configured=False), place="DASHBOARD_AUTH_TOKEN"),
    fault("docs-served", "The API's documentation is public.", "RDY-09",
          assign(docs=True), place="ENVIRONMENT"),
    fault("slow-readiness", "Readiness takes seconds.", "RDY-12",
          lambda d: d.delays.update({_READY: 2.0}), place="Redis latency"),
    fault("wrong-commit", "Another commit is deployed than the one that was asked for.", "RDY-13",
          assign(commit="0ddba11" + "0" * 33), place="Redeploy"),
    fault("headers-missing", "The pages come without the headers that protect them.", "RDY-14",
          lambda d: d.security_headers.clear(), place="X-Frame-Options"),
    fault("readiness-500", "Readiness crashes (500) where it should say what is missing.", "RDY-07 RDY-01",
          set_variable("INNGEST_EVENT_KEY", ""), crash(lambda asked, _: asked.path == _READY),
          then="AUTH-03 RDY-02 RDY-04", place="readiness code", separate="RDY-04"),
    fault("commit-short", "The deployment says too little of its commit to tell it from another.", "RDY-13",
          using(lambda d: assign(commit=d.commit[:4])), place="Redeploy"),
    fault("guessing-allowed", "Pages let browsers guess what they are.", "RDY-14",
          lambda d: d.security_headers.pop("X-Content-Type-Options"), place="X-Content-Type-Options"),
    fault("framing-allowed", "Pages can be shown inside other sites' pages.", "RDY-14",
          lambda d: d.security_headers.pop("X-Frame-Options"), place="X-Frame-Options"),
    fault("framing-by-policy", "A policy lets all sites show the pages inside theirs, whatever else is sent.",
          "RDY-14", lambda d: d.security_headers.update(
              {"Content-Security-Policy": "default-src 'self'; frame-ancestors https: *"}),
          place="frame-ancestors"),
])
# fmt: on
