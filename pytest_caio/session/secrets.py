"""The secrets of a run: everything that must be redacted, and where it comes from."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from urllib.parse import unquote

from pytest_caio.checks.credentials import NEAR_MISSES, SESSION, TOKEN_KEY
from pytest_caio.checks.probe import Request
from pytest_caio.contract.paths import ACTING_PATHS, NAMED_PATHS, READING_PATHS
from pytest_caio.contract.signing import signed_part
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.gates.leaks import signatures_in, tokens_in
from pytest_caio.probing.exchange import Exchange
from pytest_caio.redaction.redactor import Redactor
from pytest_caio.redaction.secret import names_path, names_secret

__all__ = ["RunSecrets"]

# A cookie's value is a secret only if it looks random, and the total length learned is bounded: otherwise a
# hostile deployment could have words of the report redacted.
_SESSION = re.compile(r"(?=[^0-9]*[0-9]|(?:[^A-Z]*[A-Z]){4})[\w.~+/=%-]{16,}", re.ASCII)
# What a header calls a signature, in hex or base64.
_SIGNATURE = re.compile(r"[\w+/-]{32,256}", re.ASCII)
_MOST_LEARNED = 32_768  # characters in total


class RunSecrets:
    """Registers every secret with `redactor` before anything can show it. Methods are thread-safe."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._learning = threading.Lock()
        self._learned = 0  # characters of cookies, tokens and signatures seen
        self._environments: tuple[Environment, ...] = ()

    def learn_environments(self, environments: Iterable[Environment]) -> None:
        """Register the secrets of env files, command line and process environment, and their derivatives."""
        add, environments = self._redactor.add, tuple(environments)
        self._environments = environments
        self._redactor.allow(*RUNTIME_KEYS, *READING_PATHS, *NAMED_PATHS, *ACTING_PATHS)
        self._redactor.allow(*(text for one in environments for text in (one.name, one.base_url)))
        for environment in environments:
            # A value that another overrides, in the file or from outside it, is a secret too.
            replaced = environment.file.entries if environment.file else ()
            pairs = (*environment.values.items(), *((entry.key, entry.value) for entry in replaced))
            for key, value in pairs:
                if names_secret(key, value.reveal()):
                    add(key, value.reveal())
            add("hash of INNGEST_SIGNING_KEY", _hash(environment.value("INNGEST_SIGNING_KEY")))
            for number, revoked in enumerate(environment.revoked.tokens, 1):
                add(f"revoked token {number}", revoked.reveal())
            for number, revoked in enumerate(environment.revoked.sessions, 1):
                add(f"revoked session {number}", signed_part(revoked.reveal()))
            token = environment.value(TOKEN_KEY)
            for kind, change in NEAR_MISSES.items():  # also when another process sends the probe
                add(f"{TOKEN_KEY}, {kind}", change(token) if token else "")
        for key, text in os.environ.items():
            if names_secret(key, text) and not names_path(key, text):
                add(key, text)

    def learn_request(self, request: Request) -> None:
        """Register the secrets that a request carries, near misses and signatures included.

        A session is no leak in the response that opened it.
        """
        for name, value in request.secrets:
            self._redactor.add(name, value, reported=name != SESSION.name)

    def learn_answer(self, exchange: Exchange) -> None:
        """Register the cookies that a response sets, and the tokens and signatures in it, also of others."""
        for environment in self._environments:
            for signature in signatures_in(exchange, environment):
                self._redactor.add("a signature", signature, reported=False)
        found = [("a token", token) for token in tokens_in(exchange)]
        for name, value in exchange.headers:
            if "signature" in name.lower():
                found += [("a signature", signature) for signature in _SIGNATURE.findall(value)]
        for shown, value in found:
            with self._learning:
                self._learned += len(value)
                if self._learned <= _MOST_LEARNED:
                    self._redactor.add(shown, value, reported=False)
        for header in exchange.header_values("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            shown = f"cookie {name.strip()}" if re.fullmatch(r"[\w-]{1,40}", name.strip()) else "a cookie"
            value = value.strip().strip('"')
            with self._learning:
                self._learned += len(value)
                if not _SESSION.fullmatch(value) or self._learned > _MOST_LEARNED:
                    continue
                self._redactor.add(shown, value, reported=False)
                self._redactor.add(shown, unquote(value), reported=False)


def _hash(signing_key: str) -> str:
    """Return the hash of a signing key that introspection reports (`hash_signing_key` of the Inngest SDK)."""
    try:
        return hashlib.sha256(bytes.fromhex(signing_key.rpartition("-")[2])).hexdigest()
    except ValueError:  # not hex: the SDK does not hash it either
        return ""
