"""A plugin that sends what a run must never send, to prove that it would be noticed.

STRAY is JSON: requests as method, URL and headers, and addresses to connect to.
"""

from __future__ import annotations

import json
import os
import socket

import httpx


def pytest_collection_finish() -> None:
    """Send them while the run goes on."""
    stray = json.loads(os.environ["STRAY"])
    for method, url, headers in stray["requests"]:
        httpx.request(method, url, headers=headers, trust_env=False)
    for host, port in stray["addresses"]:
        socket.create_connection((host, port), timeout=5).close()
