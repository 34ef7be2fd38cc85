"""The credentials of probes: the right ones of the contract, and near misses of the token."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

from pytest_caio.checks.probe import Credential, Effect, Request
from pytest_caio.contract.signing import inngest_signature, session_cookie, signed_part, webhook_signature
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import secret_part

__all__ = [
    "NEAR_MISSES",
    "NEAR_SIGNATURES",
    "SESSION",
    "TOKEN",
    "TOKEN_HEADER",
    "TOKEN_KEY",
    "bearer",
    "bearer_in_query",
    "header",
    "inngest_signed",
    "inngest_signed_with_nothing",
    "login_token",
    "near_miss",
    "query_token",
    "revoked_session",
    "revoked_token",
    "session_signed_by",
    "session_signed_with",
    "sign_from",
    "signed",
    "signed_in_query",
    "token_as",
    "token_as_password",
]

TOKEN_HEADER = "X-Dashboard-Token"  # noqa: S105 - the header's name
TOKEN_KEY = "DASHBOARD_AUTH_TOKEN"  # noqa: S105 - the key's name
_SAME_SECONDS = 100  # for which signatures of Inngest have the same time; it accepts those of five minutes
_LAST_SIGNED = {"at": 0}


def _swap(character: str) -> str:
    """Return another character, also to who takes capitals for small letters: that is a miss of its own."""
    return "a" if character.lower() != "a" else "b"


NEAR_MISSES: dict[str, Callable[[str], str]] = {
    "a prefix": lambda token: token[: -max(1, len(token) // 4)],
    "its first half": lambda token: token[: len(token) // 2],
    "all but its last character": lambda token: token[:-1],
    "one more character": lambda token: token + "x",
    "other case": str.swapcase,
    "first character changed": lambda token: _swap(token[0]) + token[1:],
    "last character changed": lambda token: token[:-1] + _swap(token[-1]),
}
# Those of a signature, which is hexadecimal: no other case, since that may be read as the same number.
NEAR_SIGNATURES: dict[str, Callable[[str], str]] = {
    "first half": lambda signature: signature[: len(signature) // 2],
    "one more character": lambda signature: signature + "0",
    "first character changed": NEAR_MISSES["first character changed"],
    "last character changed": NEAR_MISSES["last character changed"],
}


def header(name: str, value: str | bytes, label: str) -> Credential:
    """Send a fixed value in header `name`; the value is not a secret of the deployment."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value

    def apply(request: Request, environment: Environment) -> Request:  # noqa: ARG001
        return replace(request, headers=(*request.headers, (name, text)))

    return Credential(label, (), apply)


def _from_keys(
    label: str,
    keys: tuple[str, ...],
    make: Callable[..., tuple[str, str] | None],
    *,
    entitled: bool = False,
) -> Credential:
    """Send the header that `make` returns for the values of `keys`, or none if it returns None."""

    def apply(request: Request, environment: Environment) -> Request:
        made = make(*(environment.value(key) for key in keys))
        return request.carry(label, made) if made else request

    return Credential(label, keys, apply, entitled)


TOKEN = _from_keys(TOKEN_KEY, (TOKEN_KEY,), lambda token: (TOKEN_HEADER, token), entitled=True)


def near_miss(kind: str) -> Credential:
    """Send almost the token; `kind` is a key of NEAR_MISSES. Trimming blanks never makes it the token."""
    return _from_keys(
        f"{TOKEN_KEY}, {kind}", (TOKEN_KEY,), lambda token: (TOKEN_HEADER, _almost(kind, token))
    )


def _almost(kind: str, value: str) -> str:
    """Return almost the value; one without letters has no other case, so a random one is made instead."""
    missed = NEAR_MISSES[kind](value)
    return missed if missed != value else secrets.token_urlsafe(24)


def token_as(header_name: str | tuple[str, ...], template: str) -> Credential:
    """Send the right token in a wrong header, or several; `template` is their value, `{}` the token in it."""
    names = (header_name,) if isinstance(header_name, str) else header_name
    label = f"{TOKEN_KEY} as {', '.join(names)}: {template.format('...')}"

    def apply(request: Request, environment: Environment) -> Request:
        value = template.format(environment.value(TOKEN_KEY))
        return request.carry(label, *((name, value) for name in names))

    return Credential(label, (TOKEN_KEY,), apply)


def token_as_password() -> Credential:
    """Send the right token as a browser sends the password of a user (RFC 7617)."""

    def make(token: str) -> tuple[str, str]:
        return "Authorization", f"Basic {base64.b64encode(f'caio:{token}'.encode()).decode()}"

    return _from_keys(f"{TOKEN_KEY}, as the password of a user", (TOKEN_KEY,), make)


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

    return Credential(f"{TOKEN_KEY} in the login form", (TOKEN_KEY,), apply, entitled=True)


SESSION = Credential("the session just opened", (), lambda request, _: request, entitled=True)
"""The session that an earlier request of the same case opened; its cookie is added when this is sent."""


def _in_query(request: Request, names: Iterable[str], shown: str, value: str) -> Request:
    """Send a value in the query under each of these names; `shown` is shown in its place."""
    value = quote(value, safe="")
    query = "&".join(f"{name}={value}" for name in names)
    return replace(request, target=f"{request.target}?{query}", secrets=(*request.secrets, (shown, value)))


def _key_in_query(label: str, key: str, names: Iterable[str]) -> Credential:
    """Send the secret `key` itself in the query, which writes it into the server's access log."""

    def apply(request: Request, environment: Environment) -> Request:
        return replace(_in_query(request, names, key, environment.value(key)), effect=Effect.LOGGED)

    return Credential(label, (key,), apply)


def query_token() -> Credential:
    """Send the token as `?token=`, which writes it into the server's access log."""
    return _key_in_query(f"{TOKEN_KEY} as ?token=", TOKEN_KEY, ("token",))


def bearer(
    key: str, *, header_name: str = "Authorization", template: str = "Bearer {}", miss: str = ""
) -> Credential:
    """Send the secret `key` as a bearer token (RFC 6750), or almost: `miss` is a key of NEAR_MISSES."""
    label = f"{key} as bearer, {miss}" if miss else f"{key} as bearer"

    def make(value: str) -> tuple[str, str]:
        return header_name, template.format(_almost(miss, value) if miss else value)

    return _from_keys(label, (key,), make)


def bearer_in_query(key: str, names: Iterable[str]) -> Credential:
    """Send the bearer `key` in the query under each of these names; the server's access log keeps it."""
    return _key_in_query(f"{key} in the query", key, names)


def signed(
    key: str, header_name: str, *, over: bytes | None = None, prefix: str = "", miss: str = ""
) -> Credential:
    """Sign the body with the secret `key`, or, where `over` is given, sign those bytes instead.

    `miss`, a key of NEAR_SIGNATURES, makes it almost the right signature.
    """
    label = f"signature by {key}"
    if over is not None:
        label += f" over {'another' if over else 'an empty'} body"
    if miss:
        label += f", {miss}"
    change = NEAR_SIGNATURES[miss] if miss else str

    def apply(request: Request, environment: Environment) -> Request:
        signature = webhook_signature(environment.value(key), request.body if over is None else over)
        return request.carry(label, (header_name, prefix + change(signature)))

    return Credential(label, (key,), apply)


def signed_in_query(key: str, names: Iterable[str]) -> Credential:
    """Sign the body with the secret `key`, and send the signature in the query under each of these names."""
    label = f"signature by {key} in the query"

    def apply(request: Request, environment: Environment) -> Request:
        return _in_query(request, names, label, webhook_signature(environment.value(key), request.body))

    return Credential(label, (key,), apply)


def sign_from(second: int) -> None:
    """Sign requests to Inngest for this second, in seconds since 1970, while it is less than 100 s ago.

    All workers of a run sign for the second of its start: two requests that differ in nothing but a second
    would both be sent.
    """
    _LAST_SIGNED["at"] = second


def _inngest_second() -> int:
    now = int(time.time())
    if not 0 <= now - _LAST_SIGNED["at"] < _SAME_SECONDS:
        _LAST_SIGNED["at"] = now
    return _LAST_SIGNED["at"]


def inngest_signed_with_nothing() -> Credential:
    """Sign an introspection request with an empty key, as anybody can."""

    def apply(request: Request, environment: Environment) -> Request:  # noqa: ARG001
        signature = inngest_signature("", request.body, _inngest_second())
        return request.carry("signature by an empty key", ("X-Inngest-Signature", signature))

    return Credential("a signature by an empty key", (), apply)


def inngest_signed() -> Credential:
    """Sign an introspection request as Inngest's cloud does; redacted, since it can be replayed."""
    key = "INNGEST_SIGNING_KEY"

    def apply(request: Request, environment: Environment) -> Request:
        signature = inngest_signature(environment.value(key), request.body, _inngest_second())
        return request.carry(f"signature by {key}", ("X-Inngest-Signature", signature))

    return Credential(f"signature by {key}", (key,), apply, entitled=True)
