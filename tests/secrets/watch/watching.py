"""Record every address that a process or a child of it connects to, sends to or looks up.

A run loads it as a plugin, a child process through `sitecustomize`; SOCKETS names the file of records.
"""

import json
import os
import sys
from pathlib import Path

__all__ = []

_EVENTS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}


def _note(event, arguments):
    if event in _EVENTS:
        address = arguments[_EVENTS[event]]
        if address is not None:
            note = {"event": event, "address": address, "process": sys.argv[:3]}
            with Path(os.environ["SOCKETS"]).open("a", encoding="utf-8") as notes:
                notes.write(json.dumps(note, default=str) + "\n")


if "SOCKETS" in os.environ:
    sys.addaudithook(_note)
