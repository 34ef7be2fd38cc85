"""Checks whose requests a run must send once: those on which a deployment acts, counts or writes a log.

Not part of the short suite, unless a run names this file beside it.
"""

from __future__ import annotations

from acceptance.test_auth import (
    test_login_and_websocket,
    test_malformed_credentials,
    test_query_token,
    test_session_cookie,
    test_wrong_token_at_the_login,
)
from acceptance.test_operator import (
    test_dry_run_is_dry,
    test_dry_run_sends_nothing,
    test_sales_page_is_alive,
)
from acceptance.test_webhooks import test_signed_nonsense, test_signed_posts

__all__ = [
    "test_dry_run_is_dry",
    "test_dry_run_sends_nothing",
    "test_login_and_websocket",
    "test_malformed_credentials",
    "test_query_token",
    "test_sales_page_is_alive",
    "test_session_cookie",
    "test_signed_nonsense",
    "test_signed_posts",
    "test_wrong_token_at_the_login",
]
