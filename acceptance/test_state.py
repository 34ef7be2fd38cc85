"""Redis as the only source of truth: file state has its twins there, and the deployment sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, Exchange, NotApplicable, cases, check, must, no
from pytest_caio.checks.shared import CADENCE_LEADS, PENDING_EMAILS
from pytest_caio.checks.words import word
from pytest_caio.contract.cards import Queue
from pytest_caio.contract.reports import CadenceLead, CadenceLeads
from pytest_caio.environments.keys import DEFAULT_STATE_PREFIX
from pytest_caio.gates.requirements import needs_cutover, needs_files, needs_redis, needs_summary, needs_twins

if TYPE_CHECKING:
    from pytest_caio.gates.queue import QueueFindings
    from pytest_caio.gates.state import StateFindings

MIGRATE = (
    "Run `python -m pytest_caio migrate-state --env-file FILE --hive-dir DIR --summary SUMMARY`, then this again. Where Redis was "
    "emptied or replaced, restore its backup first."
)
SUMMARY = (
    "Run `python -m pytest_caio migrate-state --env-file FILE --hive-dir DIR --summary SUMMARY` until it says ok, with summary under "
    "[{table}] in the profiles file as SUMMARY."
)
PREFIX = (
    "See in Railway which STATE_REDIS_PREFIX the deployment has ({default} if it has none), and set the same in the env file. If they are "
    "equal, the state is under another, {migrated}: set that in both, and redeploy."
)
CUTOVER = (
    "In Railway, set STATE_FILE_FALLBACK_WRITE=false, STATE_DUAL_READ_ENABLED=false and STATE_BACKEND=redis, then redeploy: files of "
    "state are still written."
)
READABLE = (
    "Copy {file} of the hive directory elsewhere, then repair or remove it, and run migrate-state again."
)
SIGHT = (
    "In Railway, see that STATE_BACKEND is redis, and that REDIS_URL (with its database) and STATE_REDIS_PREFIX are those of the env "
    "file; correct the side that is wrong, and redeploy. If they are equal, correct the lead records in Redis that lack an email."
)
CARDS = (
    "In Railway, see that STATE_BACKEND is redis, and that REDIS_URL (with its database) and CONTEXT_REDIS_PREFIX are those of the env "
    'file; correct the side that is wrong, and redeploy. If they are equal, hand to the developer: "The queue on /sales is not the one '
    'in Redis."'
)
COMPARE = "On /leads, see that the newest leads are there: the whole list is larger than 1 MiB, and was not compared with Redis."


@check("STATE-01", wrong="A file-state record is missing in Redis, or not there as it must be.", fix=MIGRATE)
@cases(needs_twins)
def test_records_have_twins(state: StateFindings) -> None:
    """Every file-state record is in Redis: equal until the cutover, and from then on as it was migrated."""
    no("records that are not in Redis as they should be", state.unequal)


@check(
    "STATE-02",
    wrong="A file-state record is unreadable, or has no id by which it is looked up.",
    fix=READABLE,
)
@cases(needs_files)
def test_records_are_readable(state: StateFindings) -> None:
    """No file-state record is unreadable or lacks its id."""
    found = state.files
    no(
        "files of state that cannot be read as records",
        found.problems,
        file=word(found.problems[:1]).split(" ")[0].rstrip(":,"),
    )
    strays = tuple(name for name in found.ignored if name.lower().endswith(".json"))
    if strays:
        raise Advice(
            f"{len(strays)} JSON files are no state by their names, and so are never read, the first: {strays[0]}",
            "Move the JSON files named out of the hive directory, or to the folder of their kind: nobody reads them there.",
        )


@check(
    "STATE-03",
    wrong="State expires, a lock does not, or something else is kept under the names of the state.",
    fix="In Redis, rename or delete what sits under the state's names and is no state of this deployment: {key}.",
    fixes={
        "expires": "In Redis, PERSIST {key}: state must not expire.",
        "everlasting": "In Redis, EXPIRE {key} 600: a lock must end by itself.",
    },
)
@cases(needs_redis)
def test_keys_are_kept(state: StateFindings) -> None:
    """State never expires, locks do, and nothing else is kept under the names of the state."""
    keys = state.keys
    if keys.empty:
        raise NotApplicable("there is no state in Redis under STATE_REDIS_PREFIX")
    no("state that expires", keys.expiring, "expires", key=word(keys.expiring[:1]))
    no("locks that never expire", keys.everlasting, "everlasting", key=word(keys.everlasting[:1]))
    no("keys under the state's names that are no state", keys.foreign, key=word(keys.foreign[:1]))


@check("STATE-04", wrong="A file-state record changed after the cutover.", fix=CUTOVER)
@cases(needs_cutover)
def test_files_rest_since_the_cutover(state: StateFindings) -> None:
    """No file-state record changed after the cutover."""
    no("files of state that changed after the cutover", state.files.late)


@check(
    "STATE-05",
    wrong="The last migration is not shown to be whole, or what it counted is not in Redis.",
    fix=SUMMARY,
    fixes={"prefix": PREFIX},
)
@cases(needs_summary)
def test_migration_is_vouched_for(state: StateFindings, environment: Environment) -> None:
    """The last migration ended without errors, and what it counted is in Redis."""
    faults = state.faults_of_summary
    expected = "the migration's summary must say ok, and what it counted must be in Redis"
    migrated = state.prefix_of_summary
    way = "prefix" if migrated != state.prefix and state.keys.empty else ""
    named = {"table": f"{environment.name}.state", "default": DEFAULT_STATE_PREFIX, "migrated": migrated}
    must(not faults, expected, "; ".join(faults), way, **named)


@check(
    "STATE-06",
    wrong="The deployment does not show the leads and the pending cards that Redis holds, or shows others.",
    fix=SIGHT,
    fixes={"cards": CARDS},
)
@cases(lambda environment: needs_redis(environment) and {"leads": CADENCE_LEADS, "cards": PENDING_EMAILS})
def test_deployment_sees_the_state(
    response: Exchange, case: str, environment: Environment, state: StateFindings, queue: QueueFindings
) -> None:
    """The deployment shows the leads and the pending cards that Redis holds, and no others."""
    if case == "leads" and response.truncated and response.begun == 200 and b'"email"' in response.body:
        raise Advice(
            "the list of leads is larger than the checks read of an answer, and was not compared with Redis",
            COMPARE,
        )
    if response.error:
        raise response.unanswered(CADENCE_LEADS.label)
    if case == "leads":
        listed = response.body.lstrip().startswith(b"[")
        leads = response.report(list[CadenceLead]) if listed else response.report(CadenceLeads).leads
        view = state.leads_against(lead.email for lead in leads)
        unseen, unknown = view.unseen, view.unknown
    else:
        found = queue.compare(response.report(Queue), environment)
        if found.nothing:
            raise NotApplicable("no card waits, neither in Redis nor in the deployment's queue")
        unseen, unknown = found.unseen, found.unknown
    way = "cards" if case == "cards" else ""
    no(f"{case} in Redis that the deployment does not show", unseen, way)
    no(f"{case} shown that Redis does not hold", unknown, way)
