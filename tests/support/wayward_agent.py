"""The demo's agent with faults: `python wayward_agent.py WAY [ID ...]`, in the lines protocol.

For the cases with these ids it `dies`, is `ungrounded` (drops what it had retrieved), says `nothing`, or
is `labelling` (says what it took the question for). For all cases, with `idle` it never responds, with
`shapeless` it responds in another form, and with `colons` it names its tools as a gateway does. Each case
that it receives is appended to the file that the variable WAYWARD_LOG names.
"""

# ruff: noqa: T201 (a runner answers on standard output)
from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from pytest_caio.reference.golden.agent import answer
from pytest_caio.reference.golden.desk import Desk

__all__: list[str] = []

if __name__ == "__main__":
    way, *ids = sys.argv[1:]
    for line in sys.stdin:
        asked = json.loads(line)
        with Path(os.environ.get("WAYWARD_LOG", os.devnull)).open("a", encoding="utf-8") as log:
            log.write(line)
        if way == "idle":
            time.sleep(60)
        said = answer(asked["input_query"], Desk.open())
        if asked["id"] in ids:
            if way == "dies":
                sys.exit("the model key is missing")
            if way == "nothing":
                said |= {"actual_output": "", "tool_trace_log": []}
            if way == "labelling":
                said["actual_output"] = "Intent: schedule the quarterly forecast meeting of the finance board"
            said["rag_context_chunks"] = []
        if way == "colons":
            said["tool_trace_log"] = [f"Gateway.execute:crm.{tool}" for tool in said["tool_trace_log"]]
        if way == "shapeless":
            said = {"answer": said["actual_output"]}
        print(json.dumps(said), flush=True)
