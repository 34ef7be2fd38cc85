"""The HTTP client of deliveries: bounded in tries and waiting, and no second POST without looking first."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from pytest_caio.delivery.limits import limit_of, seconds_of
from pytest_caio.environments.urls import web_url
from pytest_caio.errors import InputError
from pytest_caio.probing.tls import authorities

__all__ = ["Client", "NotDelivered", "Reply", "Uncertain"]

Reply = requests.Response
_TIMEOUT = (5, 30)  # seconds to connect, and for each part of the response
_TRIES = 3
_PATIENCE = 60.0  # seconds of waiting for one delivery
_PAUSES = (1.0, 4.0)  # seconds before the second and the third try, where the server does not say
_LOOKS = (1.0, 4.0, 10.0)  # seconds before each look for what a request without an answer may have created
_TOLD = 3.0  # seconds: a longer pause is told
_SECONDARY = 60.0  # seconds that GitHub asks to wait where a secondary rate limit names no time
_MOST_REDIRECTS = 3
_MOST_PAGES = 100
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NotDelivered(Exception):
    """A delivery that failed: the text is one sentence that says what to do; `status` is the API's, or 0."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Uncertain(Exception):
    """A request that the server may have carried out: there was no answer, or one of a proxy (5xx).

    `seconds` is how long to wait before the next try, None where nobody says.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Client:
    """Requests to one API, `base`, with its credentials in `headers` or `auth`.

    `meanings` say for status codes what to do, in one sentence each. Nothing of the environment is used (no
    proxy, no .netrc) but what a run uses too, SSL_CERT_FILE and SSL_CERT_DIR, and no request follows a
    redirect to another host. `trust` returns the TLS context, if the address is https. `tell` is called with
    a line before each long pause. `repeated` is true if something was sent twice, of which the first may
    still arrive. Raises InputError, naming `source`, if `base` is no URL that can be used.
    """

    def __init__(
        self,
        tracker: str,
        base: str,
        source: str,
        meanings: Mapping[int, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        trust: Callable[[], ssl.SSLContext] = authorities,
        tell: Callable[[str], None],
    ) -> None:
        own = web_url(base)
        if own is None or (own.scheme == "http" and own.host not in _LOOPBACK):
            raise InputError(f"{source}: must be a URL that starts with https://")
        # urllib3 logs the path of each request, which for a webhook is a secret.
        logging.getLogger("urllib3").setLevel(logging.WARNING)
        self._tracker = tracker
        self._base = base.rstrip("/")
        self._own = own
        self._meanings = meanings
        self._tell = tell
        self._waited = 0.0
        self.repeated = False
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": "pytest-caio", **(headers or {})})
        self._session.auth = auth
        if own.scheme == "https":
            self._session.mount("https://", _Adapter(trust()))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, path: str, **details: Any) -> Any:
        """Return the JSON of a GET. Raises NotDelivered."""
        return _json(self._repeat(lambda: self._once("GET", path, **details)), self._tracker)

    def find(self, path: str, **details: Any) -> Any:
        """Return the JSON of a GET, or None if there is nothing (404, and 422 for a name that cannot be)."""
        reply = self._repeat(lambda: self._once("GET", path, missing=(404, 422), **details))
        return None if reply.status_code in (404, 422) else _json(reply, self._tracker)

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the items of a list, page by page as its Link headers lead (RFC 8288)."""
        url = f"{path}{'&' if '?' in path else '?'}per_page=100"
        for _ in range(_MOST_PAGES):
            reply = self._repeat(partial(self._once, "GET", url))
            yield from _json(reply, self._tracker)
            following = reply.links.get("next", {}).get("url", "")
            if not following:
                return
            url = self._joined(reply.url, following)
        raise NotDelivered(f"{self._tracker} lists more than {_MOST_PAGES} pages: use another issue")

    def change(self, method: str, path: str, **details: Any) -> None:
        """Send a request that may be repeated: PUT, PATCH, DELETE. Raises NotDelivered."""
        reply = self._repeat(lambda: self._once(method, path, **details))
        if method != "DELETE":  # which is answered with nothing
            _made(reply, self._tracker)

    def create(self, path: str, arrived: Callable[[], Any], **details: Any) -> Any:
        """POST; where it is not known whether the server took it, look with `arrived` before another try.

        A server may take a request long after its answer was lost, so that it is looked for several times. If
        a second one was sent, the first may still arrive: `arrived` must return the first of what it finds,
        and remove what is there twice; it is called once more then, and `repeated` is set. Returns what
        `arrived` finds, else what the response says was made. Raises NotDelivered.
        """
        unsure, reason = False, ""
        for number in range(_TRIES):
            try:
                reply = self._once("POST", path, **details)
            except Uncertain as error:
                unsure, reason = True, str(error)
                for pause in _LOOKS if error.seconds is None else (error.seconds, *_LOOKS[1:]):
                    # Before the look, since the server may still be at work on what it was sent.
                    self._pause(pause, reason)
                    if (found := arrived()) is not None:
                        return found
            except _NotTaken as error:
                reason = str(error)
                if number + 1 < _TRIES:
                    pause = _PAUSES[min(number, len(_PAUSES) - 1)]
                    self._pause(pause if error.seconds is None else error.seconds, reason)
                if unsure and (found := arrived()) is not None:
                    return found
            except NotDelivered as error:
                # An earlier try may have arrived late, and made this one a second of the same name.
                if unsure and error.status in (409, 422) and (found := arrived()) is not None:
                    return found
                raise
            else:
                if not unsure:
                    return _made(reply, self._tracker)
                self.repeated = True
                self._pause(min(_LOOKS[-1], _PATIENCE - self._waited), reason)
                return arrived() or _made(reply, self._tracker)
        ended = "and nothing arrived: run this again" if unsure else "run this again later"
        raise NotDelivered(f"{self._tracker}: {reason}, {_TRIES} times{', ' if unsure else '; '}{ended}")

    def post_once(self, path: str, **details: Any) -> Reply:
        """POST where nothing can be looked up. Raises NotDelivered, and Uncertain if it may have arrived."""
        return self._repeat(lambda: self._once("POST", path, **details), again=False)

    def allows(self, url: str) -> bool:
        """Return whether an address that the API gave belongs to it, so that it may get the credentials."""
        other = web_url(url)
        if other is None:
            return False
        prefix, _, site = self._own.host.partition(".")
        github = prefix == "api" and (site == "github.com" or site.endswith(".ghe.com"))
        return other.origin == self._own.origin or (github and other.origin == f"https://uploads.{site}")

    def _repeat(self, send: Callable[[], Reply], *, again: bool = True) -> Reply:
        """Return the response of `send`; try again after a rate limit and, with `again`, after a failure."""
        reason = ""
        for number in range(_TRIES):
            pause = _PAUSES[min(number, len(_PAUSES) - 1)]
            try:
                return send()
            except _NotTaken as error:
                reason = str(error)
                pause = pause if error.seconds is None else error.seconds
            except Uncertain as error:
                if not again:
                    raise
                reason = str(error)
                pause = pause if error.seconds is None else error.seconds
            if number + 1 < _TRIES:
                self._pause(pause, reason)
        raise NotDelivered(f"{self._tracker}: {reason}, {_TRIES} times; run this again later")

    def _pause(self, seconds: float, reason: str) -> None:
        if self._waited + seconds > _PATIENCE:
            raise NotDelivered(f"{self._tracker}: {reason}; run this again in {seconds:.0f} seconds")
        self._waited += seconds
        if seconds >= _TOLD:
            self._tell(f"{self._tracker}: {reason}; waiting {seconds:.0f} seconds")
        time.sleep(seconds)

    def _once(self, method: str, path: str, *, missing: tuple[int, ...] = (), **details: Any) -> Reply:
        url = path if "://" in path else f"{self._base}{path}"
        for _ in range(_MOST_REDIRECTS + 1):
            if not self.allows(url):
                other = web_url(url)
                host = other.authority if other else "none that can be read"
                raise NotDelivered(
                    f"{self._tracker} sends on to another host ({host}), to which nothing was sent: give the "
                    "address that is meant"
                )
            reply = self._send(method, url, **details)
            moved = (301, 302, 303, 307, 308) if method == "GET" else (301, 302, 307, 308)
            if reply.status_code not in moved or "location" not in reply.headers:
                break
            url = self._joined(url, reply.headers["location"])
        else:
            raise NotDelivered(f"{self._tracker} redirects in a circle: see that its address is right")
        code = reply.status_code
        if code < 300 or code in missing:
            return reply
        waits = {"secondary": _SECONDARY, "unsaid": _PAUSES[-1]}
        if (seconds := limit_of(code, reply.headers, reply.text, **waits)) is not None:
            raise _NotTaken("its rate limit is reached", seconds)
        if code >= 500 or code in (303, 408):  # 303: what was sent is done, and is to be read elsewhere
            raise Uncertain(f"it answered {code}", seconds_of(reply.headers))
        known = self._meanings.get(
            code, f"see that its address is right, and whether {self._tracker} is down"
        )
        raise NotDelivered(f"{self._tracker} answered {code}: {known}", code)

    def _joined(self, url: str, location: str) -> str:
        try:
            joined = urljoin(url, location)
        except ValueError:
            joined = ""
        if web_url(joined) is None:
            raise NotDelivered(f"{self._tracker} leads to no address: see that its address is right")
        return joined

    def _send(self, method: str, url: str, **details: Any) -> Reply:
        try:
            return self._session.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **details)
        except requests.exceptions.SSLError:
            raise NotDelivered(
                f"{self._tracker}: its certificate is not trusted: see that its address is right, or, if a "
                "private authority signed it, give that authority's certificate with --ca-bundle FILE"
            ) from None
        except requests.exceptions.ConnectionError as error:
            # Without the text of the error, which quotes the URL.
            reason = getattr(error.args[0] if error.args else None, "reason", None)
            if isinstance(reason, NewConnectionError | ConnectTimeoutError):
                raise _NotTaken("it cannot be reached from here, directly and without a proxy") from None
            raise Uncertain("the connection was lost before its answer") from None
        except requests.exceptions.Timeout:
            raise Uncertain(f"there was no answer within {_TIMEOUT[1]} seconds") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
            raise NotDelivered(
                f"{self._tracker}: its address or its credentials cannot be used: see that they were copied "
                "whole and without other characters"
            ) from None
        except requests.exceptions.RequestException as error:
            raise Uncertain(f"there was no answer ({type(error).__name__})") from None


class _NotTaken(Exception):
    """A request that was certainly not carried out: a rate limit refused it, or there was no connection.

    `seconds` is how long to wait before the next try, None where nobody says.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _Adapter(HTTPAdapter):
    """Connections that trust the authorities of a TLS context."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *args: Any, **details: Any) -> None:
        super().init_poolmanager(*args, **details, ssl_context=self._trust)


def _json(reply: Reply, tracker: str) -> Any:
    try:
        return reply.json()
    except (ValueError, RecursionError):
        raise NotDelivered(
            f"{tracker} answered {reply.status_code} without JSON: see that its address is that of the API"
        ) from None


def _made(reply: Reply, tracker: str) -> Any:
    """Return what was made, from the response to its request: an object or several, and none is empty."""
    made = _json(reply, tracker)
    several = made if isinstance(made, list) else [made]
    if not several or not all(isinstance(one, dict) and one for one in several):
        raise NotDelivered(
            f"{tracker} answered {reply.status_code} without what was made: see that its address is that of "
            "the API, and run this again"
        )
    return made
