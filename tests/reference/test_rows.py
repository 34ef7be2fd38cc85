"""Rows and functions of faults: what cannot be meant is refused, and both are registered alike."""

from __future__ import annotations

import pytest

from pytest_caio.reference.dashboard.deployment import Deployment
from pytest_caio.reference.dashboard.settings import fresh_settings
from pytest_caio.reference.faults.fault import Faults, by_name, fault
from pytest_caio.reference.faults.verbs import assign, publish, set_variable


@pytest.fixture
def deployment() -> Deployment:
    """A healthy deployment that serves nothing."""
    return Deployment(fresh_settings("production", "http://127.0.0.1:1", "redis://127.0.0.1:1/0"))


def test_two_faults_of_one_name_are_refused() -> None:
    """A name that stands in two tables is an error, since one of the two would never be run."""
    row = fault("docs-served", "The API's documentation is public.", "RDY-09", assign(docs=True))
    other = fault("docs-served", "The API's documentation is public, too.", "RDY-09", assign(docs=True))
    with pytest.raises(ValueError, match="two faults are named docs-served"):
        by_name([row], [other])


def test_misspelled_field_is_refused(deployment: Deployment) -> None:
    """A row that sets a field of no deployment is an error, since it would break nothing."""
    with pytest.raises(AttributeError, match="doks"):
        assign(doks=True)(deployment)


def test_row_does_all_its_verbs_in_order(deployment: Deployment) -> None:
    """A row's verbs are done one after the other; a value may be made of the one before, None removes it."""
    row = fault(
        "ramp-odd",
        "The ramp is odd.",
        "OPS-03 OPS-09",
        set_variable("REDIS_URL", "redis://127.0.0.1:2/0"),
        set_variable("REDIS_URL", lambda was: was.replace("/0", "/1")),
        publish("REDIS_URL", None),
        then="OPS-08",
        place="ramp",
    )
    row.apply(deployment)
    assert (row.reds, row.consequences, row.place) == (("OPS-03", "OPS-09"), ("OPS-08",), "ramp")
    assert deployment.settings["REDIS_URL"] == "redis://127.0.0.1:2/1"
    assert "REDIS_URL" not in deployment.published


def test_function_is_named_as_it_is_written(deployment: Deployment) -> None:
    """A function that `add` decorates comes after the rows, under its name with hyphens."""
    faults = Faults([fault("docs-served", "The API's documentation is public.", "RDY-09", assign(docs=True))])

    @faults.add("The ramp is odd.", "OPS-03", then="OPS-08", place="ramp")
    def ramp_odd(deployment: Deployment) -> None:
        """Change the commit."""
        deployment.commit = "odd"

    assert list(by_name(faults)) == ["docs-served", "ramp-odd"]
    last = faults[-1]
    assert (last.says, last.reds, last.consequences, last.place) == (
        "The ramp is odd.",
        ("OPS-03",),
        ("OPS-08",),
        "ramp",
    )
    last.apply(deployment)
    assert deployment.commit == "odd"
