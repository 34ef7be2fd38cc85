"""Writes the JSON Schema of the evidence from its models: `python -m docs.evidence_schema`."""

from __future__ import annotations

from pathlib import Path

from pytest_caio.evidence.jsonfile import schema

__all__ = ["SCHEMA"]

SCHEMA = Path(__file__).with_name("evidence.schema.json")

if __name__ == "__main__":
    SCHEMA.write_bytes(schema())
