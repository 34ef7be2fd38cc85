"""Redis as the only source of truth: file state has its twins there, and the deployment sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_caio import Exchange, cases, check
from pytest_caio.checks.shared import CADENCE_LEADS
from pytest_caio.contract.reports import CadenceLeads
from pytest_caio.gates.requirements import needs_cutover, needs_files, needs_redis, needs_summary, needs_twins

if TYPE_CHECKING:
    from pytest_caio.gates.state import StateFindings

MIGRATE = "Run `python -m pytest_caio migrate-state --env-file FILE --hive-dir DIR` and mend what its summary names, then run this again."
CUTOVER = "In Railway, set STATE_BACKEND=redis, STATE_DUAL_READ_ENABLED=false and STATE_FILE_FALLBACK_WRITE=false, then redeploy."
KEYS = "In Redis, PERSIST the state keys named, EXPIRE the locks named, and rename or delete what is no state of this deployment."
READABLE = "Mend or remove the files named under the hive directory (a copy of them first), then run migrate-state again."
SIGHT = (
    "In Railway, set STATE_BACKEND=redis, and REDIS_URL (host, database number) and STATE_REDIS_PREFIX to what "
    "migrate-state was given; mend lead records that lack a field; then redeploy."
)


def listed(found: tuple[object, ...]) -> str:
    """Say how many there are, and the first."""
    return f"{len(found)}, the first: {found[0]}" if found else "none"


@check("STATE-01", fix=MIGRATE)
@cases(needs_twins)
def test_records_have_equal_twins(state: StateFindings) -> None:
    """Every file-state record has an equal Redis twin."""
    assert not state.unequal, f"records without an equal twin: {listed(state.unequal)}"


@check("STATE-02", fix=READABLE)
@cases(needs_files)
def test_records_are_readable(state: StateFindings) -> None:
    """No file-state record is unreadable or lacks its id."""
    assert not state.files.problems, f"files that are no record: {listed(state.files.problems)}"


@check("STATE-03", fix=KEYS)
@cases(needs_redis)
def test_keys_are_kept(state: StateFindings) -> None:
    """State keys carry no expiry, locks do, and nothing else sits under the prefix's state names."""
    keys = state.keys
    assert not keys.expiring, f"state that expires: {listed(keys.expiring)}"
    assert not keys.everlasting, f"locks that never expire: {listed(keys.everlasting)}"
    assert not keys.foreign, f"keys that are no state: {listed(keys.foreign)}"


@check("STATE-04", fix=CUTOVER)
@cases(needs_cutover)
def test_files_rest_since_the_cutover(state: StateFindings) -> None:
    """No file-state record changed after the cutover."""
    assert not state.files.late, f"records that changed after the cutover: {listed(state.files.late)}"


@check("STATE-05", fix=MIGRATE)
@cases(needs_summary)
def test_migration_is_vouched_for(state: StateFindings) -> None:
    """The last migration's summary says ok, without errors, and counts what is there."""
    faults = state.faults_of_summary
    assert not faults, f"the summary: {'; '.join(faults)}"


@check("STATE-06", fix=SIGHT)
@CADENCE_LEADS
@cases(needs_redis)
def test_deployment_sees_the_state(response: Exchange, state: StateFindings) -> None:
    """The deployment's cadence leads are those that Redis holds."""
    view = state.leads_against(lead.email for lead in response.report(CadenceLeads).leads)
    assert not view.unseen, f"leads in Redis that the deployment does not see: {listed(view.unseen)}"
    assert not view.unknown, f"leads it sees that Redis does not hold: {listed(view.unknown)}"
