"""The names of state in Redis."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.redaction.personal import mask_identifier
from pytest_caio.state.keys import batch_key, family, lead_key, record_key, state_key

_ENCODABLE = st.text(min_size=1).filter(lambda text: text.strip())


def test_a_lead_is_named_by_its_hashed_address() -> None:
    """A lead's key is the prefix and 24 hex of the SHA-256 of the address, trimmed and lower-cased."""
    assert lead_key("caio", " Jane@Customer.EXAMPLE\n") == "caio:cadence:lead:8d45c84ae6644650d45ba22d"


@given(_ENCODABLE)
def test_any_address_makes_the_key_the_rule_says(email: str) -> None:
    """Whatever the address holds, its key follows the rule, and blanks around it do not matter."""
    expected = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]
    assert lead_key("p", email) == lead_key("p", f"\t{email} ") == f"p:cadence:lead:{expected}"
    assert family("p", lead_key("p", email)) == "cadence_lead"


@given(_ENCODABLE, st.dates(), _ENCODABLE)
def test_any_id_makes_a_key_of_its_own_family(prefix: str, day: date, identity: str) -> None:
    """Whatever prefix and id hold, a key is a state's or a batch's exactly where a record may have it."""
    assert family(prefix, state_key(prefix, day.isoformat())) == "operator_state"
    try:
        key = record_key(prefix, "operator_batch", {"batch_id": identity}, "")
    except ValueError:
        assert family(prefix, batch_key(prefix, identity)) == "foreign"
    else:
        assert family(prefix, key) == "operator_batch"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("caio:locks:operator:outbound", "lock"),
        ("caio:operator:queue", "foreign"),
        ("caio:operator:state:", "foreign"),
        ("caio:operator:state:yesterday", "foreign"),
        ("caio:operator:state:2026-02-30", "foreign"),
        ("caio:operator:state:2026-02-24:backup", "foreign"),
        ("caio:operator:batch:tmp x:swap", "foreign"),
        ("caio:operator:batch:2026-02-24:a", "operator_batch"),
        ("caio:cadence:lead:jane@customer.example", "foreign"),
        ("caio:cadence:lead:" + "A" * 24, "foreign"),
        ("caio:locks:cadence:x", "foreign"),
        ("caio:production:ratelimit:x", None),
        ("caio2:operator:queue", None),
        ("operator:state:2026-02-24", None),
    ],
)
def test_names_are_told_apart(key: str, found: str | None) -> None:
    """Only the state's own names are its; another prefix or namespace is nobody's business."""
    assert family("caio", key) == found


@pytest.mark.parametrize("batch_id", [None, "", "absent"])
def test_a_batch_without_an_id_is_named_by_its_file(batch_id: str | None) -> None:
    """A batch whose id is absent, null or empty takes the stem of its file."""
    fields = {} if batch_id == "absent" else {"batch_id": batch_id}
    assert record_key("caio", "operator_batch", fields, "batch_7") == "caio:operator:batch:batch_7"


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("operator_state", {}, "lacks its date"),
        ("operator_state", {"date": None}, "lacks its date"),
        ("operator_state", {"date": 20260224}, "its date is no text"),
        ("cadence_lead", {"email": ""}, "lacks its email"),
        ("cadence_lead", {"email": "  "}, "its email is no text"),
        ("cadence_lead", {"email": ["a@b.example"]}, "its email is no text"),
        ("cadence_lead", {"email": "Jane Doe"}, "its email is no address"),
        ("cadence_lead", {"email": "Jane <jane@b.example>"}, "its email is no address"),
        ("operator_state", {"date": "yesterday"}, "its date is no day, written YYYY-MM-DD"),
        ("operator_state", {"date": "24.02.2026"}, "its date is no day"),
        ("operator_state", {"date": "2026-02-30"}, "its date is no day"),
        ("operator_state", {"date": "20260224"}, "its date is no day"),
        ("operator_state", {"date": " 2026-02-24"}, "its date is no day"),
        ("operator_batch", {"batch_id": "batch 7"}, "its batch_id has a blank or an invisible character"),
        ("operator_batch", {"batch_id": "batch_7\n"}, "its batch_id has a blank"),
        ("operator_batch", {"batch_id": "batch\u200b7"}, "its batch_id has a blank or an invisible"),
        ("cadence_lead", {"email": "\ud800@b.example"}, "no valid Unicode"),
        ("operator_batch", {"batch_id": 7}, "its batch_id is no text"),
        ("operator_batch", {"batch_id": "\ud800"}, "no valid Unicode"),
    ],
)
def test_a_record_without_a_usable_id_has_no_key(kind: str, fields: dict[str, object], reason: str) -> None:
    """An operator state dated `yesterday`, a batch id with blanks: no such key is ever looked up."""
    with pytest.raises(ValueError, match=reason):
        record_key("caio", kind, fields, "batch_7")  # type: ignore[arg-type]


@pytest.mark.parametrize("stem", ["batch_7 (copy)", "batch_\u00a07", "batch_\t7"])
def test_a_file_name_with_blanks_is_no_id(stem: str) -> None:
    """A batch that is named by its file, whose name has blanks in it, has no key that is looked up."""
    with pytest.raises(ValueError, match="its file's name, which is its id, has a blank"):
        record_key("caio", "operator_batch", {}, stem)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cadence_state/jane.doe@customer.example.json", "cadence_state/j***@customer.example.json"),
        ("caio:operator:batch:jane@customer.example", "caio:operator:batch:j***@customer.example"),
        ("cadence_state/lead7.json", "cadence_state/lead7.json"),
    ],
)
def test_addresses_in_names_are_masked(text: str, shown: str) -> None:
    """An address in a path or a key is shown by its first letter and its domain."""
    assert mask_identifier(text) == shown
