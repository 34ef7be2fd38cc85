"""The ASGI app of a deployment: its routes, and the middleware around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis
from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from pytest_caio.reference.dashboard.acting import add_actions
from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.functions import add_inngest
from pytest_caio.reference.dashboard.middleware import AccessLog, Guard, Pace, Rewriting, SecurityHeaders
from pytest_caio.reference.dashboard.pages import add_pages
from pytest_caio.reference.dashboard.reading import add_readings
from pytest_caio.reference.dashboard.reports import add_reports
from pytest_caio.reference.dashboard.seed import seed
from pytest_caio.reference.dashboard.settings import MIGRATION
from pytest_caio.reference.dashboard.state import State
from pytest_caio.reference.dashboard.webhooks import add_webhooks
from pytest_caio.state import connect, migrate, write_summary

__all__ = ["build_app"]


def build_app(
    deployment: Deployment,
    seed_leads: int = 0,
    log: Callable[[str], Any] | None = None,
    hive_dir: Path | None = None,
) -> ASGIApp:
    """Return the ASGI app of a deployment, which seeds the deployment's Redis database on startup.

    `log` is called with one JSON line per request. The file state is written to `hive_dir` and migrated, with
    the summary in the file MIGRATION there.
    """
    state = State(deployment.settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Seed the Redis database that the env file names; a deployment with a fault may use another one.
        published = State(deployment.published)
        await seed(published, seed_leads, hive_dir)
        await published.close()
        with connect(deployment.published["REDIS_URL"]) as client:
            if hive_dir is not None:
                write_summary(hive_dir / MIGRATION, migrate(hive_dir, client, published.prefix))
            for edit in deployment.stored_edits:
                edit(client, hive_dir)
        for change in deployment.once_seeded:
            change()
        yield
        await state.close()

    served = {"docs_url": "/docs", "redoc_url": "/redoc", "openapi_url": "/openapi.json"}
    hidden = dict.fromkeys(served)
    app = FastAPI(title="CAIO Alpha Swarm", lifespan=lifespan, **(served if deployment.docs else hidden))

    @app.exception_handler(redis.RedisError)
    async def without_redis(_: Request, __: Exception) -> Response:
        return JSONResponse({"detail": "State store unavailable"}, 503)

    add_reports(app, deployment, state)
    add_readings(app, deployment, state)
    add_actions(app, state)
    add_webhooks(app, deployment, state)
    add_pages(app, deployment, state)
    if deployment.inngest_mounted:
        add_inngest(app, deployment, state)
    return _around(app, deployment, log)


def _around(app: FastAPI, deployment: Deployment, log: Callable[[str], Any] | None) -> ASGIApp:
    cors = deployment.cors

    def with_cors(inner: ASGIApp) -> ASGIApp:
        return CORSMiddleware(
            inner,
            allow_origins=cors.origins,
            allow_methods=cors.methods,
            allow_headers=cors.headers,
            allow_credentials=cors.credentials,
            allow_origin_regex=cors.origin_regex,
        )

    # CORS goes outside the guard: a preflight carries no credential, and the guard would refuse it.
    inside: ASGIApp = with_cors(app) if cors.behind_guard else app
    guarded: ASGIApp = SecurityHeaders(Guard(inside, deployment), deployment.security_headers)
    rewritten: ASGIApp = Rewriting(guarded, deployment.rewrites)
    outside = rewritten if cors.behind_guard else with_cors(rewritten)
    paced: ASGIApp = Pace(Rewriting(outside, cors.rewrites), deployment)
    return AccessLog(paced, log) if log else paced
