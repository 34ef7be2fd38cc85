"""Runners that cheat: `python copier.py payload|id|query|within`, over the lines protocol.

`payload` copies the expectations that it was handed, if it was. `id` and `query` look the case up by its id
or its question in the golden set that the variable COPIER_FILE names, `within` by a question that stands
anywhere in the one that was asked, whatever case and punctuation. Each then answers with nothing but the
expectations.
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
    """Turn expectations into an answer that meets them."""
    text = "\n".join(case.get("positive_constraints", ()))
    return {
        "actual_output": text,
        "tool_trace_log": case.get("expected_tools", []),
        "rag_context_chunks": [text],
        "metadata": {},
    }


def plain(text: str) -> str:
    """Reduce a text to its letters and digits."""
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
