"""File state and its copy in Redis, examined once for all checks of the state gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from pytest_caio.environments.environment import Environment
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX, STATE_PREFIX
from pytest_caio.environments.profiles import StateSection
from pytest_caio.errors import InputError
from pytest_caio.gates.redis_server import unanswered
from pytest_caio.outcomes import MissingInput, NotApplicable
from pytest_caio.state import (
    Comparison,
    LeadView,
    StoreError,
    Summary,
    Survey,
    Unequal,
    compare,
    compare_leads,
    connect,
    look_at_files,
    read_summary,
    summary_faults,
    survey,
)
from pytest_caio.system.paths import is_file

__all__ = ["StateFindings", "examine_state"]


class StateFindings(msgspec.Struct, frozen=True, kw_only=True):
    """The findings; a property raises in the check that reads it when its part could not be examined.

    `redis_trouble` is why Redis did not answer; `files_lack` and `summary_lacks` are the missing inputs;
    `summary_trouble` is why the summary cannot be read.
    """

    prefix: str
    compared: Comparison | None = None
    surveyed: Survey | None = None
    redis_trouble: str = ""
    files_lack: str = ""
    summary: Summary | None = None
    summary_trouble: str = ""
    summary_lacks: str = ""

    @property
    def files(self) -> Comparison:
        """The comparison of the file state.

        Raises MissingInput when the files could not be read, and NotApplicable when there are none.
        """
        if self.compared is None:
            raise MissingInput(self.files_lack)
        if self.compared.empty:
            raise NotApplicable("the folders of file state are empty: there is nothing to compare")
        return self.compared

    @property
    def unequal(self) -> Sequence[Unequal]:
        """Records that differ in Redis. Raises as `files` does, or Mismatch when Redis did not answer."""
        found = self.files
        if self.redis_trouble:
            raise unanswered(self.redis_trouble)
        if not any(found.counts.values()):
            raise NotApplicable("no file of state is a record (STATE-02): there is nothing to compare")
        return found.unequal

    @property
    def keys(self) -> Survey:
        """The survey of the state's keys in Redis. Raises Mismatch when Redis did not answer."""
        if self.surveyed is None:
            raise unanswered(self.redis_trouble)
        return self.surveyed

    @property
    def faults_of_summary(self) -> tuple[str, ...]:
        """Why the migration's summary does not prove that the state is in Redis.

        Raises MissingInput without a summary, Mismatch when Redis did not answer, and NotApplicable when
        nothing was migrated.
        """
        if self.summary_lacks:
            raise MissingInput(self.summary_lacks)
        if self.summary is None:
            return (self.summary_trouble,)
        faults = summary_faults(self.summary, self.prefix, self.keys)
        if not faults and not any(self.summary.counts.values()):
            raise NotApplicable("the migration found no record: there is nothing to look for in Redis")
        return faults

    @property
    def prefix_of_summary(self) -> str:
        """The prefix under which the summary's migration wrote; without a summary the environment's own."""
        return self.summary.prefix if self.summary else self.prefix

    def leads_against(self, emails: Iterable[str]) -> LeadView:
        """Compare the deployment's leads with those in Redis.

        Raises Mismatch when Redis did not answer, and NotApplicable when there is no lead on either side.
        """
        listed = list(emails)
        if not (listed or self.keys.leads):
            raise NotApplicable("there is no lead, neither in Redis nor in the deployment's list")
        return compare_leads(listed, self.keys, self.prefix)


def examine_state(environment: Environment) -> StateFindings:
    """Read the environment's file state and survey its Redis server; what fails is in the findings."""
    section = environment.profile.state or StateSection()
    prefix = environment.value(STATE_PREFIX).strip() or DEFAULT_STATE_PREFIX
    hive = Path(section.hive_dir) if section.hive_dir else None
    summary, summary_trouble, summary_lacks = _read_summary(environment, section)
    url = environment.value("REDIS_URL").strip()
    surveyed: Survey | None = None
    compared: Comparison | None = None
    trouble = lack = ""
    try:
        with connect(url) as client:
            surveyed = survey(client, prefix)
            if hive is not None:
                migrated = summary.digests if summary else None
                compared = compare(hive, client, prefix, cutover=section.cutover, migrated=migrated)
    except StoreError as error:
        trouble = str(error)
    except InputError as error:
        trouble = "" if surveyed else str(error)  # else the files are at fault, and are read again below
    if compared is None and hive is not None:
        try:
            compared = look_at_files(hive, prefix, cutover=section.cutover)
        except InputError as error:
            lack = f"hive_dir of [{environment.name}.state] ({error})"
    return StateFindings(
        prefix=prefix,
        compared=compared,
        surveyed=surveyed,
        redis_trouble=trouble,
        files_lack=lack,
        summary=summary,
        summary_trouble=summary_trouble,
        summary_lacks=summary_lacks,
    )


def _read_summary(environment: Environment, section: StateSection) -> tuple[Summary | None, str, str]:
    """Return the migration's summary, or why it cannot be read, or the input that is missing."""
    path = Path(section.summary)
    if not section.summary or not is_file(path):
        return None, "", f"summary of [{environment.name}.state] (no such file: {path})"
    try:
        return read_summary(path), "", ""
    except InputError as error:
        return None, str(error), ""
