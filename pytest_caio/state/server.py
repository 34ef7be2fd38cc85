"""The Redis server that holds the state: connection, inspection, reads and writes."""

from __future__ import annotations

import contextlib
import operator
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import redis
from redis.backoff import ExponentialBackoff
from redis.connection import parse_url
from redis.retry import Retry

from pytest_caio.contract.redis_url import redis_url_fault
from pytest_caio.errors import InputError
from pytest_caio.state.trouble import TROUBLE, describe

__all__ = [
    "Server",
    "Storage",
    "StoreError",
    "connect",
    "expiries",
    "fetch",
    "insert",
    "inspect_server",
    "keep",
    "members",
    "replace",
    "scan",
    "see_transactions",
    "storage_of",
    "write_refusals",
]

_CONNECT_SECONDS = 4.0
_ANSWER_SECONDS = 8.0
_RETRIES = 1
# The client's name and version are not sent: two round trips, and a refusal of the connection that comes in
# their place is passed over. Older clients have another name for it.
_NAMELESS: dict[str, None] = (
    {"driver_info": None}
    if hasattr(redis.connection, "DriverInfo")
    else dict.fromkeys(("lib_name", "lib_version"))
)
_SCAN_PAGE = 1000
_REPLACE_ATTEMPTS = 5


class StoreError(Exception):
    """A Redis command failed: one clear line, without the connection string or any value."""


class Server(msgspec.Struct, frozen=True):
    """The relevant configuration of a server.

    `policy` is its maxmemory-policy and `role` is master or slave; each is None when the server hides it.
    `faults` are the reasons why it cannot keep state; `notes` are what could not be determined.
    """

    policy: str | None = None
    role: str | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Storage(msgspec.Struct, frozen=True):
    """Where a server keeps what it holds: bytes used, bytes allowed (0: no limit), and whether on disk.

    Each is None when the server hides it.
    """

    used: int | None = None
    limit: int | None = None
    on_disk: bool | None = None


def connect(url: str) -> redis.Redis:
    """Return a client for a Redis URL; nothing is sent yet. Close it, or use it as a context manager.

    A server that is silent is given up within ten seconds, whatever the URL's options ask for. Raises
    InputError, quoting nothing of the URL, where the client cannot use it.
    """
    if fault := redis_url_fault(url):
        raise InputError(f"REDIS_URL {fault}")
    ours: dict[str, Any] = {
        "protocol": 2,  # every server supports 2; with 3 the client also asks for maintenance notices
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_timeout": _ANSWER_SECONDS,
        # Only errors of a connection are retried: waiting again for a silent server takes too long.
        "retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), _RETRIES, (redis.ConnectionError,)),
        "retry_on_timeout": False,
        "decode_responses": False,
        "encoding": "utf-8",
        "max_connections": None,
        **_NAMELESS,
    }
    try:
        given: dict[str, Any] = parse_url(url.strip())  # type: ignore[no-untyped-call]
        pool = redis.ConnectionPool(**{**given, **ours})
        pool.make_connection()  # an option that the client does not take raises only here
    except TROUBLE:
        raise InputError("REDIS_URL has an option with a value the client does not take") from None
    return redis.Redis.from_pool(pool)


def inspect_server(client: redis.Redis) -> Server:
    """Check that the server answers, is not a replica and evicts nothing; failures are returned as faults."""
    try:
        with _guarded(client):
            client.ping()
    except StoreError as failure:
        return Server(faults=(str(failure),))
    # Managed servers deny CONFIG more often than INFO.
    policy = _text_or_none(lambda: client.info("memory").get("maxmemory_policy"))
    policy = policy or _text_or_none(lambda: client.config_get("maxmemory-policy").get("maxmemory-policy"))
    role = _text_or_none(lambda: client.info("replication").get("role"))
    role = role or _text_or_none(lambda: str(client.role()[0], "ascii"))
    faults, notes = [], []
    if policy is None:
        notes.append("Redis hides its maxmemory-policy (INFO, CONFIG): see that it is noeviction")
    elif policy != "noeviction":
        faults.append(f"Redis may evict state: its maxmemory-policy is {policy}, not noeviction")
    if role == "slave":
        faults.append("Redis is a replica: what is written to it is refused or lost; use the primary")
    return Server(policy=policy, role=role, faults=tuple(faults), notes=tuple(notes))


def storage_of(client: redis.Redis) -> Storage:
    """Look at a server's memory and persistence; what it hides is None."""
    memory = _answer_or_none(lambda: client.info("memory")) or {}
    persistence = _answer_or_none(lambda: client.info("persistence")) or {}
    snapshots = _answer_or_none(lambda: client.config_get("save")) or {}
    known = [bool(persistence["aof_enabled"])] if "aof_enabled" in persistence else []
    known += [bool(snapshots["save"])] if "save" in snapshots else []
    # With one of the two hidden, the other one off says nothing.
    on_disk = True if True in known else False if len(known) == 2 else None
    used, limit = (
        n if isinstance(n := memory.get(key), int) else None for key in ("used_memory", "maxmemory")
    )
    return Storage(used, limit, on_disk)


def write_refusals(client: redis.Redis, prefixes: Sequence[str]) -> list[str]:
    """Return why a value could not be written under each prefix; an empty text where it could.

    Nothing is written: SET with XX changes an existing key only, and no key has this random name. It
    is refused all the same where a write would be: to this user, on a replica, or with no memory left.
    Raises StoreError when the connection fails.
    """
    name = f"caio-acceptance:{secrets.token_hex(16)}"
    with _guarded(client), client.pipeline(transaction=False) as pipe:
        for prefix in prefixes:
            pipe.set(f"{prefix}:{name}", "", xx=True, px=1)
        answers = pipe.execute(raise_on_error=False)
    return [describe(answer, client) if isinstance(answer, Exception) else "" for answer in answers]


def fetch(client: redis.Redis, keys: Sequence[str]) -> list[bytes | None]:
    """Return the values of the keys, None for a missing key or a non-string value. Raises StoreError."""
    with _guarded(client):
        return _values(client.mget(list(keys)), len(keys))


def members(client: redis.Redis, key: str) -> list[str]:
    """Return the members of a sorted set in their order, none for a missing one. Raises StoreError."""
    with _guarded(client):
        found = _values(client.zrange(key, 0, -1))
    return [(member or b"").decode("utf-8", "backslashreplace") for member in found]


def expiries(client: redis.Redis, keys: Sequence[str | bytes]) -> list[int]:
    """Return each key's time to live in ms, -1 without an expiry, -2 for a missing key. Raises StoreError."""
    with _guarded(client), client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.pttl(key)
        return [operator.index(expiry) for expiry in pipe.execute()]


def insert(client: redis.Redis, texts: Mapping[str, bytes]) -> tuple[set[str], StoreError | None]:
    """Write each value whose key does not exist; return the keys written and the first error, if any.

    Raises StoreError when the connection fails; it is then unknown what was written.
    """
    with _guarded(client), client.pipeline(transaction=False) as pipe:
        for key, text in texts.items():
            pipe.set(key, text, nx=True)
        answers = pipe.execute(raise_on_error=False)  # a raised error would quote the value
    written = {key for key, answer in zip(texts, answers, strict=True) if answer is True}
    return written, _first_refusal(answers, client)


def replace(client: redis.Redis, wanted: Mapping[str, tuple[bytes | None, bytes]]) -> set[str]:
    """Replace values, given by key as (value seen, new value); return the keys replaced.

    A key whose value is no longer the one seen keeps its newer value. Raises StoreError.
    """
    pending = dict(wanted)
    for _ in range(_REPLACE_ATTEMPTS):
        with _guarded(client), client.pipeline(transaction=True) as pipe:
            pipe.watch(*pending)  # type: ignore[no-untyped-call]
            now = _values(pipe.mget(list(pending)), len(pending))
            pairs = zip(pending.items(), now, strict=True)
            pending = {key: pair for (key, pair), value in pairs if value == pair[0]}
            if not pending:
                break
            pipe.multi()
            for key, (_, text) in pending.items():
                pipe.set(key, text)
            with contextlib.suppress(redis.WatchError):  # a key changed since WATCH: read again
                pipe.execute()
                return set(pending)
    return set()


def see_transactions(client: redis.Redis) -> None:
    """Raise StoreError where this user may not use transactions: `replace` would write without protection.

    Redis then refuses MULTI alone, and does at once what follows it. This transaction is empty.
    """
    with _guarded(client), client.pipeline(transaction=False) as pipe:
        for command in ("MULTI", "EXEC", "DISCARD"):  # the last ends it where only EXEC is refused
            pipe.execute_command(command)  # type: ignore[no-untyped-call]
        answers = pipe.execute(raise_on_error=False)[:2]
    if refusal := _first_refusal(answers, client):
        raise refusal


def _first_refusal(answers: Sequence[object], client: redis.Redis) -> StoreError | None:
    refusal = next((answer for answer in answers if isinstance(answer, Exception)), None)
    return None if refusal is None else StoreError(describe(refusal, client))


def keep(client: redis.Redis, keys: Sequence[str]) -> None:
    """Remove the expiry of the keys (PERSIST). Raises StoreError."""
    with _guarded(client), client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.persist(key)
        pipe.execute()


def scan(client: redis.Redis, prefix: str) -> Iterator[list[bytes]]:
    """Yield the keys that begin with a prefix, page by page; SCAN may return one twice. Raises StoreError."""
    pattern = re.sub(r"([\\*?\[\]])", r"\\\1", prefix) + "*"
    cursor = 0
    while True:
        with _guarded(client):
            cursor, found = client.scan(cursor, match=pattern, count=_SCAN_PAGE)
            page = [key for key in _values(found) if key is not None]
        yield page
        if not cursor:
            return


@contextlib.contextmanager
def _guarded(client: redis.Redis) -> Iterator[None]:
    """Raise StoreError for whatever the client raises: nothing else may be in the block."""
    try:
        yield
    except TROUBLE as error:
        raise StoreError(describe(error, client)) from None


def _answer_or_none(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except TROUBLE:
        return None


def _text_or_none(ask: Callable[[], object]) -> str | None:
    answer = _answer_or_none(ask)
    return None if answer is None else str(answer)


def _values(answer: Any, count: int | None = None) -> list[bytes | None]:
    """Return the values of an answer. Raises ValueError if it has others, or not as many."""
    values = [value.encode() if isinstance(value, str) else value for value in answer]
    if count not in (None, len(values)) or not all(value is None or type(value) is bytes for value in values):
        raise ValueError("no such answer")
    return values
