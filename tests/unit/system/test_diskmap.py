"""Mappings and lists on disk: they are what a dict and a list are, and memory does not grow with them."""

from __future__ import annotations

from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.errors import InputError
from pytest_caio.system.diskmap import DiskList, DiskMap

KEYS = st.text(st.characters(exclude_categories=()), max_size=3)


@given(st.lists(st.tuples(KEYS, st.binary(max_size=4), st.booleans()), max_size=30))
def test_a_mapping_on_disk_is_a_mapping(steps: list[tuple[str, bytes, bool]]) -> None:
    """Whatever is added and removed, keys, values, order and length are those of a dict."""
    kept, known = DiskMap(bytes), dict[str, bytes]()
    for key, value, added in steps:
        if added:
            assert kept.add(key, value) is (key not in known)
            known.setdefault(key, value)
        else:
            kept.remove(key)
            known.pop(key, None)
    assert list(kept.items()) == list(known.items())
    assert (list(kept), list(kept.values()), len(kept)) == (list(known), list(known.values()), len(known))
    assert list(kept.sorted_items()) == sorted(known.items())
    assert all(kept[key] == value and key in kept for key, value in known.items())
    assert kept == known


@given(st.lists(KEYS, unique=True, max_size=12), st.lists(KEYS, max_size=12), st.randoms())
def test_values_in_turn_are_those_of_the_keys(keys: list[str], others: list[str], chance: Random) -> None:
    """Keys get their own values in whatever order they are asked for, and one that is not there gets none."""
    kept = DiskMap(bytes)
    for number, key in enumerate(keys):
        kept.add(key, b"%d" % number)
    for asked in (keys, others, chance.sample(keys, len(keys)), sorted([*keys, *others]), [*keys[2:], *keys]):
        for most in (1, 2, 5):
            raw = kept.in_turn()
            pages = [raw(asked[start : start + most]) for start in range(0, len(asked), most)]
            assert list(chain.from_iterable(pages)) == [kept.raw(key) for key in asked]


def test_more_than_a_page_is_read_in_order() -> None:
    """Iteration goes on over pages, and places that are given decide on the order."""
    kept = DiskMap(bytes)
    for place in reversed(range(1, 1202)):
        kept.add(f"{place}", b"%d" % place, place)
    assert list(kept.raw_values()) == [b"%d" % place for place in range(1, 1202)]
    assert (kept.nth(0), kept.nth(1200)) == (b"1", b"1201")
    assert "0" not in kept
    with pytest.raises(KeyError):
        kept["0"]


def test_a_list_on_disk_is_a_sequence() -> None:
    """A list on disk has indices and slices, is equal to other sequences, and takes each key once."""
    kept = DiskList(bytes.decode)
    assert kept == ()
    assert [kept.append(raw, key) for raw, key in ((b"a", "1"), (b"b", "2"), (b"c", "1"))] == [
        True,
        True,
        False,
    ]
    assert (kept[0], kept[-1], kept[:5], len(kept)) == ("a", "b", ("a", "b"), 2)
    assert kept == ["a", "b"]
    assert kept != ("a",)
    with pytest.raises(IndexError):
        kept[2]


def test_a_full_disk_is_said() -> None:
    """Where temporary files cannot be written, one line says so and what to do."""
    kept = DiskMap(bytes)
    kept._rows.execute("PRAGMA max_page_count = 8")  # the same error of SQLite as a full disk
    with pytest.raises(InputError, match=r"temporary files cannot be written .*full.*TMPDIR"):
        kept.add("1", b"x" * 2**20)
