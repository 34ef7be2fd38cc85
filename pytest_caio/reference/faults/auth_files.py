"""Faults of static files: files of the project that are served."""

from __future__ import annotations

from collections.abc import Callable

from pytest_caio.reference.dashboard.messages import Incoming, Reply
from pytest_caio.reference.faults.fault import Apply, Faults, fault
from pytest_caio.reference.faults.verbs import answer, rewrite, using

__all__ = ["FILES"]


def _serve(content: str, where: Callable[[Incoming], bool]) -> Apply:
    """Answer with a file where `where` is true."""

    def change(asked: Incoming, reply: Reply) -> None:
        if where(asked):
            reply.status, reply.body = 200, content.encode()
            reply.headers["content-type"] = "text/plain; charset=utf-8"
            del reply.headers["location"]

    return rewrite(None, change)


def _at(content: str, path: str) -> Apply:
    return _serve(content, lambda asked: asked.raw_path == path)


# fmt: off
FILES = Faults([
    fault("env-served", "The environment file is served to everybody.", "AUTH-20",
          _at("LOG_LEVEL=info\n", "/.env"), place="static folder"),
    fault("env-production-served", "Production's environment file is served as a static file.", "AUTH-20",
          _at("LOG_LEVEL=info\n", "/static/.env.production"), place="static folder"),
    fault("git-served", "The project's git configuration is served.", "AUTH-20",
          _at("[core]\n\tbare = false\n", "/.git/config"), place="static folder"),
    fault("configuration-served", "The product's configuration is served.", "AUTH-20",
          _at('{"limits": {"daily": 25}}', "/config/production.json"), place="static folder"),
    fault("state-served", "The file state is served as a static file.", "AUTH-20",
          _at('{"date": "2026-02-23"}', "/static/.hive-mind/operator_state.json"), place="static folder"),
    fault("secret-in-page", "A page in a file's place shows the dashboard's token.", "AUTH-20",
          using(lambda d: _at(f"<!doctype html>{d.settings['DASHBOARD_AUTH_TOKEN']}", "/static/.env")),
          then="RDY-10", place="Replace every secret"),
    fault("static-left", "Dots lead from the static files to every file of the project.", "AUTH-20",
          _serve("fastapi\n", lambda asked: asked.raw_path == "/static/../requirements.txt"),
          place="dot segments"),
    fault("static-left-encoded", "Encoded dots lead from the static files to the project.", "AUTH-20",
          _serve("fastapi\n", lambda asked: asked.raw_path.startswith("/static/%2e%2e/%2e%2e/requirements")),
          place="dot segments"),
    fault("static-left-all-encoded", "Dots and slashes, all encoded, lead from static files to the project.",
          "AUTH-20", _at("LOG_LEVEL=info\n", "/static/%2e%2e%2f.env"), place="dot segments"),
    fault("static-left-by-slash", "Encoded slashes lead from the static files to the project.", "AUTH-20",
          _serve("[deploy]\n", lambda asked: asked.raw_path == "/static/..%2frailway.toml"),
          place="dot segments"),
    fault("files-put-off", "Whoever asks for the environment file is asked to wait (429).", "AUTH-20",
          answer("/.env", status=429, headers={"location": None}), place="--request-rate"),
    fault("files-unavailable", "A file of the static folder cannot be had for now (503).", "AUTH-20",
          answer("/static/.env.production", status=503, body=b"<html>", headers={"location": None}),
          place="deploy logs"),
])
# fmt: on
