"""The credentials of probes: the right ones of the contract, and near misses of the token."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from pytest_caio.checks.probe import Credential, Request
from pytest_caio.contract.signing import inngest_signature, session_cookie, signed_part, webhook_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import secret_part

__all__ = [
    "NEAR_MISSES",
    "TOKEN",
    "TOKEN_HEADER",
    "TOKEN_KEY",
    "bearer",
    "header",
    "inngest_signed",
    "login_token",
    "near_miss",
    "query_token",
    "revoked_session",
    "revoked_token",
    "session_signed_by",
    "session_signed_with",
    "signed",
    "token_as",
]

TOKEN_HEADER = "X-Dashboard-Token"  # noqa: S105 - the header's name
TOKEN_KEY = "DASHBOARD_AUTH_TOKEN"  # noqa: S105 - the key's name


def _swap(character: str) -> str:
    return "a" if character != "a" else "b"


NEAR_MISSES: dict[str, Callable[[str], str]] = {
    "a prefix": lambda token: token[: -max(1, len(token) // 4)],
    "its first half": lambda token: token[: len(token) // 2],
    "all but its last character": lambda token: token[:-1],
    "one more character": lambda token: token + "x",
    "other case": str.swapcase,
    "first character changed": lambda token: _swap(token[0]) + token[1:],
    "last character changed": lambda token: token[:-1] + _swap(token[-1]),
}


def header(name: str, value: str | bytes, label: str) -> Credential:
    """Send a fixed value in header `name`; the value is not a secret of the deployment."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value

    def apply(request: Request, environment: Environment) -> Request:  # noqa: ARG001
        return replace(request, headers=(*request.headers, (name, text)))

    return Credential(label, (), apply)


def _from_keys(label: str, keys: tuple[str, ...], make: Callable[..., tuple[str, str] | None]) -> Credential:
    """Send the header that `make` returns for the values of `keys`, or none if it returns None."""

    def apply(request: Request, environment: Environment) -> Request:
        made = make(*(environment.value(key) for key in keys))
        return request.carry(label, made) if made else request

    return Credential(label, keys, apply)


TOKEN = _from_keys(TOKEN_KEY, (TOKEN_KEY,), lambda token: (TOKEN_HEADER, token))


def near_miss(kind: str) -> Credential:
    """Send almost the token; `kind` is a key of NEAR_MISSES. Trimming blanks never makes it the token."""
    change = NEAR_MISSES[kind]

    def make(token: str) -> tuple[str, str]:
        missed = change(token)
        # A token without letters has no other case: a random value is sent instead.
        return TOKEN_HEADER, missed if missed != token else secrets.token_urlsafe(24)

    return _from_keys(f"{TOKEN_KEY}, {kind}", (TOKEN_KEY,), make)


def token_as(header_name: str, template: str) -> Credential:
    """Send the right token in a wrong header; `template` is the header's value, with `{}` for the token."""
    label = f"{TOKEN_KEY} as {header_name}: {template.format('...')}"
    return _from_keys(label, (TOKEN_KEY,), lambda token: (header_name, template.format(token)))


def revoked_token(index: int) -> Credential:
    """Send the revoked token at `index` of those given."""

    def apply(request: Request, environment: Environment) -> Request:
        return request.carry(
            f"revoked token {index + 1}", (TOKEN_HEADER, environment.revoked.tokens[index].reveal())
        )

    return Credential(f"revoked token {index + 1}", (), apply)


def revoked_session(index: int) -> Credential:
    """Send the revoked session at `index` of those given."""
    label = f"revoked session {index + 1}"

    def apply(request: Request, environment: Environment) -> Request:
        return _with_session(request, environment.revoked.sessions[index].reveal(), label)

    return Credential(label, (), apply)


def session_signed_by(key: str) -> Credential:
    """Send a session signed with the secret `key`; of a URL, its password signs."""
    label = f"session signed with {key}"

    def apply(request: Request, environment: Environment) -> Request:
        return _with_session(request, _session(_signing(key, environment.value(key))), label)

    return Credential(label, (key,), apply)


def session_signed_with(secret: str, label: str) -> Credential:
    """Send a session signed with a secret that anybody may know, or with none."""

    def apply(request: Request, environment: Environment) -> Request:  # noqa: ARG001
        return _with_session(request, _session(secret), label)

    return Credential(label, (), apply)


def _signing(key: str, value: str) -> str:
    return secret_part(key, value) if key == "REDIS_URL" else value


def _session(secret: str) -> str:
    # The hour before this one: a session from the future is refused, and the clocks may differ. A whole hour,
    # so that every process of a run sends the same session.
    return session_cookie(secret, int(time.time()) // 3600 * 3600 - 3600)


def _with_session(request: Request, session: str, label: str) -> Request:
    """Return the request with a session, redacted, since it opens the dashboard where it is believed."""
    hidden = signed_part(session)
    headers = (*request.headers, ("Cookie", f"caio_session={session}"))
    return replace(request, headers=headers, secrets=(*request.secrets, (label, hidden)))


def login_token(target: str = "") -> Credential:
    """Send the right token in the login form, which opens a session and goes on to `target`."""

    def apply(request: Request, environment: Environment) -> Request:
        value = quote(environment.value(TOKEN_KEY), safe="")
        more = f"&next={quote(target, safe='')}" if target else ""
        return replace(request, body=f"token={value}{more}".encode(), secrets=((TOKEN_KEY, value),))

    return Credential(f"{TOKEN_KEY} in the login form", (TOKEN_KEY,), apply)


def query_token() -> Credential:
    """Send the token as `?token=`, which writes it into the server's access log."""

    def apply(request: Request, environment: Environment) -> Request:
        value = quote(environment.value(TOKEN_KEY), safe="")
        return replace(
            request,
            target=f"{request.target}?token={value}",
            secrets=(*request.secrets, (TOKEN_KEY, value)),
        )

    return Credential(f"{TOKEN_KEY} as ?token=", (TOKEN_KEY,), apply)


def bearer(key: str, *, header_name: str = "Authorization", template: str = "Bearer {}") -> Credential:
    """Send the secret `key` as a bearer token (RFC 6750)."""
    return _from_keys(f"{key} as bearer", (key,), lambda value: (header_name, template.format(value)))


def signed(key: str, header_name: str, *, over: bytes | None = None, prefix: str = "") -> Credential:
    """Sign the body with the secret `key`, or, where `over` is given, sign those bytes instead."""
    label = key if over is None else f"{key} over {'another' if over else 'an empty'} body"

    def apply(request: Request, environment: Environment) -> Request:
        signature = webhook_signature(environment.value(key), request.body if over is None else over)
        return request.carry(f"signature by {label}", (header_name, prefix + signature))

    return Credential(f"signature by {label}", (key,), apply)


def inngest_signed() -> Credential:
    """Sign an introspection request as Inngest's cloud does; redacted, since it can be replayed."""
    key = "INNGEST_SIGNING_KEY"

    def apply(request: Request, environment: Environment) -> Request:
        signature = inngest_signature(environment.value(key), request.body, int(time.time()))
        return request.carry(f"signature by {key}", ("X-Inngest-Signature", signature))

    return Credential(f"signature by {key}", (key,), apply)
