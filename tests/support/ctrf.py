"""The schema of the Common Test Report Format, as far as used, written from its specification (ctrf.io).

Like the published schema it allows no other properties, and needs the same ones.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CTRF"]

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_ANY = {"type": "object"}
_NAME = {"type": "string", "minLength": 1}
_STATUS = {"enum": ["passed", "failed", "skipped", "pending", "other"]}


def _only(needed: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others; `needed` names the required."""
    return {
        "type": "object",
        "required": needed.split(),
        "properties": {**properties, "extra": _ANY},
        "additionalProperties": False,
    }


_TEST = _only(
    "name status duration",
    id={"type": "string", "format": "uuid"},
    name=_NAME,
    status=_STATUS,
    duration=_WHOLE,
    start=_WHOLE,
    stop=_WHOLE,
    suite={"type": "array", "minItems": 1, "items": _TEXT},
    message=_TEXT,
    trace=_TEXT,
    line=_WHOLE,
    rawStatus=_TEXT,
    tags={"type": "array", "items": _TEXT},
    labels={"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    filePath=_TEXT,
    retries=_WHOLE,
    flaky={"type": "boolean"},
)
_SUMMARY = _only(
    "tests passed failed skipped pending other start stop",
    **dict.fromkeys(
        "tests passed failed skipped pending other flaky suites start stop duration".split(), _WHOLE
    ),
)
_ENVIRONMENT = _only(
    "",
    **dict.fromkeys(
        "reportName appName appVersion buildId buildName buildUrl repositoryName repositoryUrl commit "
        "branchName osPlatform osRelease osVersion testEnvironment".split(),
        _TEXT,
    ),
    buildNumber=_WHOLE,
    healthy={"type": "boolean"},
)
CTRF = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **_only(
        "results reportFormat specVersion",
        reportFormat={"const": "CTRF"},
        specVersion={"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        reportId={"type": "string", "format": "uuid"},
        timestamp={"type": "string", "format": "date-time"},
        generatedBy=_TEXT,
        results=_only(
            "tool summary tests",
            tool=_only("name", name=_NAME, version=_TEXT),
            summary=_SUMMARY,
            tests={"type": "array", "items": _TEST},
            environment=_ENVIRONMENT,
        ),
    ),
}
