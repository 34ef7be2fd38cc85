"""Faults of the guard: public words that open a protected path, and paths with a name that it misses."""

from __future__ import annotations

import posixpath
import re

from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import open_door, route

__all__ = ["WORDS"]


def _normalised() -> Apply:
    """Resolve dot segments after the guard and before routing."""
    return route(lambda path: posixpath.normpath(path).replace("//", "/"))


def _names(pattern: str) -> Apply:
    """Require no credential for paths of this form."""
    return open_door(lambda asked: bool(re.fullmatch(pattern, asked.path)))


# fmt: off
WORDS = Faults([
    fault("health-anywhere", "Any address with the word health in it is open.", "AUTH-10",
          open_door(lambda asked: "health" in asked.path), place="auth guard"),
    fault("health-behind", "Any address that ends with /health is open.", "AUTH-10",
          open_door(lambda asked: asked.path.endswith("/health")), place="auth guard"),
    fault("health-before", "Any address that begins like public health is open.", "AUTH-10",
          open_door(lambda asked: asked.path.startswith("/api/health/")), _normalised(), place="auth guard"),
    fault("health-in-query", "A public address in the query opens the one before it.", "AUTH-10",
          open_door(lambda asked: "/api/health" in asked.query), place="auth guard"),
    fault("login-anywhere", "Any address with the word login in it is open.", "AUTH-10",
          open_door(lambda asked: "login" in asked.path), place="auth guard"),
    fault("inngest-anywhere", "Any address with the word inngest in it is open.", "AUTH-10",
          open_door(lambda asked: "inngest" in asked.path), place="auth guard"),
    fault("webhooks-dots", "Dots behind the webhooks' address walk past the guard.", "AUTH-10",
          open_door(lambda asked: asked.path.startswith("/webhooks/")), _normalised(), place="auth guard"),
    fault("static-dots", "Dots behind the address of static files walk past the guard.", "AUTH-10",
          open_door(lambda asked: asked.path.startswith("/static/../api/")), _normalised(),
          place="auth guard"),
    fault("static-anywhere", "Any address with the word static in it is open.", "AUTH-10",
          open_door(lambda asked: "static" in asked.path), place="auth guard"),
    fault("static-in-query", "The address of a static file in the query opens what is before it.", "AUTH-10",
          open_door(lambda asked: "/static/" in asked.query), place="auth guard"),
    fault("files-anywhere", "Any address that ends like the file of a script is open.", "AUTH-10",
          open_door(lambda asked: asked.path.endswith((".css", ".ico", ".js", ".png", ".svg"))),
          place="auth guard"),
    fault("agent-open", "Anybody can look at an agent by its name.", "AUTH-09",
          _names("/api/agents/[^/]+"), then="AUTH-10 AUTH-11", place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("timeline-open", "Anybody can read the timeline of a lead.", "AUTH-09",
          _names("/api/leads/[^/]+/timeline"), then="AUTH-11", place="DASHBOARD_AUTH_ALLOWLIST"),
    fault("call-prep-open", "Anybody can read what was prepared for a call.", "AUTH-09",
          _names("/api/call-prep/[^/]+"), place="DASHBOARD_AUTH_ALLOWLIST"),
])
# fmt: on
