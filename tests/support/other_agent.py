"""Fifty golden cases in the contract's form, and a runner for them: `python other_agent.py [WAY ...]`.

The runner reads one case a line, and works its answer out from the question, however that is worded. Ways:
`colons` (tools are called by a gateway's names), `empty` (one answer is empty), `labelled` (one answer is a
label alone). All cases pass without the last two, and 48 with both, which is within the error budget. Nothing
of the package is used.
"""

# ruff: noqa: T201 (a runner answers on standard output)
from __future__ import annotations

import json
import re
import sys
from typing import Any

__all__ = ["golden_cases"]


def golden_cases(*, colons: bool = False) -> list[dict[str, Any]]:
    """Return the golden set."""
    return [
        {
            "id": f"customer-{n}",
            "input_query": f"How many weeks has customer number {n} been with us?",
            "expected_tools": [_tool(colons=colons)],
            "positive_constraints": [f"Customer number {n} has been with us for {7 * n} weeks"],
            "negative_constraints": ["Do not promise a discount"],
        }
        for n in range(101, 151)
    ]


def _tool(*, colons: bool) -> str:
    return "Gateway.execute:crm.read_customer" if colons else "read_customer"


def _answer(case: dict[str, Any], ways: list[str]) -> dict[str, Any]:
    found = re.search(r"\d+", case["input_query"])
    if found is None:
        return {
            "actual_output": "That is for a person to answer.",
            "tool_trace_log": [],
            "rag_context_chunks": [],
        }
    number = int(found[0])
    text = f"Customer number {number} has been with us for {7 * number} weeks."
    if number == 117 and "empty" in ways:
        text = ""
    if number == 118 and "labelled" in ways:
        text = "Intent: find the age of an account"
    return {
        "actual_output": text,
        "tool_trace_log": [_tool(colons="colons" in ways)],
        "rag_context_chunks": [f"number {number}: customer with us for {7 * number} weeks"],
        "metadata": {},
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), sys.argv[1:])), flush=True)
