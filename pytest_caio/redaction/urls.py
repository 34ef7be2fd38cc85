"""Credentials in URLs, also in URLs whose password was not percent-encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

__all__ = ["url_credentials"]

_URL = re.compile(r"([A-Za-z][\w+.-]*)://(.*)", re.ASCII | re.DOTALL)
_NEXT_URL = re.compile(r"[\s,;]+(?=[A-Za-z][\w+.-]*://)", re.ASCII)
# Of these, a path or query may have an @ in it; of all others, an @ follows a password.
_WEB = ("http", "https", "ws", "wss")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)", re.ASCII)
_HOST = r"(?:[\w.-]*|\[[\da-fA-F:.]*\])(?::\d{1,5})?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*(?:[/?#]|$)", re.ASCII)
# A raw & may be part of a password: what follows it is another option only if a plain name does.
_OPTION = re.compile(r"[?&#;]([\w.-]+)=((?:[^&]|&(?![a-z_]+=))+)")
_NAMES_CREDENTIAL = re.compile(
    r"user(?:_?name)?|pass|pwd|.*(?:password|passwd|passphrase|token|secret|key|auth|sig|signature|credential)s?",
    re.IGNORECASE,
)
# Names of users that come with a server: hiding them would hide words of the report.
_USUAL_USERS = frozenset({"default", "postgres", "username", "readonly", "administrator"})


def url_credentials(value: str) -> list[str]:
    """Return every part of the URLs in `value` that may be a credential, as written and percent-decoded.

    That is the user and the password, and the values of options such as `?password=`. A raw `/`, `?`, `#` or
    `@` may be part of a password: where it is not clear where the password ends, both readings are returned.
    """
    found = dict.fromkeys(
        form
        for text in _NEXT_URL.split(value)
        if (url := _URL.search(text))
        for part in _parts(url[1].lower(), url[2])
        for form in (part, unquote(part), unquote_plus(part))
    )
    return [part for part in found if part and part.lower() not in _USUAL_USERS]


def _parts(scheme: str, rest: str) -> Iterator[str]:
    authority = re.split(r"[/?#\s]", rest, maxsplit=1)[0]
    ends = {authority.rfind("@")}
    port = authority.partition(":")[2]
    if scheme not in _WEB or (port and "@" not in authority and not _PORT.match(port)):
        ends.add(rest.rfind("@"))
    for end in sorted(ends - {-1}):
        user, _, password = rest[:end].partition(":")
        yield password
        yield user
    if ends == {-1} and scheme not in _WEB and not _HOSTS.match(rest):
        yield rest  # no host: the password of a URL whose host is missing
    for name, value in _OPTION.findall(rest):
        if _NAMES_CREDENTIAL.fullmatch(name):
            yield value
