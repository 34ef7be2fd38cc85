"""File state and its copy in Redis, examined once for all checks of the state gate."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_caio.environments.addresses import seen_from
from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, STATE_PREFIX
from pytest_caio.environments.profiles import StateSection
from pytest_caio.errors import InputError
from pytest_caio.outcomes import Mismatch, MissingInput
from pytest_caio.state import (
    Comparison,
    LeadView,
    StoreError,
    Survey,
    Unequal,
    compare,
    compare_leads,
    connect,
    look_at_files,
    migrate,
    read_summary,
    summary_faults,
    survey,
    write_summary,
)

__all__ = ["StateFindings", "examine_state"]


class StateFindings(msgspec.Struct, frozen=True, kw_only=True):
    """The findings; a property raises in the check that reads it when its part could not be examined.

    `redis_trouble` is why Redis did not answer; `files_lack` and `summary_lacks` are the missing inputs.
    """

    prefix: str
    compared: Comparison | None = None
    surveyed: Survey | None = None
    redis_trouble: str = ""
    files_lack: str = ""
    summary_faults: tuple[str, ...] = ()
    summary_lacks: str = ""

    @property
    def files(self) -> Comparison:
        """The comparison of the file state. Raises MissingInput when the files could not be read."""
        if self.compared is None:
            raise MissingInput(self.files_lack)
        return self.compared

    @property
    def unequal(self) -> tuple[Unequal, ...]:
        """Records that differ in Redis. Raises MissingInput, or Mismatch when Redis did not answer."""
        found = self.files
        if self.redis_trouble:
            raise Mismatch("Redis answers", self.redis_trouble)
        return found.unequal

    @property
    def keys(self) -> Survey:
        """The survey of the state's keys in Redis. Raises Mismatch when Redis did not answer."""
        if self.surveyed is None:
            raise Mismatch("Redis answers", self.redis_trouble)
        return self.surveyed

    @property
    def faults_of_summary(self) -> tuple[str, ...]:
        """Why the migration's summary is not valid for the files. Raises MissingInput without either."""
        if self.summary_lacks:
            raise MissingInput(self.summary_lacks)
        return self.summary_faults

    def leads_against(self, emails: Iterable[str]) -> LeadView:
        """Compare the deployment's leads with those in Redis. Raises Mismatch when Redis did not answer."""
        return compare_leads(emails, self.keys, self.prefix)


def examine_state(environment: Environment, *, migrating: bool = False) -> StateFindings:
    """Read the environment's file state and survey its Redis server; what fails is in the findings.

    With `migrating`, first migrate the file state to Redis, as an operator does before a cutover.
    """
    if migrating:
        _migrate(environment)
    section, prefix = environment.profile.state or StateSection(), _prefix(environment)
    hive = Path(section.hive_dir) if section.hive_dir else None
    url = environment.value("REDIS_URL").strip()
    surveyed: Survey | None = None
    compared: Comparison | None = None
    trouble = lack = ""
    try:
        with connect(url) as client:
            surveyed = survey(client, prefix)
            if hive is not None:
                compared = compare(hive, client, prefix, cutover=section.cutover)
    except StoreError as error:
        trouble = f"{error}: {seen_from(url)}"
    except InputError as error:
        trouble = "" if surveyed else str(error)  # else the files are at fault, and are read again below
    if compared is None and hive is not None:
        try:
            compared = look_at_files(hive, prefix, cutover=section.cutover)
        except InputError as error:
            lack = f"hive_dir of [{environment.name}.state] ({error})"
    faults, lacking = _check_summary(environment, section, compared)
    return StateFindings(
        prefix=prefix,
        compared=compared,
        surveyed=surveyed,
        redis_trouble=trouble,
        files_lack=lack,
        summary_faults=faults,
        summary_lacks=lacking,
    )


def _migrate(environment: Environment) -> None:
    """Migrate the file state and write the summary to the profile's path; without Redis write nothing."""
    section = environment.profile.state
    assert section is not None
    assert section.hive_dir
    try:
        with connect(environment.value("REDIS_URL").strip()) as client:
            summary = migrate(Path(section.hive_dir), client, _prefix(environment))
    except InputError:  # no usable REDIS_URL: the checks will say so
        return
    write_summary(Path(section.summary), summary)


def _prefix(environment: Environment) -> str:
    return environment.value(STATE_PREFIX).strip() or DEFAULT_STATE_PREFIX


def _check_summary(
    environment: Environment, section: StateSection, compared: Comparison | None
) -> tuple[tuple[str, ...], str]:
    """Return the faults of the migration's summary, and the missing input when it cannot be checked."""
    path = Path(section.summary)
    if not section.summary or not path.is_file():
        return (), f"summary of [{environment.name}.state] (no such file: {path})"
    if compared is None and section.hive_dir != "":
        return (), f"hive_dir of [{environment.name}.state]"
    try:
        return summary_faults(read_summary(path), compared), ""
    except InputError as error:
        return (str(error),), ""
