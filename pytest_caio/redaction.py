"""What may be shown: the one place where secrets are taken out of everything that leaves the process."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["Redactor"]

# Shorter values would smear over words and numbers of the report; the environment gate refuses them.
_SHORTEST = 8
# Words that a deployment reports and that an env file may hold under a secret's name.
_STATUS_WORDS = frozenset({"production", "staging", "disabled", "required", "connected", "configured"})
_EMAIL = re.compile(r"\b([A-Za-z0-9])[A-Za-z0-9._%+-]*@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\b")


class Redactor:
    """Replaces every known secret, in every encoding it could take, by its name.

    Secrets of fewer than 8 characters and status words are left alone.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._forms: dict[str, str] = {}
        self._ordered: list[tuple[str, str]] = []
        for name, value in (secrets or {}).items():
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Make `value` known under `name`, which is shown in its place."""
        if len(value) < _SHORTEST or value.lower() in _STATUS_WORDS:
            return
        before = len(self._forms)
        for form in _forms(value):
            self._forms.setdefault(form, f"[redacted: {name}]")
        if len(self._forms) > before:
            # Longest first, so that a secret inside a longer one does not leave its rest standing.
            self._ordered = sorted(self._forms.items(), key=lambda item: -len(item[0]))

    def holds_secret(self, text: str) -> bool:
        """Say whether `text` holds a known secret in any form."""
        return any(form in text for form in self._forms)

    def names_in(self, text: str) -> list[str]:
        """Return the names of the secrets that `text` holds."""
        names = {mark[len("[redacted: ") : -1] for form, mark in self._forms.items() if form in text}
        return sorted(names)

    def text(self, text: str) -> str:
        """Return `text` with every known secret replaced by its name, and email addresses masked."""
        for form, mark in self._ordered:
            if form in text:
                text = text.replace(form, mark)
        return _EMAIL.sub(r"\1***@\2", text) if "@" in text else text

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
    forms = {
        value,
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), quote(raw, safe="")),
        raw.hex(),
        raw.hex().upper(),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        html.escape(value).replace("&#x27;", "&#39;"),
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
