"""The deployment's Inngest functions, served by the real SDK."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.state import State

with warnings.catch_warnings():
    # The SDK declares models in a style that newer pydantic releases warn about. Only the SDK can fix that.
    warnings.simplefilter("ignore", DeprecationWarning)
    import inngest
    import inngest.fast_api

__all__ = ["add_inngest"]

# The SDK must not contact an outside service: nothing listens at this address.
_NOWHERE = "http://127.0.0.1:9/"
# The environment belongs to the whole process, and several deployments may start in its threads.
_ENVIRONMENT = threading.Lock()
# Function id: its cron trigger.
_FUNCTIONS = {
    "daily-outbound-dispatch": "0 13 * * 1-5",
    "cadence-sync": "0 */4 * * *",
    "pending-queue-watch": "*/15 * * * *",
    "lead-decay-scan": "30 6 * * *",
    "daily-health-digest": "0 12 * * *",
}


@contextmanager
def _no_authorities() -> Iterator[None]:
    """Let HTTP clients that are made meanwhile load no certificate authorities.

    The SDK's client makes two. They never send, and loading the authorities would take half of a start.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    with _ENVIRONMENT, tempfile.TemporaryDirectory() as nothing:
        before = {name: os.environ.pop(name) for name in names if name in os.environ}
        os.environ["SSL_CERT_DIR"] = nothing
        try:
            yield
        finally:
            os.environ.pop("SSL_CERT_DIR", None)  # a deployment that starts forgets it too
            os.environ.update(before)


def add_inngest(app: FastAPI, deployment: Deployment, state: State) -> None:
    """Mount /inngest with the first `deployment.inngest_functions` of the five functions."""
    settings = deployment.settings
    with _no_authorities():
        client = inngest.Inngest(
            app_id=settings["INNGEST_APP_ID"],
            api_base_url=_NOWHERE,
            event_api_base_url=_NOWHERE,
            event_key=settings["INNGEST_EVENT_KEY"],
            signing_key=deployment.inngest_signing_key,
            is_production=not deployment.inngest_dev,
            logger=logging.getLogger("pytest_caio.reference.inngest"),
        )

    def function(name: str, cron: str) -> inngest.Function[dict[str, str]]:
        @client.create_function(fn_id=name, trigger=inngest.TriggerCron(cron=cron), retries=1)
        async def run(context: inngest.Context) -> dict[str, str]:
            await state.note(f"inngest:{name}", {"run_id": context.run_id})
            return {"status": "done", "function": name}

        return run

    functions = [function(name, cron) for name, cron in _FUNCTIONS.items()]
    # An unsigned PUT would make the SDK register its functions, so it is refused.
    inngest.fast_api.serve(
        app,
        client,
        functions[: deployment.inngest_functions],
        serve_path="/inngest",
        serve_origin=settings["CAIO_BASE_URL"],
        enable_unauthed_sync=False,
    )
