"""Every way the reference deployment can be told to break its contract, one small function a fault."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pytest_caio.reference.faults.access import ACCESS
from pytest_caio.reference.faults.answers import ANSWERS
from pytest_caio.reference.faults.cors import CORS
from pytest_caio.reference.faults.environment import ENVIRONMENT
from pytest_caio.reference.faults.fault import Fault
from pytest_caio.reference.faults.leaks import LEAKS
from pytest_caio.reference.faults.operation import OPERATION
from pytest_caio.reference.faults.paths import PATHS
from pytest_caio.reference.faults.readiness import READINESS
from pytest_caio.reference.faults.reports import REPORTS
from pytest_caio.reference.faults.sessions import SESSIONS
from pytest_caio.reference.faults.signatures import SIGNATURES
from pytest_caio.reference.faults.state import STATE
from pytest_caio.reference.faults.webhooks import WEBHOOKS

__all__ = ["AREAS", "FAULTS", "Fault"]

# The faults of each file.
AREAS = (
    *(ENVIRONMENT, ACCESS, ANSWERS, SESSIONS, PATHS, SIGNATURES, WEBHOOKS, REPORTS, CORS, READINESS, LEAKS),
    *(STATE, OPERATION),
)
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {name: fault for area in AREAS for name, fault in area.items()}
)
