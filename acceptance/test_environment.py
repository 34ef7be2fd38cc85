"""The runtime environment file: what the deployment is told, and that no secret in it is weak, shared or revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, NotApplicable, cases, check
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import (
    NUMBERS,
    REDIS_NAMESPACES,
    REDIS_ONLY,
    REQUIRED_KEYS,
    SECRETS,
    STRICT_FLAGS,
)
from pytest_caio.environments.rules import (
    flag_fault,
    inngest_fault,
    let_in_unsigned,
    missing_key,
    misspelled_keys,
    name_fault,
    namespace_fault,
    number_fault,
    origin_faults,
    others_of,
    provider_without_secret,
    redis_only_fault,
    repeated_keys,
    shared_namespaces,
)
from pytest_caio.environments.secret_rules import (
    given_secrets,
    revoked_fault,
    revoked_secrets,
    secret_faults,
    shared_database,
    shared_secrets,
)
from pytest_caio.gates.requirements import needs_env_file, needs_redis

if TYPE_CHECKING:
    from pytest_caio.gates.redis_server import RedisFindings

KEYS = "Set the key named, in Railway and in the env file, then redeploy; `python -m pytest_caio bootstrap` writes what is missing."
STRICT = (
    "In Railway and in the env file, set DASHBOARD_AUTH_STRICT, REDIS_REQUIRED, INNGEST_REQUIRED and WEBHOOK_SIGNATURE_REQUIRED "
    "to true, DASHBOARD_QUERY_TOKEN_ENABLED to false, and ENVIRONMENT to this environment's name, then redeploy."
)
ORIGINS = "In Railway and in the env file, set CORS_ALLOWED_ORIGINS to https origins (https://host, comma between), then redeploy."
INNGEST = "In Railway and in the env file, set INNGEST_WEBHOOK_URL=https://<host of this deployment>/inngest, then redeploy."
BACKEND = "In Railway and in the env file, set STATE_BACKEND=redis, STATE_DUAL_READ_ENABLED=false, STATE_FILE_FALLBACK_WRITE=false, then redeploy."
NAMESPACES = (
    "In Railway and in the env file, set RATE_LIMIT_REDIS_NAMESPACE=caio:<environment>:ratelimit and CONTEXT_REDIS_PREFIX="
    "caio:<environment>:context, keep other environments' names out of STATE_REDIS_PREFIX, then redeploy."
)
TRACES = "In Railway and in the env file, set the key named (TRACE_ENVELOPE_ENABLED=true, TRACE_CLEANUP_ENABLED=true, TRACE_RETENTION_DAYS=30), then redeploy."
SECRET = "Make a new random value for the key named (`openssl rand -hex 32`), set it in Railway and in the env file, then redeploy."
APART = "Give each environment secrets and a Redis database of its own: set new values in Railway for one of them and its env file, then redeploy."
ALLOWLIST = "In Railway and in the env file, set HEYREACH_UNSIGNED_ALLOWLIST=false, then redeploy; a waiver may cover ENV-11 for a limited time."
REDIS = "Set REDIS_URL in the env file to the Redis of this deployment, as it is reached from here, and its maxmemory-policy to noeviction."
PROVIDER = "In Railway and in the env file, set the provider's webhook secret (RB2B takes nothing else) or its bearer token, then redeploy."
SPELLING = (
    "In the env file and in Railway, keep one definition of each key named, and spell it as the message says."
)


@check("ENV-01", fix=KEYS)
@cases(dict.fromkeys(REQUIRED_KEYS, ()))
def test_required_keys(environment: Environment, case: str) -> None:
    """Every required key is present and not empty."""
    wrong = missing_key(environment, case)
    assert not wrong, wrong


@check("ENV-02", fix=STRICT)
@cases(dict.fromkeys((*STRICT_FLAGS, "ENVIRONMENT"), ()))
def test_strict_mode(environment: Environment, case: str) -> None:
    """Everything that guards the deployment is required, and it is the environment asked for."""
    if case == "ENVIRONMENT":
        wrong = name_fault(environment)
    else:
        wrong = flag_fault(environment, case, wanted=STRICT_FLAGS[case])
    assert not wrong, wrong


@check("ENV-03", fix=ORIGINS)
def test_cors_origins(environment: Environment) -> None:
    """The allowed origins are an explicit list of https origins."""
    wrong = origin_faults(environment)
    assert not wrong, "; ".join(wrong)


@check("ENV-04", fix=INNGEST)
def test_inngest_url(environment: Environment) -> None:
    """Inngest is told to call this deployment's /inngest over https."""
    wrong = inngest_fault(environment)
    assert not wrong, wrong


@check("ENV-05", waivable=True, fix=BACKEND)
@cases(dict.fromkeys(REDIS_ONLY, ()))
def test_redis_is_the_only_store(environment: Environment, case: str) -> None:
    """State is kept in Redis, and neither read from files nor written to them."""
    wrong = redis_only_fault(environment, case)
    assert not wrong, wrong


@check("ENV-06", fix=NAMESPACES)
@cases(dict.fromkeys((*REDIS_NAMESPACES, "shared with another"), ()))
def test_redis_namespaces(environment: Environment, environments: Sequence[Environment], case: str) -> None:
    """Namespaces in Redis name this environment, and no other environment has them.

    The state's prefix may name none, as its default `caio` does; then the database sets it apart (ENV-10).
    """
    others = others_of(environment, environments)
    if case != "shared with another":
        wrong = namespace_fault(environment, case, others)
        assert not wrong, wrong
    elif not others:
        raise NotApplicable("no other environment is asked in this run")
    else:
        shared = shared_namespaces(environment, others)
        assert not shared, "; ".join(shared)


@check("ENV-07", blocking=False, fix=TRACES)
@cases(dict.fromkeys(("TRACE_ENVELOPE_ENABLED", "TRACE_CLEANUP_ENABLED", *NUMBERS), ()))
def test_traces_and_numbers(environment: Environment, case: str) -> None:
    """Traces are kept for 30 days and cleaned up, and numbers are numbers."""
    wrong = number_fault(environment, case) if case in NUMBERS else flag_fault(environment, case, wanted=True)
    assert not wrong, wrong


@check("ENV-08", fix=SECRET)
@cases(given_secrets)
def test_secrets_are_strong(environment: Environment, case: str) -> None:
    """No secret is a placeholder, short, or used for two purposes."""
    wrong = secret_faults(environment, case)
    assert not wrong, "; ".join(wrong)


@check("ENV-09", fix=SECRET)
@cases(revoked_secrets)
def test_secrets_are_not_revoked(environment: Environment, case: str) -> None:
    """No secret is one that was revoked."""
    wrong = revoked_fault(environment, case)
    assert not wrong, wrong


def separate_things(environment: Environment) -> Mapping[str, tuple[()]]:
    """Make one case of each secret that was given, and one of the database."""
    return {"Redis database": (), **{key: () for key in SECRETS if environment.value(key).strip()}}


@check("ENV-10", fix=APART)
@cases(separate_things)
def test_environments_are_apart(
    environment: Environment, environments: Sequence[Environment], case: str
) -> None:
    """No other environment has one of the secrets, or the Redis database."""
    others = others_of(environment, environments)
    if not others:
        raise NotApplicable("no other environment is asked in this run")
    if case == "Redis database":
        shared = shared_database(environment, others)
    else:
        shared = shared_secrets(environment, case, others)
    assert not shared, "; ".join(shared)


@check("ENV-11", waivable=True, fix=ALLOWLIST)
def test_heyreach_is_not_allowlisted(environment: Environment) -> None:
    """HeyReach's webhooks are not let in unsigned."""
    wrong = flag_fault(environment, "HEYREACH_UNSIGNED_ALLOWLIST", wanted=False)
    assert not wrong, wrong


def redis_parts(environment: Environment) -> Mapping[str, tuple[()]]:
    """Make one case of its answer, and one of what it may evict."""
    needs_redis(environment)
    return {"answers": (), "evicts nothing": ()}


@check("ENV-12", fix=REDIS)
@cases(redis_parts)
def test_redis_answers_and_keeps(redis_server: RedisFindings, case: str) -> None:
    """Redis answers PING and evicts nothing.

    Only noeviction will do: without a memory limit no other policy evicts either, until somebody sets one.
    """
    assert not redis_server.silence, redis_server.silence
    if case == "evicts nothing":
        if redis_server.policy is None:
            raise Advice("Redis hides its maxmemory-policy (INFO, CONFIG): see that it is noeviction")
        assert redis_server.policy == "noeviction"


@check("ENV-13", fix=PROVIDER)
@cases(dict.fromkeys(PROVIDERS, ()))
def test_providers_have_a_secret(environment: Environment, case: str) -> None:
    """Every webhook provider has a secret or a bearer."""
    provider = PROVIDERS[case]
    if let_in_unsigned(environment, provider):
        raise NotApplicable(f"{provider.title} is let in unsigned, which ENV-11 judges")
    wrong = provider_without_secret(environment, case)
    assert not wrong, wrong


@check("ENV-14", blocking=False, fix=SPELLING)
@cases(needs_env_file)
def test_keys_are_defined_once_and_spelled_right(environment: Environment) -> None:
    """No key is defined twice, or misspelled."""
    twice, misspelled = repeated_keys(environment), misspelled_keys(environment)
    assert not twice, f"defined more than once: {', '.join(twice)}"
    assert not misspelled, f"unknown: {', '.join(misspelled)}"
