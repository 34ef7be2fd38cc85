"""File state and its twins in Redis, looked at once for all checks of the state gate."""

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
    """What was found. A check asks for its part, and ends there where that part could not be had.

    `redis_trouble` says why Redis could not be asked, `files_lack` and `summary_lacks` what is missing.
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
        """The file state. Raises MissingInput."""
        if self.compared is None:
            raise MissingInput(self.files_lack)
        return self.compared

    @property
    def unequal(self) -> tuple[Unequal, ...]:
        """The records without an equal twin. Raises MissingInput, or Mismatch where Redis was not asked."""
        found = self.files
        if self.redis_trouble:
            raise Mismatch("Redis answers", self.redis_trouble)
        return found.unequal

    @property
    def keys(self) -> Survey:
        """The keys under the state's names. Raises Mismatch where Redis was not asked."""
        if self.surveyed is None:
            raise Mismatch("Redis answers", self.redis_trouble)
        return self.surveyed

    @property
    def faults_of_summary(self) -> tuple[str, ...]:
        """Why the migration's summary does not vouch for what is there. Raises MissingInput."""
        if self.summary_lacks:
            raise MissingInput(self.summary_lacks)
        return self.summary_faults

    def leads_against(self, emails: Iterable[str]) -> LeadView:
        """Compare the leads that the deployment lists with those in Redis; raises Mismatch."""
        return compare_leads(emails, self.keys, self.prefix)


def examine_state(environment: Environment, *, migrating: bool = False) -> StateFindings:
    """Read the environment's file state and survey its Redis; what cannot be had is said in the result.

    `migrating` moves the file state to Redis first, as an operator has done before a cutover.
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
        trouble = "" if surveyed else str(error)  # else it is about the files, which are looked at again
    if compared is None and hive is not None:
        try:
            compared = look_at_files(hive, prefix, cutover=section.cutover)
        except InputError as error:
            lack = f"hive_dir of [{environment.name}.state] ({error})"
    faults, lacking = _hold_summary(environment, section, compared)
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
    """Migrate the file state and leave the summary where the profile names it; without Redis, leave none."""
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


def _hold_summary(
    environment: Environment, section: StateSection, compared: Comparison | None
) -> tuple[tuple[str, ...], str]:
    """Return the faults of the migration's summary, and what is missing to tell them."""
    path = Path(section.summary)
    if not section.summary or not path.is_file():
        return (), f"summary of [{environment.name}.state] (no such file: {path})"
    if compared is None and section.hive_dir != "":
        return (), f"hive_dir of [{environment.name}.state]"
    try:
        return summary_faults(read_summary(path), compared), ""
    except InputError as error:
        return (str(error),), ""
