"""Probes as data: the request to send, its credential, and its effect on the deployment."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pytest_caio.environments.environment import Environment
from pytest_caio.outcomes import MissingInput

__all__ = [
    "EDGE_STATUSES",
    "Credential",
    "Effect",
    "Probe",
    "Request",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "probe",
    "put",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])
EDGE_STATUSES = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 530})
"""Status codes of the edge in front of a deployment that it cannot reach; from 520 on, of Cloudflare."""


class Effect(enum.StrEnum):
    """The effect of a request on the deployment, as the plan shows it."""

    NONE = "none"
    HARMLESS = "none, even if let in"
    LOGGED = "the server's log keeps the credential"
    QUEUE = "the queue takes up held cards; if nearly empty, training cards"
    ONCE = "counted; sent once, never retried"
    WRITE = "acted on; needs --allow-writes"


@dataclass(frozen=True)
class Request:
    """A probe resolved for one environment: the bytes to send. Equal requests are sent once."""

    method: str
    origin: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    effect: Effect = Effect.NONE
    sample: int = 0
    again_after: float = 0.0
    retry_statuses: frozenset[int] = field(default=EDGE_STATUSES, compare=False)
    credential: str = field(default="none", compare=False)
    entitled: bool = field(default=False, compare=False)  # its credential opens what it asks for
    # Pairs of a name to show and the secret value in this request that it replaces.
    secrets: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)

    @property
    def sent_once(self) -> bool:
        """Whether it must not be sent a second time, whatever became of the first."""
        return self.effect in (Effect.ONCE, Effect.WRITE)

    def carry(self, credential: str, *headers: tuple[str, str]) -> Request:
        """Return this request with `headers` added; `credential` is shown in place of their values."""
        hidden = tuple((credential, value) for _, value in headers)
        return replace(self, headers=self.headers + headers, secrets=self.secrets + hidden)


class _Apply(Protocol):
    def __call__(self, request: Request, environment: Environment) -> Request: ...


@dataclass(frozen=True)
class Credential:
    """A probe's credential: shown as `name`, applied to a request with the environment's secrets.

    `needs` are the keys that must be given. `entitled`: it is a right one, and opens what it is sent to.
    """

    name: str
    needs: tuple[str, ...]
    apply: _Apply = field(compare=False)
    entitled: bool = False


@dataclass(frozen=True)
class Probe:
    """One request to a deployment, as a check declares it.

    `target` is the path and query, sent as written. As a decorator, a probe declares that the check needs its
    response. `tolerates_silence`: the check accepts that there is no response. `again_after`: the request is
    sent once more, that many seconds after the first response. `sample` tells otherwise equal requests apart,
    so that each is sent.
    """

    method: str
    target: str
    credential: Credential | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    effect: Effect = Effect.NONE
    name: str = ""
    sample: int = 0
    retry_statuses: frozenset[int] = EDGE_STATUSES
    again_after: float = 0.0
    tolerates_silence: bool = False
    plain_http: bool = False

    @property
    def label(self) -> str:
        """The name under which the check finds the response: `name`, else method and target."""
        return self.name or f"{self.method} {self.target}"

    def resolve(self, environment: Environment) -> Request:
        """Return the request for `environment`. Raises MissingInput naming the keys that are missing."""
        missing = [
            key for key in (self.credential.needs if self.credential else ()) if not environment.value(key)
        ]
        if missing:
            raise MissingInput(*missing)
        host = f"[{environment.host}]" if ":" in environment.host else environment.host
        request = Request(
            self.method,
            f"http://{host}" if self.plain_http else environment.base_url,
            self.target,
            self.headers,
            self.body,
            self.effect,
            self.sample,
            self.again_after,
            self.retry_statuses,
        )
        if self.credential is None:
            return request
        carrying = self.credential.apply(request, environment)
        return replace(carrying, credential=self.credential.name, entitled=self.credential.entitled)

    def __call__(self, function: _Function) -> _Function:
        """Declare, as a decorator, that the check `function` needs this probe's response."""
        declared = getattr(function, "caio_probes", ())
        # Decorators apply from the bottom up; prepending keeps the order in which they are written.
        function.caio_probes = (self, *declared)  # type: ignore[attr-defined]
        return function


def probe(
    method: str,
    target: str,
    credential: Credential | None = None,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    effect: Effect | None = None,
    name: str = "",
    **details: Any,
) -> Probe:
    """Declare a probe. `effect` defaults to `Effect.HARMLESS` for a method that could change something."""
    if effect is None:
        effect = Effect.NONE if method in ("GET", "HEAD", "OPTIONS") else Effect.HARMLESS
    return Probe(method, target, credential, tuple((headers or {}).items()), body, effect, name, **details)


def get(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a GET probe."""
    return probe("GET", target, credential, **details)


def post(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a POST probe; by default it must be harmless even if it is accepted (`Effect.HARMLESS`)."""
    return probe("POST", target, credential, **details)


def head(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a HEAD probe."""
    return probe("HEAD", target, credential, **details)


def put(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a PUT probe."""
    return probe("PUT", target, credential, **details)


def patch(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a PATCH probe."""
    return probe("PATCH", target, credential, **details)


def delete(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare a DELETE probe."""
    return probe("DELETE", target, credential, **details)


def options(target: str, credential: Credential | None = None, **details: Any) -> Probe:
    """Declare an OPTIONS probe."""
    return probe("OPTIONS", target, credential, **details)
