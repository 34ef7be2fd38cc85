"""File state under a hive directory, its copy in Redis, and the migration from files to Redis."""

from pytest_caio.state.comparison import (
    Comparison,
    Late,
    LeadView,
    Survey,
    Unequal,
    compare,
    compare_leads,
    look_at_files,
    survey,
)
from pytest_caio.state.keys import batch_key, lead_key, state_key
from pytest_caio.state.migration import migrate
from pytest_caio.state.records import Index, Problem, Record, read_index, read_records
from pytest_caio.state.server import (
    Server,
    Storage,
    StoreError,
    connect,
    fetch,
    inspect_server,
    members,
    scan,
    storage_of,
    write_refusals,
)
from pytest_caio.state.summary import Summary, read_summary, summary_faults, write_summary

__all__ = [
    "Comparison",
    "Index",
    "Late",
    "LeadView",
    "Problem",
    "Record",
    "Server",
    "Storage",
    "StoreError",
    "Summary",
    "Survey",
    "Unequal",
    "batch_key",
    "compare",
    "compare_leads",
    "connect",
    "fetch",
    "inspect_server",
    "lead_key",
    "look_at_files",
    "members",
    "migrate",
    "read_index",
    "read_records",
    "read_summary",
    "scan",
    "state_key",
    "storage_of",
    "summary_faults",
    "survey",
    "write_refusals",
    "write_summary",
]
