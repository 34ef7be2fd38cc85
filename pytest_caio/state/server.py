"""The Redis server that holds the state: connection, inspection, reads and writes."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from pytest_caio.errors import InputError

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
    "storage_of",
    "write_refusals",
]

_TIMEOUT_SECONDS = 15.0
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


def connect(url: str, *, seconds: float = _TIMEOUT_SECONDS, retries: int = 3) -> redis.Redis:
    """Return a client for a Redis URL; nothing is sent yet. Close it, or use it as a context manager.

    `seconds` is the timeout of connecting and of each reply, `retries` the number of retries of both.
    Raises InputError, quoting nothing of the URL, when it is not a Redis URL.
    """
    try:
        client = redis.Redis.from_url(
            url,
            protocol=2,  # every server supports 2; with 3 the client also subscribes to maintenance notices
            socket_connect_timeout=seconds,
            socket_timeout=seconds,
            retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), retries),
        )
        client.connection_pool.make_connection()  # an unknown option in the URL raises only here
    except (ValueError, TypeError, AttributeError):
        raise InputError("REDIS_URL is no Redis URL: use redis://, rediss:// or unix://") from None
    return client


def inspect_server(client: redis.Redis) -> Server:
    """Check that the server answers, is not a replica and evicts nothing; failures are returned as faults."""
    try:
        with _guarded():
            client.ping()
    except StoreError as failure:
        return Server(faults=(str(failure),))
    # Managed servers deny CONFIG more often than INFO.
    policy = _text_or_none(lambda: client.info("memory").get("maxmemory_policy"))
    policy = policy or _text_or_none(lambda: client.config_get("maxmemory-policy").get("maxmemory-policy"))
    role = _text_or_none(lambda: client.info("replication").get("role"))
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
    return Storage(memory.get("used_memory"), memory.get("maxmemory"), on_disk)


def write_refusals(client: redis.Redis, prefixes: Sequence[str]) -> list[str]:
    """Return why a value could not be written under each prefix; an empty text where it could.

    Nothing is written: SET with XX changes an existing key only, and no key has this random name. It
    is refused all the same where a write would be: to this user, on a replica, or with no memory left.
    Raises StoreError when the connection fails.
    """
    name = f"caio-acceptance:{secrets.token_hex(16)}"
    with _guarded(), client.pipeline(transaction=False) as pipe:
        for prefix in prefixes:
            pipe.set(f"{prefix}:{name}", "", xx=True, px=1)
        answers = pipe.execute(raise_on_error=False)
    return [_describe(answer) if isinstance(answer, Exception) else "" for answer in answers]


def fetch(client: redis.Redis, keys: Sequence[str]) -> list[bytes | None]:
    """Return the values of the keys, None for a missing key or a non-string value. Raises StoreError."""
    with _guarded():
        return [_bytes(value) for value in client.mget(list(keys))]


def members(client: redis.Redis, key: str) -> list[str]:
    """Return the members of a sorted set in their order, none for a missing one. Raises StoreError."""
    with _guarded():
        found = cast("list[bytes | str]", client.zrange(key, 0, -1))
    return [(_bytes(member) or b"").decode("utf-8", "backslashreplace") for member in found]


def expiries(client: redis.Redis, keys: Sequence[str | bytes]) -> list[int]:
    """Return each key's time to live in ms, -1 without an expiry, -2 for a missing key. Raises StoreError."""
    with _guarded(), client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.pttl(key)
        return cast("list[int]", pipe.execute())


def insert(client: redis.Redis, texts: Mapping[str, bytes]) -> tuple[set[str], StoreError | None]:
    """Write each value whose key does not exist; return the keys written and the first error, if any.

    Raises StoreError when the connection fails; it is then unknown what was written.
    """
    with _guarded(), client.pipeline(transaction=False) as pipe:
        for key, text in texts.items():
            pipe.set(key, text, nx=True)
        answers = pipe.execute(raise_on_error=False)  # a raised error would quote the value
    written = {key for key, answer in zip(texts, answers, strict=True) if answer is True}
    refusal = next((answer for answer in answers if isinstance(answer, Exception)), None)
    return written, None if refusal is None else StoreError(_describe(refusal))


def replace(client: redis.Redis, wanted: Mapping[str, tuple[bytes | None, bytes]]) -> set[str]:
    """Replace values, given by key as (value seen, new value); return the keys replaced.

    A key whose value is no longer the one seen keeps its newer value. Raises StoreError.
    """
    pending = dict(wanted)
    for _ in range(_REPLACE_ATTEMPTS):
        with _guarded(), client.pipeline(transaction=True) as pipe:
            pipe.watch(*pending)  # type: ignore[no-untyped-call]
            now = [_bytes(value) for value in pipe.mget(list(pending))]
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


def keep(client: redis.Redis, keys: Sequence[str]) -> None:
    """Remove the expiry of the keys (PERSIST). Raises StoreError."""
    with _guarded(), client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.persist(key)
        pipe.execute()


def scan(client: redis.Redis, prefix: str) -> Iterator[list[bytes]]:
    """Yield the keys that begin with a prefix, page by page; SCAN may return one twice. Raises StoreError."""
    pattern = re.sub(r"([\\*?\[\]])", r"\\\1", prefix) + "*"
    cursor = 0
    while True:
        with _guarded():
            cursor, page = client.scan(cursor, match=pattern, count=_SCAN_PAGE)
        yield [key if isinstance(key, bytes) else key.encode() for key in page]
        if not cursor:
            return


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise StoreError(_describe(error)) from None


# The client's own messages are not shown: they may quote the connection string or values of the command.
_REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "Redis refuses the credentials in REDIS_URL"),
    (redis.exceptions.AuthenticationWrongNumberOfArgsError, "Redis refuses the credentials in REDIS_URL"),
    (redis.BusyLoadingError, "Redis is still loading its data"),
    (redis.ReadOnlyError, "Redis is read-only: it is a replica"),
    (redis.OutOfMemoryError, "Redis is out of memory (maxmemory)"),
    (redis.exceptions.NoPermissionError, "Redis does not permit this user what the state needs"),
    (redis.TimeoutError, "Redis does not answer in time"),
    (redis.ConnectionError, "Redis cannot be reached"),
    (OSError, "Redis cannot be reached"),
)

_CODES: Mapping[str, str] = {
    "NOREPLICAS": "Redis has fewer replicas than it needs to take writes (min-replicas-to-write)",
    "MISCONF": "Redis cannot save to its disk, and so takes no writes",
    "READONLY": "Redis is read-only: it is a replica",
    "NOPERM": "Redis does not permit this user what the state needs",
    "OOM": "Redis is out of memory (maxmemory)",
}


def _describe(error: Exception) -> str:
    for refusal, text in _REFUSALS:
        if isinstance(error, refusal):
            return text
    code = re.match(r"[A-Z]{3,}(?= )", str(error))
    if code and code[0] in _CODES:
        return _CODES[code[0]]
    return f"Redis refused a command ({code[0] if code else type(error).__name__})"


def _answer_or_none(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (redis.RedisError, OSError):
        return None


def _text_or_none(ask: Callable[[], object]) -> str | None:
    answer = _answer_or_none(ask)
    return None if answer is None else str(answer)


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
