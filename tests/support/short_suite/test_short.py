"""A few checks of each gate: a complete run in a tenth of the time of the real suite.

For tests of what a complete run does, whichever checks it has: its verdict, its waivers, its evidence.
`test_pack.py` stands for the last gate, whose own check runs the product's tests. `more.py` is collected only
if a run names it.
"""

from __future__ import annotations

from acceptance.test_auth import test_status_needs_a_token, test_status_opens_with_the_token
from acceptance.test_cors import test_allowed_origins
from acceptance.test_environment import (
    test_environments_are_apart,
    test_heyreach_is_not_allowlisted,
    test_redis_is_the_only_store,
    test_required_keys,
)
from acceptance.test_operator import test_queue_is_fresh
from acceptance.test_readiness import (
    test_dependencies_are_ready,
    test_deployed_commit,
    test_readiness_is_ready,
    test_transport_is_secure,
)
from acceptance.test_replay import test_golden_set_is_well_formed
from acceptance.test_webhooks import test_heyreach, test_signatures_are_required, test_unsigned_posts

__all__ = [
    "test_allowed_origins",
    "test_dependencies_are_ready",
    "test_deployed_commit",
    "test_environments_are_apart",
    "test_golden_set_is_well_formed",
    "test_heyreach",
    "test_heyreach_is_not_allowlisted",
    "test_queue_is_fresh",
    "test_readiness_is_ready",
    "test_redis_is_the_only_store",
    "test_required_keys",
    "test_signatures_are_required",
    "test_status_needs_a_token",
    "test_status_opens_with_the_token",
    "test_transport_is_secure",
    "test_unsigned_posts",
]
