"""Tests that write a secret to every output that a test has; copied beside the checks of a run.

CHATTER names a JSON file with the texts to write, each of which contains a secret in some encoding.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path

import pytest

TEXTS = json.loads(Path(os.environ["CHATTER"]).read_text("utf-8"))


def named(number):
    """Return the id of a text, or None where other plugins write ids, which only this package redacts."""
    return None if os.environ.get("CHATTER_UNNAMED") else TEXTS[number].encode("ascii", "ignore").decode()


@pytest.fixture(params=range(len(TEXTS)), ids=named)
def told(request):
    """A text that holds a secret."""
    return TEXTS[request.param]


def test_prints(told):
    """Print, to both streams."""
    sys.stdout.write(told + "\n")
    sys.stderr.write(told + "\n")


def test_prints_in_pieces(told):
    """Print in pieces, and past the text layer."""
    for start in range(0, len(told), 5):
        sys.stdout.write(told[start : start + 5])
        sys.stdout.flush()
    sys.stdout.buffer.write(told.encode() + b"\n")
    sys.stdout.buffer.flush()


def test_logs(told):
    """Log, and log an exception."""
    logging.getLogger("chatter").warning("told %s", told)
    try:
        int(told + "!")
    except ValueError:
        logging.getLogger("chatter").exception("it broke")


def test_warns(told):
    """Warn."""
    warnings.warn(f"told {told}", UserWarning, stacklevel=1)


def test_raises(told):
    """Raise, with locals."""
    local = {"value": told, "list": [told, told]}
    raise RuntimeError(told, local)


def test_compares(told):
    """Fail by a comparison of texts, which pytest shows as a diff."""
    assert f"{told}\nand more" == f"x{told[:-3]}yyy\nand less"


def test_compares_dicts(told):
    """Fail by a comparison of containers."""
    assert {"a": told, "b": [told] * 3} == {"a": told + "x", "b": [told[1:]] * 3}


def test_records(told, record_property, record_testsuite_property):
    """Record a property, and skip."""
    record_property("told", told)
    record_testsuite_property("told", told)
    pytest.skip(told)


@pytest.fixture
def broken(told):
    """A fixture that breaks."""
    raise LookupError(told)


def test_setup(broken):
    """Break before the test begins."""


@pytest.mark.xfail(reason="expected")
def test_expected(told):
    """Fail as expected."""
    pytest.xfail(told)
