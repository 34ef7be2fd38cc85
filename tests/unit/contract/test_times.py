"""Times that a deployment reports are read in every form that is a time, in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pytest_caio.contract.cards import Poll, moment_of
from pytest_caio.contract.reports import CheckedAt

MOMENT = datetime(2026, 11, 27, 10, 15, tzinfo=UTC)
SECONDS = 1795774500


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-27T10:15:00Z", "2026-11-27T15:45:00+05:30", "2026-11-27 10:15:00", "2026-11-27T10:15:00"),
        *("20261127T101500Z", "20261127T154500+0530", "20261127T101500"),
        *(SECONDS, float(SECONDS), str(SECONDS), SECONDS * 1000, SECONDS * 1000.0, str(SECONDS * 1000)),
    ],
)
def test_a_time_is_read(value: object) -> None:
    """A time is ISO 8601 in either form, or seconds or milliseconds since 1970; without a zone it is UTC."""
    assert moment_of(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        *("yesterday", "", "2026-11-27", "20261341T101500Z", "2026-W48-5", "²", "9" * 5000, "\ud800"),
        *(None, True, False, [], {}, float("nan"), float("inf"), 10**400, -(10**20)),
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    """What is no time, or no more than a day, is None."""
    assert moment_of(value) is None


@pytest.mark.parametrize("value", ["20261127T101500Z", SECONDS, SECONDS * 1000])
def test_a_poll_may_tell_its_time_in_each_form(value: object) -> None:
    """The contract names no form for the time of a poll, so that each is read."""
    assert msgspec.convert({"refreshed_at": value}, Poll).moment == MOMENT


@pytest.mark.parametrize("value", ["x", None, True])
def test_a_poll_without_a_time_is_none(value: object) -> None:
    """A poll whose time cannot be read is not of the right shape."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"refreshed_at": value}, Poll)


@pytest.mark.parametrize("value", ["2026-11-27T10:15:00Z", "20261127T101500Z", "2026-11-27T15:45:00+05:30"])
def test_the_dependencies_tell_an_iso_time(value: str) -> None:
    """The time of the dependency report is ISO 8601, in either form."""
    assert abs(msgspec.convert({"checked_at": value}, CheckedAt).checked_at - MOMENT) == timedelta()


@pytest.mark.parametrize("value", [SECONDS, None, "x"])
def test_the_dependencies_tell_no_other_time(value: object) -> None:
    """The contract has the time of the dependency report as ISO 8601, and so no other is right."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"checked_at": value}, CheckedAt)
