"""Runners that cheat: `python copier.py payload|id|query|within`, in the lines protocol.

`payload` copies the expectations from the case it receives, if there are any. `id` and `query` look the case
up by its id or its question in the golden set that the variable COPIER_FILE names, `within` by a question
that the received one contains, ignoring case and punctuation. Each responds with the expectations only.
"""

# ruff: noqa: T201 (a runner answers on standard output)
from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["copied", "plain"]


def copied(case: dict[str, Any]) -> dict[str, Any]:
    """Return a response that meets the expectations of a case."""
    text = "\n".join(case.get("positive_constraints", ()))
    return {
        "actual_output": text,
        "tool_trace_log": case.get("expected_tools", []),
        "rag_context_chunks": [text],
        "metadata": {},
    }


def plain(text: str) -> str:
    """Return the letters and digits of a text, ignoring case."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


if __name__ == "__main__":
    way = sys.argv[1]
    known = json.loads(Path(os.environ["COPIER_FILE"]).read_text("utf-8")) if way != "payload" else []
    for line in sys.stdin:
        asked = json.loads(line)
        if way == "payload":
            found = asked
        elif way == "within":
            text = plain(asked["input_query"])
            found = next((case for case in known if plain(case["input_query"]) in text), {})
        else:
            key = "id" if way == "id" else "input_query"
            found = next((case for case in known if case[key].casefold() == asked[key].casefold()), {})
        print(json.dumps(copied(found)), flush=True)
