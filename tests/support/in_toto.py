"""JSON Schemas of the in-toto formats, field for field after their specifications.

Statement v1 (spec/v1/statement.md), ResourceDescriptor (spec/v1/resource_descriptor.md), Timestamp and URIs
(spec/v1/field_types.md), Test Result v0.1 (spec/predicates/test-result.md) and Simple Verification Result
v0.2 (spec/predicates/svr.md), all of https://github.com/in-toto/attestation. Consumers ignore fields that
they do not know; these schemas allow only extension fields whose names begin with `caio`, so that a misspelt
field is found.
"""

from __future__ import annotations

from typing import Any

__all__ = ["STATEMENT"]

# A scheme in lowercase; after `//`, an authority in lowercase (RFC 3986, 6.2.2.1).
_URI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:(//[^A-Z/]*(/|$)|[^/])"}
_NAMES = {"type": "array", "items": {"type": "string"}}


def _strict(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these fields, and extension fields of ours."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "patternProperties": {"^caio[A-Z]": {}},
        "additionalProperties": False,
    }


_RESOURCE = {
    **_strict(
        (),
        name={"type": "string", "minLength": 1},
        uri=_URI,
        digest={
            "type": "object",
            "minProperties": 1,
            "properties": {"sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
            "additionalProperties": {"type": "string"},
        },
        content={"type": "string", "contentEncoding": "base64"},
        downloadLocation=_URI,
        mediaType={"type": "string"},
        annotations={"type": "object"},
    ),
    "anyOf": [{"required": [field]} for field in ("uri", "digest", "content")],
}
_RESOURCES = {"type": "array", "items": _RESOURCE}
_VERIFICATION = _strict(
    ("verifier", "timeCreated", "properties"),
    verifier=_strict(("id", "policies"), id=_URI, policies=_RESOURCES),
    timeCreated={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    properties=_NAMES,
)
_TEST_RESULT = _strict(
    ("result", "configuration"),
    result={"enum": ["PASSED", "WARNED", "FAILED"]},
    configuration=_RESOURCES,
    url=_URI,
    passedTests=_NAMES,
    warnedTests=_NAMES,
    failedTests=_NAMES,
)
_TEST_RESULT["properties"]["caioVerification"] = _VERIFICATION
STATEMENT: dict[str, Any] = _strict(
    ("_type", "subject", "predicateType", "predicate"),
    _type={"const": "https://in-toto.io/Statement/v1"},
    subject={"type": "array", "minItems": 1, "items": {"allOf": [_RESOURCE, {"required": ["digest"]}]}},
    predicateType={"const": "https://in-toto.io/attestation/test-result/v0.1"},
    predicate=_TEST_RESULT,
)
