"""The names of state in Redis: the key of each record, and the other names under the prefix."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

__all__ = ["KINDS", "Family", "Kind", "batch_key", "family", "lead_key", "record_key", "state_key"]

Kind = Literal["operator_state", "operator_batch", "cadence_lead"]
KINDS: tuple[Kind, ...] = ("operator_state", "operator_batch", "cadence_lead")

# What a key names: a record of one of the kinds, a lock, or, under their prefixes, neither.
Family = Literal["operator_state", "operator_batch", "cadence_lead", "lock", "foreign"]

_FAMILIES: tuple[tuple[Family, re.Pattern[str]], ...] = (
    ("cadence_lead", re.compile(r"cadence:lead:[0-9a-f]{24}")),
    ("operator_batch", re.compile(r"operator:batch:.+", re.DOTALL)),
    ("operator_state", re.compile(r"operator:state:.+", re.DOTALL)),
    ("lock", re.compile(r"locks:operator:.+", re.DOTALL)),
    ("foreign", re.compile(r"(?:operator|cadence|locks):.*", re.DOTALL)),
)


def state_key(prefix: str, date: str) -> str:
    """Return the key of a day's operator state."""
    return f"{prefix}:operator:state:{date}"


def batch_key(prefix: str, batch_id: str) -> str:
    """Return the key of an operator batch."""
    return f"{prefix}:operator:batch:{batch_id}"


def lead_key(prefix: str, email: str) -> str:
    """Return the key of a lead's cadence: 24 hex digits of the SHA-256 of the trimmed, lower-cased address.

    Raises ValueError for an address that is not valid Unicode.
    """
    try:
        digest = hashlib.sha256(email.strip().lower().encode("utf-8")).hexdigest()
    except UnicodeEncodeError:
        raise ValueError("its email is no valid Unicode") from None
    return f"{prefix}:cadence:lead:{digest[:24]}"


def record_key(prefix: str, kind: Kind, fields: Mapping[str, object], stem: str) -> str:
    """Return the key of a record with these fields, read from a file with this stem.

    The key comes from `date`, `batch_id` (or else the file's stem), or `email`. Raises ValueError when that
    field is missing, or such that the dashboard would never look for its key.
    """
    match kind:
        case "operator_state":
            key = state_key(prefix, _day(_identity(fields, "date")))
        case "operator_batch":
            named = fields.get("batch_id") not in (None, "")
            key = batch_key(
                prefix, _word(_identity(fields, "batch_id"), "batch_id") if named else _word(stem)
            )
        case "cadence_lead":
            key = lead_key(prefix, _address(_identity(fields, "email")))
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("its id is no valid Unicode") from None
    return key


def family(prefix: str, key: str) -> Family | None:
    """Return what a key under `prefix` names; None for a name that is not one of the state's.

    A name by which no state or batch is ever looked up is foreign.
    """
    name = key.removeprefix(f"{prefix}:")
    if name == key:
        return None
    found = next((found for found, pattern in _FAMILIES if pattern.fullmatch(name)), None)
    try:
        match found:
            case "operator_state":
                _day(name.removeprefix("operator:state:"))
            case "operator_batch":
                _word(name.removeprefix("operator:batch:"))
    except ValueError:
        return "foreign"
    return found


def _identity(fields: Mapping[str, object], field: str) -> str:
    value = fields.get(field)
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"lacks its {field}" if value in (None, "") else f"its {field} is no text that names it")


def _day(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text).isoformat()
    raise ValueError("its date is no day, written YYYY-MM-DD: no such key is ever looked up")


def _word(text: str, field: str = "") -> str:
    if any(map(str.isspace, text)) or not (text.isprintable() or _is_broken(text)):
        name = f"its {field}" if field else "its file's name, which is its id,"
        raise ValueError(f"{name} has a blank or an invisible character in it: no such key is ever looked up")
    return text


def _address(text: str) -> str:
    if "@" not in text.strip() or (any(map(str.isspace, text.strip()))):
        raise ValueError("its email is no address: no such key is ever looked up")
    return text


def _is_broken(text: str) -> bool:
    """Return whether a text is no valid Unicode, of which `record_key` says so."""
    return any("\ud800" <= c <= "\udfff" for c in text)
