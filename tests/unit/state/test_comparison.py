"""File state beside a real Redis: what the state gate asserts on."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import redis

from pytest_caio.errors import InputError
from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import (
    StoreError,
    Summary,
    compare,
    compare_leads,
    connect,
    lead_key,
    migrate,
    read_summary,
    summary_faults,
    survey,
    write_summary,
)

MakeHive = Callable[..., Path]
_LEAD0 = lead_key("caio", "lead0@customer.example")


def test_a_migrated_hive_is_equal(make_hive: MakeHive, client: redis.Redis) -> None:
    """After a migration nothing is unequal, and the summary vouches for what is there."""
    hive = make_hive()
    summary = migrate(hive, client, "caio")
    found = compare(hive, client, "caio")
    assert (found.unequal, found.problems, found.late, found.ignored) == ((), (), (), ())
    assert found.counts == {"operator_state": 1, "operator_batch": 2, "cadence_lead": 3}
    assert summary_faults(summary, "caio", survey(client, "caio")) == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        ('{"email": "Lead0@customer.example", "step": 1, "history": ""}', "other data"),
        ('{"email": "Lead0@customer.example", "step": false, "history": ""}', "other data"),
        ('{"email": ', "not JSON"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_twin_that_differs_is_named(
    make_hive: MakeHive, client: redis.Redis, value: str | bytes | None, reason: str
) -> None:
    """A twin that is missing, differs as data or is no JSON is named with its file and key."""
    hive = make_hive()
    migrate(hive, client, "caio")
    client.delete(_LEAD0) if value is None else client.set(_LEAD0, value)
    (found,) = compare(hive, client, "caio").unequal
    assert (found.path, found.key) == ("cadence_state/lead0.json", _LEAD0)
    assert reason in str(found)


def test_another_spelling_is_equal(
    make_hive: MakeHive, redis_server: RedisServer, client: redis.Redis
) -> None:
    """A twin that another writer spelled otherwise is equal, for a client that answers in text too."""
    hive = make_hive()
    migrate(hive, client, "caio")
    client.set(_LEAD0, '{"history":"","step":0.0,"email":"\\u004cead0@customer.example"}')
    with redis_server.client() as texts:
        assert compare(hive, texts, "caio").unequal == ()


def test_the_wrong_prefix_leaves_every_record_without_a_twin(
    make_hive: MakeHive, client: redis.Redis
) -> None:
    """Under another prefix nothing has a twin, and the summary says that it wrote elsewhere."""
    hive = make_hive()
    summary = migrate(hive, client, "caio")
    found = compare(hive, client, "staging")
    assert len(found.unequal) == 6
    assert "under caio" in summary_faults(summary, "staging", survey(client, "staging"))[0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"email": "Lead0@customer.example", "step": 9}', ""),
        ('{"email": " lead0@CUSTOMER.example"}', ""),
        (None, "missing"),
        ('{"email": "other@customer.example"}', "no record of that name"),
        ('{"step": 9}', "no record of that name"),
        ("[]", "no record of that name"),
        ("", "not JSON"),
    ],
)
def test_a_twin_may_move_on_from_the_cutover(
    make_hive: MakeHive, client: redis.Redis, value: str | None, reason: str
) -> None:
    """From the cutover on a twin may hold other data, and must be there as a record of that name."""
    hive = make_hive()
    migrate(hive, client, "caio")
    client.delete(_LEAD0) if value is None else client.set(_LEAD0, value)
    found = compare(hive, client, "caio", cutover=datetime(2026, 2, 24, tzinfo=UTC)).unequal
    assert [reason in str(one) for one in found] == ([True] if reason else [])


def test_files_are_those_that_were_migrated(make_hive: MakeHive, client: redis.Redis) -> None:
    """From the cutover on a file must hold what the migration found in it, where that is known."""
    hive = make_hive()
    migrated = dict(migrate(hive, client, "caio").digests)
    (hive / "cadence_state/lead0.json").write_text('{"email": "lead0@customer.example"}', "utf-8")
    del migrated[lead_key("caio", "lead1@customer.example")]
    cutover = datetime(2026, 2, 24)  # noqa: DTZ001 - without a zone it is UTC
    assert compare(hive, client, "caio", cutover=cutover).unequal == ()
    found = compare(hive, client, "caio", cutover=cutover, migrated=migrated).unequal
    assert [one.reason for one in found] == [
        "was migrated from other data than its file holds",
        "was not migrated",
    ]


def test_files_changed_after_the_cutover_are_late(make_hive: MakeHive, client: redis.Redis) -> None:
    """A file written after the cutover moment is named with its time; one at the moment is not."""
    hive = make_hive()
    cutover = datetime(2026, 2, 24, tzinfo=UTC)
    for path in hive.rglob("*.json"):
        os.utime(path, (cutover.timestamp(), cutover.timestamp()))
    os.utime(hive / "cadence_state/lead1.json", (cutover.timestamp() + 60, cutover.timestamp() + 60))
    for moment in (cutover, cutover.replace(tzinfo=None)):
        late = compare(hive, client, "caio", cutover=moment).late
        assert [str(record) for record in late] == [
            "cadence_state/lead1.json: changed 2026-02-24T00:01:00+00:00"
        ]


def test_redis_down_is_one_line_without_the_password(make_hive: MakeHive) -> None:
    """A comparison or survey without a Redis raises one clear line, never equality."""
    server = RedisServer().start()
    url = server.url
    server.stop()
    with connect(url) as gone:
        for ask in (lambda: compare(make_hive(), gone, "caio"), lambda: survey(gone, "caio")):
            with pytest.raises(StoreError, match="cannot be reached") as failure:
                ask()
            assert server.password not in str(failure.value)


def test_expiries_and_foreign_keys_are_found(make_hive: MakeHive, client: redis.Redis) -> None:
    """State with an expiry, locks without one and unknown names under the state's are told apart."""
    hive = make_hive(leads=1500)
    migrate(hive, client, "caio")
    client.expire(_LEAD0, 600)
    client.set("caio:locks:operator:outbound", "x", ex=60)
    client.set("caio:locks:operator:cadence", "x")
    client.set("caio:operator:queue:jane@customer.example", "x")
    client.set(b"caio:cadence:\xff", "x")
    client.set("caio:production:ratelimit:1", "x")
    client.set("caio2:operator:queue", "x")
    found = survey(client, "caio")
    assert found.expiring == (_LEAD0,)
    assert found.everlasting == ("caio:locks:operator:cadence",)
    assert found.foreign == (r"caio:cadence:\xff", "caio:operator:queue:j***@customer.example")
    assert found.counts == {"operator_state": 1, "operator_batch": 2, "cadence_lead": 1500}


def test_a_prefix_with_pattern_characters_is_taken_as_written(client: redis.Redis) -> None:
    """A prefix is no pattern: `*`, `?` and brackets in it match themselves."""
    client.set("a*[b]?:locks:operator:x", "x")
    client.set("aZb?:locks:operator:x", "x")
    assert survey(client, "a*[b]?").everlasting == ("a*[b]?:locks:operator:x",)
    assert survey(client, "*").everlasting == ()


def test_leads_listed_and_leads_held_are_compared(make_hive: MakeHive, client: redis.Redis) -> None:
    """A lead that only Redis holds is unseen, one that only the deployment lists is unknown."""
    migrate(make_hive(), client, "caio")
    found = survey(client, "caio")
    emails = [f" LEAD{n}@customer.example" for n in range(3)]
    assert compare_leads(emails, found, "caio") == compare_leads([], survey(client, "none"), "none")
    view = compare_leads([*emails[1:], "new@customer.example", "\ud800@x"], found, "caio")
    assert view.unseen == (_LEAD0,)
    assert view.unknown == (r"\ud800***@x", "n***@customer.example")


def test_a_summary_that_does_not_vouch_says_why(make_hive: MakeHive, client: redis.Redis) -> None:
    """Not ok, errors, a dry run, and records that are no longer in Redis are each said."""
    hive = make_hive()

    def faults(summary: Summary) -> str:
        return "\n".join(summary_faults(summary, "caio", survey(client, "caio")))

    assert "dry run" in faults(migrate(hive, client, "caio", dry_run=True))
    summary = migrate(hive, client, "caio")
    (hive / "cadence_state/lead0.json").unlink()
    client.set(lead_key("caio", "new@customer.example"), '{"email": "new@customer.example"}')
    assert faults(summary) == ""
    client.delete(_LEAD0, lead_key("caio", "new@customer.example"))
    assert faults(summary) == f"1 of its records are not in Redis, the first: {_LEAD0}"
    older = msgspec.structs.replace(summary, digests={})
    assert faults(older) == "it counted 3 of cadence_lead, and Redis holds 2"
    failed = Summary(
        ok=False, dry_run=False, prefix="caio", counts={}, errors=("Redis is gone",), conflicts=1
    )
    for part in ("not ok", "Redis is gone", "1 conflict"):
        assert part in faults(failed)


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A summary survives its file, whatever its texts hold, and nothing is left beside it."""
    summary = Summary(ok=False, dry_run=True, prefix="é", counts={"operator_state": 1}, errors=("x\udcff",))
    path = tmp_path / "summary.json"
    path.write_text("old", encoding="utf-8")
    write_summary(path, summary)
    assert read_summary(path) == summary
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b'{"ok": "yes"}', b"\xff", b"[" * 5000, b'{"ok": false, "ok": true}', b'{"ok": NaN}'],
    ids=lambda content: str(content)[:20],
)
def test_a_summary_that_cannot_be_used_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    """A missing or foreign file is no summary, and the error names it."""
    path = tmp_path / "summary.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"summary .*summary\.json"):
        read_summary(path)
