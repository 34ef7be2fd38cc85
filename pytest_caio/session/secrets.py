"""Every secret that a run knows, from where it has it: what is to be redacted."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from urllib.parse import unquote

from pytest_caio.checks.credentials import NEAR_MISSES, TOKEN_KEY
from pytest_caio.checks.probe import Request
from pytest_caio.contract.paths import ACTING_PATHS, READING_PATHS
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.secret import names_path, names_secret

__all__ = ["RunSecrets"]

# What looks made at random: words that a hostile deployment sets are not to be blanked out of the report. How
# much of it is learned is bounded too.
_SESSION = re.compile(r"(?=[^0-9]*[0-9]|(?:[^A-Z]*[A-Z]){4})[\w.~+/=%-]{16,}", re.ASCII)
_MOST_OF_COOKIES = 32_768  # characters


class RunSecrets:
    """Tells `redactor` of every secret, before anything could show it. Threads may call every method."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._learning = threading.Lock()
        self._cookies = 0  # characters learned

    def learn_environments(self, environments: Iterable[Environment]) -> None:
        """Learn the secrets of env files, command line and process, and what is derived from them."""
        add, environments = self._redactor.add, tuple(environments)
        self._redactor.allow(*RUNTIME_KEYS, *READING_PATHS, *ACTING_PATHS)
        self._redactor.allow(*(text for one in environments for text in (one.name, one.base_url)))
        for environment in environments:
            # Of a key that is given twice, or over the file's, what does not hold is a secret too.
            replaced = environment.file.entries if environment.file else ()
            pairs = (*environment.values.items(), *((entry.key, entry.value) for entry in replaced))
            for key, value in pairs:
                if names_secret(key, value.reveal()):
                    add(key, value.reveal())
            add("hash of INNGEST_SIGNING_KEY", _hash(environment.value("INNGEST_SIGNING_KEY")))
            for number, revoked in enumerate(environment.revoked, 1):
                add(f"revoked token {number}", revoked.reveal())
            token = environment.value(TOKEN_KEY)
            for kind, change in NEAR_MISSES.items():  # also where the probe is another process's
                add(f"{TOKEN_KEY}, {kind}", change(token) if token else "")
        for key, text in os.environ.items():
            if names_secret(key, text) and not names_path(key, text):
                add(key, text)

    def learn_request(self, request: Request) -> None:
        """Learn what a request carries: near misses and signatures too."""
        for name, value in request.secrets:
            self._redactor.add(name, value)

    def learn_answer(self, exchange: Exchange) -> None:
        """Learn the cookies that an answer sets."""
        for header in exchange.header_values("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            shown = f"cookie {name.strip()}" if re.fullmatch(r"[\w-]{1,40}", name.strip()) else "a cookie"
            value = value.strip().strip('"')
            with self._learning:
                self._cookies += len(value)
                if not _SESSION.fullmatch(value) or self._cookies > _MOST_OF_COOKIES:
                    continue
                self._redactor.add(shown, value, reported=False)
                self._redactor.add(shown, unquote(value), reported=False)


def _hash(signing_key: str) -> str:
    """Return what introspection tells of a signing key, a credential too (`hash_signing_key` of its SDK)."""
    try:
        return hashlib.sha256(bytes.fromhex(signing_key.rpartition("-")[2])).hexdigest()
    except ValueError:  # not hex: the SDK makes no hash of it either
        return ""
