"""All faults: ways in which the reference deployment can be made to break its contract."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_caio.reference.faults.auth_answers import ANSWERS
from pytest_caio.reference.faults.auth_credentials import CREDENTIALS
from pytest_caio.reference.faults.auth_files import FILES
from pytest_caio.reference.faults.auth_headers import HEADERS
from pytest_caio.reference.faults.auth_paths import PATHS
from pytest_caio.reference.faults.auth_sessions import SESSIONS
from pytest_caio.reference.faults.auth_words import WORDS
from pytest_caio.reference.faults.cors import CORS
from pytest_caio.reference.faults.cors_answers import CORS_ANSWERS
from pytest_caio.reference.faults.environment import ENVIRONMENT
from pytest_caio.reference.faults.environment_values import VALUES
from pytest_caio.reference.faults.fault import Fault, by_name
from pytest_caio.reference.faults.operator import OPERATOR
from pytest_caio.reference.faults.operator_cards import CARDS
from pytest_caio.reference.faults.readiness import READINESS
from pytest_caio.reference.faults.readiness_inngest import INNGEST
from pytest_caio.reference.faults.readiness_leaks import LEAKS
from pytest_caio.reference.faults.readiness_reports import REPORTS
from pytest_caio.reference.faults.readiness_tokens import TOKENS
from pytest_caio.reference.faults.readiness_truth import TRUTH
from pytest_caio.reference.faults.state import STATE
from pytest_caio.reference.faults.state_names import NAMES
from pytest_caio.reference.faults.webhooks import WEBHOOKS
from pytest_caio.reference.faults.webhooks_signatures import SIGNATURES

__all__ = ["AREAS", "FAULTS", "Fault"]

# One table per file.
AREAS = (
    *(ENVIRONMENT, VALUES, CREDENTIALS, ANSWERS, SESSIONS, PATHS, WORDS, HEADERS, FILES),
    *(SIGNATURES, WEBHOOKS, REPORTS, CORS, CORS_ANSWERS),
    *(READINESS, TRUTH, INNGEST, LEAKS, TOKENS, STATE, NAMES, OPERATOR, CARDS),
)
FAULTS: Mapping[str, Fault] = by_name(*AREAS)
