"""Redis as the only source of truth: file state has its twins there, and the deployment sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, Exchange, NotApplicable, cases, check
from pytest_caio.checks.shared import CADENCE_LEADS, PENDING_EMAILS
from pytest_caio.contract.cards import Queue
from pytest_caio.contract.reports import CadenceLead, CadenceLeads
from pytest_caio.gates.queue import compare_cards
from pytest_caio.gates.requirements import needs_cutover, needs_files, needs_redis, needs_summary, needs_twins

if TYPE_CHECKING:
    from pytest_caio.gates.queue import QueueFindings
    from pytest_caio.gates.state import StateFindings

MIGRATE = (
    "Run `python -m pytest_caio migrate-state --env-file FILE --hive-dir DIR --summary SUMMARY` and correct what its "
    "summary names, then run this again. Where Redis was emptied or replaced, restore its backup first. A file that is "
    "not as it was migrated was written since: in Railway, set STATE_FILE_FALLBACK_WRITE=false, then redeploy."
)
CUTOVER = "In Railway, set STATE_BACKEND=redis, STATE_DUAL_READ_ENABLED=false and STATE_FILE_FALLBACK_WRITE=false, then redeploy."
KEYS = "In Redis, PERSIST the state keys named, EXPIRE the locks named, and rename or delete what is no state of this deployment."
READABLE = "Mend or remove the files named under the hive directory (a copy of them first), then run migrate-state again."
SIGHT = (
    "In Railway, set STATE_BACKEND=redis, and REDIS_URL (host, database number), STATE_REDIS_PREFIX and (for cards) "
    "CONTEXT_REDIS_PREFIX to what the env file says and migrate-state was given; correct lead records that lack a field; "
    "then redeploy."
)


def listed_first(found: Sequence[object]) -> str:
    """Say how many there are, and the first."""
    return f"{len(found)}, the first: {found[0]}" if found else "none"


@check("STATE-01", fix=MIGRATE)
@cases(needs_twins)
def test_records_have_twins(state: StateFindings) -> None:
    """Every file-state record is in Redis: equal until the cutover, and from then on as it was migrated."""
    assert not state.unequal, (
        f"records that are not in Redis as they should be: {listed_first(state.unequal)}"
    )


@check("STATE-02", fix=READABLE)
@cases(needs_files)
def test_records_are_readable(state: StateFindings) -> None:
    """No file-state record is unreadable or lacks its id."""
    found = state.files
    assert not found.problems, f"files that are no record: {listed_first(found.problems)}"
    strays = tuple(name for name in found.ignored if name.lower().endswith(".json"))
    if strays:
        raise Advice(
            f"JSON files that are no state by their names, and so are never read: {listed_first(strays)}"
        )


@check("STATE-03", fix=KEYS)
@cases(needs_redis)
def test_keys_are_kept(state: StateFindings) -> None:
    """State keys carry no expiry, locks do, and nothing else sits under the prefix's state names."""
    keys = state.keys
    if keys.empty:
        raise NotApplicable("there is no state in Redis under STATE_REDIS_PREFIX")
    assert not keys.expiring, f"state that expires: {listed_first(keys.expiring)}"
    assert not keys.everlasting, f"locks that never expire: {listed_first(keys.everlasting)}"
    assert not keys.foreign, f"keys that are no state: {listed_first(keys.foreign)}"


@check("STATE-04", fix=CUTOVER)
@cases(needs_cutover)
def test_files_rest_since_the_cutover(state: StateFindings) -> None:
    """No file-state record changed after the cutover."""
    assert not state.files.late, f"records that changed after the cutover: {listed_first(state.files.late)}"


@check("STATE-05", fix=MIGRATE)
@cases(needs_summary)
def test_migration_is_vouched_for(state: StateFindings) -> None:
    """The last migration's summary says ok, without errors, and what it counted is in Redis."""
    faults = state.faults_of_summary
    assert not faults, f"the summary: {'; '.join(faults)}"


@check("STATE-06", fix=SIGHT)
@cases(lambda environment: needs_redis(environment) and {"leads": CADENCE_LEADS, "cards": PENDING_EMAILS})
def test_deployment_sees_the_state(
    response: Exchange, case: str, environment: Environment, state: StateFindings, queue: QueueFindings
) -> None:
    """The deployment's cadence leads and pending cards are those that Redis holds."""
    if case == "leads":
        listed = response.body.lstrip().startswith(b"[")
        leads = response.report(list[CadenceLead]) if listed else response.report(CadenceLeads).leads
        view = state.leads_against(lead.email for lead in leads)
        unseen, unknown = view.unseen, view.unknown
    else:
        found = compare_cards(response.report(Queue), queue, environment)
        if found.nothing:
            raise NotApplicable("no card waits, neither in Redis nor in the deployment's queue")
        unseen, unknown = found.unseen, found.unknown
    assert not unseen, f"{case} in Redis that the deployment does not see: {listed_first(unseen)}"
    assert not unknown, f"{case} it sees that Redis does not hold: {listed_first(unknown)}"
