"""Migrations into a real Redis: what is written, what is left alone, and when it is not ok."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_caio.reference.hosting.redis_server import RedisServer
from pytest_caio.state import Summary, compare, connect, lead_key, migrate, state_key, survey
from tests.support.pace import within

MakeHive = Callable[..., Path]
_LEAD0 = lead_key("caio", "lead0@customer.example")
_TEXT = st.text(st.characters(exclude_categories=()))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_WORDS = st.text(min_size=1).filter(lambda text: not any(map(str.isspace, text)))
_EMAILS = st.one_of(st.emails(), st.builds("{}@{}".format, _WORDS, _WORDS))


def test_every_record_gets_its_twin(make_hive: MakeHive, client: redis.Redis) -> None:
    """Each record's text is under its key, without an expiry, and the summary counts it."""
    hive = make_hive()
    summary = migrate(hive, client, "caio")
    assert (summary.ok, summary.migrated, summary.already_equal, summary.unconfirmed) == (True, 6, 0, 0)
    assert summary.counts == {"operator_state": 1, "operator_batch": 2, "cadence_lead": 3}
    assert client.get(state_key("caio", "2026-02-24")) == (hive / "operator_state.json").read_bytes()
    assert {client.pttl(key) for key in client.scan_iter()} == {-1}
    assert client.dbsize() == 6


def test_a_second_run_changes_nothing(make_hive: MakeHive, client: redis.Redis) -> None:
    """Run again, every record is already equal and the digest is the same."""
    hive = make_hive()
    first = migrate(hive, client, "caio")
    again = migrate(hive, client, "caio")
    assert (again.ok, again.migrated, again.already_equal) == (True, 0, 6)
    assert again.digest == first.digest


def test_a_dry_run_writes_nothing(make_hive: MakeHive, client: redis.Redis) -> None:
    """A dry run is ok, says how many records are without a twin, and leaves Redis untouched."""
    hive = make_hive()
    client.set(_LEAD0, (hive / "cadence_state/lead0.json").read_bytes(), ex=600)
    summary = migrate(hive, client, "caio", dry_run=True)
    assert (summary.ok, summary.dry_run, summary.migrated) == (True, True, 0)
    assert (summary.already_equal, summary.unconfirmed) == (1, 5)
    assert client.keys() == [_LEAD0.encode()]
    assert client.ttl(_LEAD0) > 0


def test_other_data_is_a_conflict_and_stays(make_hive: MakeHive, client: redis.Redis) -> None:
    """Without --overwrite a value that differs is left alone, named, and the run is not ok."""
    hive = make_hive()
    client.set(_LEAD0, '{"email": "lead0@customer.example", "step": 99}')
    for dry_run in (True, False):
        summary = migrate(hive, client, "caio", dry_run=dry_run)
        assert (summary.ok, summary.conflicts) == (False, 1)
        assert summary.errors == (f"cadence_state/lead0.json: conflict: {_LEAD0} holds other data in Redis",)
    assert (summary.migrated, summary.unconfirmed) == (5, 1)
    assert b"99" in client.get(_LEAD0)


def test_overwrite_replaces_only_what_differs(make_hive: MakeHive, client: redis.Redis) -> None:
    """With --overwrite other data is replaced; equal data keeps its own spelling."""
    hive = make_hive()
    client.set(_LEAD0, '{"step": 99}', ex=600)
    spelled = b'{"sent":3,"date":"2026-02-24"}'
    client.set(state_key("caio", "2026-02-24"), spelled)
    assert migrate(hive, client, "caio", overwrite=True, dry_run=True).ok
    assert b"99" in client.get(_LEAD0)
    summary = migrate(hive, client, "caio", overwrite=True)
    assert (summary.ok, summary.migrated, summary.overwritten, summary.already_equal) == (True, 5, 1, 1)
    assert client.get(_LEAD0) == (hive / "cadence_state/lead0.json").read_bytes()
    assert client.ttl(_LEAD0) == -1
    assert client.get(state_key("caio", "2026-02-24")) == spelled


def test_a_key_that_is_no_string_is_a_conflict(make_hive: MakeHive, client: redis.Redis) -> None:
    """A hash under a record's key is never replaced, not even with --overwrite."""
    hive = make_hive()
    client.hset(_LEAD0, "step", "1")
    summary = migrate(hive, client, "caio", overwrite=True)
    assert (summary.ok, summary.conflicts, summary.migrated) == (False, 1, 5)
    assert "delete it first" in summary.errors[0]
    assert client.type(_LEAD0) == b"hash"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_dry_run_finds_a_key_that_is_no_string(
    make_hive: MakeHive, client: redis.Redis, overwrite: bool
) -> None:
    """A dry run is not ok where the migration would find a key that holds no string."""
    key = lead_key("caio", "lead0@customer.example")
    client.hset(key, "step", "1")
    summary = migrate(make_hive(), client, "caio", dry_run=True, overwrite=overwrite)
    assert (summary.ok, summary.conflicts) == (False, 1)
    assert f"conflict: {key} holds something that is no string: delete it first" in summary.errors[0]
    assert client.keys() == [key.encode()]


@pytest.mark.parametrize("present", [False, True])
def test_a_dry_run_says_that_nothing_may_be_written(
    make_hive: MakeHive, client: redis.Redis, present: bool
) -> None:
    """A dry run is not ok where Redis would refuse the writes, unless all records are there already."""
    hive = make_hive()
    if present:
        migrate(hive, client, "caio")
    user = {"passwords": ["+reads"], "keys": ["*"], "categories": ["+@read", "+@connection"]}
    client.acl_setuser("reader", enabled=True, reset=True, **user)
    place = client.connection_pool.connection_kwargs
    try:
        with connect(f"redis://reader:reads@{place['host']}:{place['port']}/0") as reader:
            summary = migrate(hive, reader, "caio", dry_run=True)
    finally:
        client.acl_deluser("reader")
    assert summary.ok is present, summary.errors
    refused = [error for error in summary.errors if "does not permit this user" in error and "(SET)" in error]
    assert len(refused) == (0 if present else 1)


def test_an_expiry_that_may_not_be_taken_off_is_not_said_to_be(
    make_hive: MakeHive, client: redis.Redis
) -> None:
    """Where Redis refuses to take an expiry off, no note says that it was taken off."""
    hive = make_hive()
    migrate(hive, client, "caio")
    client.expire(state_key("caio", "2026-02-24"), 1000)
    rights = {"passwords": ["+some"], "keys": ["*"], "categories": ["+@all"], "commands": ["-persist"]}
    client.acl_setuser("some", enabled=True, reset=True, **rights)
    place = client.connection_pool.connection_kwargs
    try:
        with connect(f"redis://some:some@{place['host']}:{place['port']}/0") as limited:
            summary = migrate(hive, limited, "caio")
    finally:
        client.acl_deluser("some")
    assert not summary.ok
    assert "(PERSIST)" in summary.errors[0]
    assert not [note for note in summary.notes if "taken off" in note]


def test_an_expiry_on_an_equal_twin_is_taken_off(make_hive: MakeHive, client: redis.Redis) -> None:
    """State that would expire is kept, and the summary notes it."""
    hive = make_hive()
    client.set(_LEAD0, (hive / "cadence_state/lead0.json").read_bytes(), ex=600)
    summary = migrate(hive, client, "caio")
    assert summary.ok
    assert client.ttl(_LEAD0) == -1
    assert summary.notes == ("1 key(s) had an expiry, which was taken off",)


class _Racing(redis.Redis):
    """A client beside which somebody else writes just before its writes are sent."""

    racer: Callable[[], object]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> redis.client.Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        execute = pipe.execute

        def race(raise_on_error: bool = True) -> list[object]:
            self.racer()
            return execute(raise_on_error)

        pipe.execute = race  # type: ignore[method-assign]
        return pipe


# The other records are written first, in one pipeline; what is to be overwritten follows in the next.
@pytest.mark.parametrize(("overwrite", "moment"), [(False, 1), (True, 1), (True, 2)])
def test_a_newer_value_written_meanwhile_is_not_lost(
    make_hive: MakeHive, redis_server: RedisServer, client: redis.Redis, overwrite: bool, moment: int
) -> None:
    """Somebody else's write between our look and our write stays: a conflict, with --overwrite too."""
    hive = make_hive()
    newer = b'{"email": "lead0@customer.example", "step": 100}'
    if overwrite:
        client.set(_LEAD0, '{"step": 99}')
    with _Racing.from_url(redis_server.url) as racing:
        sent = itertools.count(1)
        racing.racer = lambda: client.set(_LEAD0, newer) if next(sent) == moment else None
        summary = migrate(hive, racing, "caio", overwrite=overwrite)
    assert (summary.ok, summary.conflicts, summary.migrated) == (False, 1, 5)
    assert client.get(_LEAD0) == newer


def test_a_value_changed_before_it_is_read_back_is_not_ok(make_hive: MakeHive, client: redis.Redis) -> None:
    """A record that is gone, changed or given an expiry once written is not confirmed."""
    hive = make_hive()
    keys = [lead_key("caio", f"lead{n}@customer.example") for n in range(3)]

    def spoil(stage: str, done: int, total: int | None) -> None:
        if stage == "records written":
            client.delete(keys[0])
            client.set(keys[1], "{}")
            client.expire(keys[2], 600)

    summary = migrate(hive, client, "caio", progress=spoil)
    assert (summary.ok, summary.migrated, summary.unconfirmed) == (False, 6, 3)
    assert ["missing" in e or "other data" in e or "expiry" in e for e in summary.errors] == [True] * 3


def test_a_file_changed_meanwhile_is_not_ok(make_hive: MakeHive, client: redis.Redis) -> None:
    """A file that changes or goes between the first look and the write is not migrated, and said."""
    hive = make_hive()

    def change(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == ("files read", 6):
            (hive / "cadence_state/lead0.json").write_text(
                '{"email": "lead0@customer.example"}', encoding="utf-8"
            )
            (hive / "cadence_state/lead1.json").unlink()

    summary = migrate(hive, client, "caio", progress=change)
    assert (summary.ok, summary.migrated, summary.unconfirmed) == (False, 4, 2)
    assert "run again" in summary.errors[0]
    assert "since it was first read" in summary.errors[1]


@pytest.mark.parametrize("content", ['{"email": ', '{"step": 1}', "[]"])
def test_a_spoilt_file_is_not_ok(make_hive: MakeHive, client: redis.Redis, content: str) -> None:
    """A corrupt file, or one without its id, fails the run; the others are migrated all the same."""
    hive = make_hive()
    (hive / "cadence_state/jane@customer.example.json").write_text(content, encoding="utf-8")
    summary = migrate(hive, client, "caio")
    assert (summary.ok, summary.migrated, len(summary.errors)) == (False, 6, 1)
    assert summary.errors[0].startswith("cadence_state/j***@customer.example.json: ")


def test_many_conflicts_make_a_short_summary(make_hive: MakeHive, client: redis.Redis) -> None:
    """The errors shown are bounded; the counts are not."""
    hive = make_hive(leads=300)
    client.mset({lead_key("caio", f"lead{n}@customer.example"): "{}" for n in range(300)})
    summary = migrate(hive, client, "caio")
    assert (summary.conflicts, len(summary.errors), summary.errors[-1]) == (300, 101, "and 200 more")


@pytest.mark.nightly
def test_twenty_thousand_records_are_quick(make_hive: MakeHive, client: redis.Redis) -> None:
    """Twenty thousand records are migrated in seconds, and again at once."""
    hive = make_hive(leads=20_000, padding=300)
    summary = migrate(hive, client, "caio")
    assert (summary.ok, summary.migrated) == (True, 20_003)
    assert within(summary.seconds, 30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    leads=st.dictionaries(_EMAILS, st.dictionaries(_TEXT, _VALUES, max_size=4), max_size=5),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_any_data_survives_the_way(
    client: redis.Redis, leads: dict[str, dict[str, object]], indent: int | None, ascii_only: bool
) -> None:
    """Whatever the leads hold, Redis holds the same afterwards, or the run is not ok and says why."""
    client.flushall()
    with tempfile.TemporaryDirectory() as folder:
        hive = Path(folder)
        (hive / "cadence_state").mkdir()
        written = {}
        for n, (email, fields) in enumerate(leads.items()):
            record = {**fields, "email": email}
            text = json.dumps(record, indent=indent, ensure_ascii=ascii_only)
            (hive / f"cadence_state/{n}.json").write_bytes(text.encode("utf-8", "surrogatepass"))
            if ascii_only or _is_unicode(text):
                written.setdefault(lead_key("any", email), []).append(record)
        summary = migrate(hive, client, "any")
        _assert_true_of(summary, hive, client)
    single = {key: records[0] for key, records in written.items() if len(records) == 1}
    assert summary.ok is (len(single) == len(leads))
    assert {key.decode() for key in client.scan_iter()} == set(single)
    for key, record in single.items():
        assert json.dumps(json.loads(client.get(key))) == json.dumps(record)


def _assert_true_of(summary: Summary, hive: Path, client: redis.Redis) -> None:
    found = compare(hive, client, "any")
    assert (found.unequal, found.counts) == ((), summary.counts)
    assert summary.digests.keys() == survey(client, "any").records
    assert len(found.problems) == len(summary.errors)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
