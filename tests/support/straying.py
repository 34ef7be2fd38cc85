"""A pytest plugin that sends what a run must never send, to prove that the tests would notice it.

STRAY is JSON: requests with method, URL and headers, and addresses to connect to.
"""

from __future__ import annotations

import json
import os
import socket

import httpx


def pytest_collection_finish() -> None:
    """Send the requests, and connect to the addresses, during the run."""
    stray = json.loads(os.environ["STRAY"])
    for method, url, headers in stray["requests"]:
        httpx.request(method, url, headers=headers, trust_env=False)
    for host, port in stray["addresses"]:
        socket.create_connection((host, port), timeout=5).close()
