"""What may be shown: the one place where secrets are taken out of everything that leaves the process."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import ahocorasick

from pytest_caio.personal import masked

__all__ = ["Redactor"]

# Shorter values would smear over words and numbers of the report; the environment gate refuses them.
_SHORTEST = 8
# Words that a deployment reports and that an env file may hold under a secret's name.
_STATUS_WORDS = frozenset({"production", "staging", "disabled", "required", "connected", "configured"})
# Credentials that the deployment makes, and that nobody can know beforehand.
_MADE = re.compile(r"(signing_key(?:_fallback)?_hash\W{1,8}(?!redacted)|caio_session=)[\w.+/=-]{8,}")
# Parts of a secret that are secrets themselves: a URL's password, an Inngest key without its prefix.
_PARTS = re.compile(r"://[^/\s@]*:(\S+)@|^signkey-\w+-(\S+)")


class Redactor:
    """Replaces every known secret, in every encoding it could take, by its name.

    All forms are looked for in one pass (Aho-Corasick), so the time is that of the text, however many
    secrets there are. Secrets of fewer than 8 characters and status words are left alone.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._forms: dict[str, str] = {}
        self._automaton: Any = None
        for name, value in (secrets or {}).items():
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Make `value` known under `name`, which is shown in its place."""
        if value in self._names or len(value) < _SHORTEST or value.lower() in _STATUS_WORDS:
            return
        self._names[value] = name
        for form in _forms(value):
            self._forms.setdefault(form, name)
        if part := _PARTS.search(value):
            inner = part[1] or part[2]
            self.add(name, inner)
            self.add(name, unquote(inner))
        self._automaton = None

    def names_in(self, text: str) -> list[str]:
        """Return the names of the secrets that `text` holds, in any form."""
        return sorted({name for _, _, name in self._found(text)})

    def text(self, text: str) -> str:
        """Return `text` with every known secret replaced by its name, and email addresses masked."""
        parts, done = [], 0
        for start, end, name in self._found(text):
            if start < done:  # two forms overlap: what is left of the second goes too
                parts.append("") if end <= done else parts.append(f"[redacted: {name}]")
            else:
                parts += [text[done:start], f"[redacted: {name}]"]
            done = max(done, end)
        shown = _MADE.sub(r"\1[redacted]", "".join([*parts, text[done:]]) if parts else text)
        return masked(shown)

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, end, name) of each form in `text`, the longest first where two start together."""
        if not self._forms:
            return []
        if self._automaton is None:
            self._automaton = ahocorasick.Automaton()
            for form, name in self._forms.items():
                self._automaton.add_word(form, (len(form), name))
            self._automaton.make_automaton()
        found = [(end + 1 - size, end + 1, name) for end, (size, name) in self._automaton.iter(text)]
        return sorted(found, key=lambda span: (span[0], -span[1]))

    def tree(self, value: Any) -> Any:
        """Return `value` redacted: text in containers is replaced, dataclasses are changed in place."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self.tree(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for name in vars(value):
                object.__setattr__(value, name, self.tree(getattr(value, name)))
        return value


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogateescape")
    # Of URLs: Python's forms, and encodeURIComponent's.
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="!~*'()")}
    escaped = html.escape(value)
    forms = quoted | {
        value,
        *(re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in quoted),
        raw.hex(),
        raw.hex().upper(),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        escaped,
        escaped.replace("&#x27;", "&#39;"),
        escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(value, quote=False),
        repr(value)[1:-1],
        repr(raw)[2:-1],
    }
    # base64 of a longer text that holds the secret: at each alignment the inner characters are fixed.
    for lead in range(3):
        skip = (0, 2, 3)[lead]
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        inner = encoded[skip : len(encoded) - ((len(raw) + lead) % 3 > 0)]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= _SHORTEST}
