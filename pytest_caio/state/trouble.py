"""What can go wrong with a Redis server, in words that say what to do about it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping

import redis

from pytest_caio.contract.redis_url import seen_from

__all__ = ["TROUBLE", "describe"]

# What the client raises where an answer is not as it expects, beside its own errors.
TROUBLE = (
    redis.RedisError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)

# The client's own messages are not shown: they may quote the connection string or values of the command.
_NOT_PERMITTED = "Redis does not permit this user what the state needs"
_NO_MEMORY = "Redis is out of memory: give it more (maxmemory)"
_CLUSTER = (
    "Redis is a cluster, and the dashboard needs a single server: give REDIS_URL one without cluster mode"
)
# By the class of the client's error, or by the code that the server's refusal begins with.
_REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (redis.BusyLoadingError, "Redis is still loading its data: wait, and run this again"),
    (redis.ReadOnlyError, "Redis is read-only: it is a replica; use the primary"),
    (redis.OutOfMemoryError, _NO_MEMORY),
    (redis.exceptions.NoPermissionError, _NOT_PERMITTED),
    (redis.exceptions.MasterDownError, "Redis is a replica that has lost its primary; use the primary"),
    (redis.exceptions.AskError, _CLUSTER),
    (redis.exceptions.ClusterError, _CLUSTER),
    (redis.exceptions.ClusterCrossSlotError, _CLUSTER),
    (redis.exceptions.TryAgainError, _CLUSTER),
)
_CODES: Mapping[str, str] = {
    "NOREPLICAS": (
        "Redis has fewer replicas than it needs to take writes: start them, or ask for fewer "
        "(min-replicas-to-write)"
    ),
    "MISCONF": "Redis cannot save to its disk, and so takes no writes: make room there, or see its log",
    "READONLY": "Redis is read-only: it is a replica; use the primary",
    "NOPERM": _NOT_PERMITTED,
    "OOM": _NO_MEMORY,
    "BUSY": "Redis is busy with a script that does not end: end it (SCRIPT KILL), or restart Redis",
    "DENIED": (
        "Redis is in protected mode, and takes no connection from other machines: give it a password "
        "(requirepass), and put it into REDIS_URL"
    ),
}
# By words of the refusals whose code is ERR, or that the client passes on without it; no host has blanks.
_WORDS: tuple[tuple[str, str], ...] = (
    (
        "max number of clients",
        "Redis takes no more connections (maxclients): end what holds them, or restart Redis",
    ),
    (
        "DB index",
        "Redis does not have the database that REDIS_URL names: write the number of this deployment's, "
        "usually 0, after the last /",
    ),
    ("in cluster mode", _CLUSTER),
    (
        "without any password|no password is set",
        "Redis has no password, and REDIS_URL gives one: take it out, or give Redis that password",
    ),
)
_NOT_LOGGED_IN = (
    "Redis wants a password, and REDIS_URL has none: write redis://default:PASSWORD@host:port, or copy the "
    "whole REDIS_PUBLIC_URL from Railway"
)
_LOGIN_REFUSED = (
    "Redis refuses the credentials in REDIS_URL: copy them again; in the password, write % as %25, / as %2F "
    "and # as %23"
)


def describe(error: Exception, client: redis.Redis) -> str:
    """Return in words why a command failed, and what to do about it."""
    said = str(error)
    if isinstance(error, MemoryError):
        return "a value is too large for the memory of this machine: run this on one with more"
    if isinstance(error, redis.ResponseError | redis.ConnectionError):
        for words, text in _WORDS:
            if re.search(words, said):
                return text
        if denied := re.search(r"no permissions to run the '([a-z|]{1,20})' command", said):  # also at EXEC
            return f"{_NOT_PERMITTED} ({denied[1].upper()})"
    for refusal, text in _REFUSALS:
        if isinstance(error, refusal):
            return text
    given = client.connection_pool.connection_kwargs
    if isinstance(error, redis.AuthenticationError | redis.exceptions.AuthenticationWrongNumberOfArgsError):
        return _LOGIN_REFUSED if given.get("password") or given.get("username") else _NOT_LOGGED_IN
    if isinstance(error, redis.ResponseError):
        code = re.match(r"[A-Z]{3,}(?= |$)", said)
        return _CODES.get(code[0] if code else "", f"Redis refused a command ({code[0] if code else 'ERR'})")
    tls = issubclass(client.connection_pool.connection_class, redis.SSLConnection)
    where = seen_from(given["host"]) if "host" in given else "asked at the socket that REDIS_URL names"
    what, hint = _why_unreachable(error, tls=tls)
    return f"{what}: {where}" + (f"; {hint}" if hint else "")


def _why_unreachable(error: BaseException, *, tls: bool) -> tuple[str, str]:
    """Return why nothing that is Redis answered, and what to do about it."""
    other = f"where it is reached with{'out' if tls else ''} TLS, write redis{'' if tls else 's'}://"
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            advice = "have it renewed, or name its own authority in REDIS_URL (?ssl_ca_certs=FILE)"
            return f"Redis has a certificate that is not trusted ({link.verify_message})", advice
        if isinstance(link, ssl.SSLError):
            return "Redis does not answer as TLS does", other
        if isinstance(link, socket.gaierror):
            return "Redis cannot be reached", "no host of that name is known there"
        if isinstance(link, ConnectionRefusedError | FileNotFoundError):
            return (
                "Redis cannot be reached",
                "nothing takes connections there: see its port, and that it runs",
            )
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return "Redis does not answer in time", f"see its host and port; {other}"
    if isinstance(error, redis.ConnectionError | OSError):
        return "Redis cannot be reached", f"it ended the connection: see its host and port; {other}"
    return "What answers is not Redis", f"see its host and port; {other}"
