"""The runtime environment file: what the deployment is told, and that no secret in it is weak, shared or revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, NotApplicable, cases, check
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import (
    BRAKES,
    NUMBERS,
    REDIS_NAMESPACES,
    REDIS_ONLY,
    REQUIRED_KEYS,
    SECRETS,
    SENDING_KEYS,
    STRICT_FLAGS,
    TIER_FILTER,
)
from pytest_caio.environments.rules import (
    brake_fault,
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
    unusable_values,
)
from pytest_caio.environments.secret_rules import (
    given_secrets,
    placeholders,
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
FILLED = "Write the real value of the key named, or make a new random one (`openssl rand -hex 32`), in Railway and in the env file, then redeploy."
APART = "Give each environment secrets and a Redis database of its own: set new values in Railway for one of them and its env file, then redeploy."
ALLOWLIST = "In Railway and in the env file, set HEYREACH_UNSIGNED_ALLOWLIST=false, then redeploy; a waiver may cover ENV-11 for a limited time."
REDIS = (
    "Set REDIS_URL in the env file to the Redis of this deployment, as it is reached from here: the primary, with a user that "
    "may write. Set its maxmemory-policy to noeviction; where it is full, give it more memory (maxmemory) in Railway."
)
PROVIDER = "In Railway and in the env file, set the provider's webhook secret (RB2B takes nothing else) or its bearer token, then redeploy."
CHARACTERS = (
    "In the env file and in Railway, write the value of the key named again, by hand and without the character named, "
    "or in place of the reference; then redeploy."
)
SENDING = "Set the key named, in Railway and in the env file, then redeploy: without it an approval succeeds, and nothing is sent."
BRAKE = "In Railway and in the env file, set the key named to false (PENDING_QUEUE_TIER_FILTER: remove it), then redeploy, if sending is meant to go on."
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


OTHER_KEYS = "all other keys"


@check("ENV-08", fix=FILLED)
@cases(lambda environment: {**given_secrets(environment), OTHER_KEYS: ()})
def test_secrets_are_strong(environment: Environment, case: str) -> None:
    """No secret is a placeholder, short, or used for two purposes, and no other value is a placeholder."""
    wrong = placeholders(environment) if case == OTHER_KEYS else secret_faults(environment, case)
    assert not wrong, "; ".join(wrong)


@check("ENV-09", fix=SECRET)
@cases(revoked_secrets)
def test_secrets_are_not_revoked(environment: Environment, case: str) -> None:
    """No secret is one that was revoked."""
    wrong = revoked_fault(environment, case)
    assert not wrong, wrong


def separate_things(environment: Environment) -> Mapping[str, tuple[()]]:
    """Make one case of each secret that was given, and one of the database."""
    # The CRM may be one for all: its key is not the deployment's own.
    keys = [key for key in SECRETS if environment.value(key).strip() and key not in SENDING_KEYS]
    return {"Redis database": (), **dict.fromkeys(keys, ())}


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
    """Make one case of its answer, and one of each way in which it may lose what it is given."""
    needs_redis(environment)
    return dict.fromkeys(("answers", "evicts nothing", "takes writes", "is not full", "keeps on disk"), ())


@check("ENV-12", fix=REDIS)
@cases(redis_parts)
def test_redis_answers_and_keeps(redis_server: RedisFindings, case: str) -> None:
    """Redis answers PING, evicts nothing, is no replica, takes writes from this user, and is not full.

    Only noeviction will do: without a memory limit no other policy evicts either, until somebody sets one.
    """
    assert not redis_server.silence, redis_server.silence
    storage = redis_server.storage
    if case == "evicts nothing":
        if redis_server.policy is None:
            raise Advice("Redis hides its maxmemory-policy (INFO, CONFIG): see that it is noeviction")
        assert redis_server.policy == "noeviction"
    elif case == "takes writes":
        assert redis_server.role != "slave", "Redis is a replica: what is written to it is refused or lost"
        refused = [f"{key}: {why}" for key, why in redis_server.refusals.items()]
        assert not refused, "; ".join(refused)
    elif case == "is not full":
        if storage.used is None or storage.limit is None:
            raise Advice("Redis hides how much memory it uses (INFO): see that it is not full")
        share = f"{storage.used} of {storage.limit} bytes (maxmemory) are used"
        assert not storage.limit or storage.used < storage.limit, share
        if storage.limit and storage.used > 0.9 * storage.limit:
            raise Advice(f"Redis is nearly full: {share}")
    elif case == "keeps on disk" and storage.on_disk is None:
        raise Advice("Redis hides whether it keeps data on disk (INFO, CONFIG): see that it does")
    elif case == "keeps on disk" and not storage.on_disk:
        raise Advice("Redis keeps nothing on disk: a restart loses the state; turn appendonly on")


@check("ENV-13", fix=PROVIDER)
@cases(dict.fromkeys(PROVIDERS, ()))
def test_providers_have_a_secret(
    environment: Environment, case: str, show_table: Callable[..., None]
) -> None:
    """Every webhook provider has a secret or a bearer."""
    provider = PROVIDERS[case]
    if case == next(iter(PROVIDERS)):
        ways = [(one.title, one.way_in(environment.values)) for one in PROVIDERS.values()]
        show_table("How webhook providers come in", ("provider", "by"), ways)
    if let_in_unsigned(environment, provider):
        raise NotApplicable(f"{provider.title} is let in unsigned, which ENV-11 judges")
    wrong = provider_without_secret(environment, case)
    assert not wrong, wrong


@check("ENV-14", blocking=False, fix=SPELLING)
@cases(needs_env_file)
def test_keys_are_defined_once_and_spelled_right(environment: Environment) -> None:
    """No key is defined twice, or misspelled."""
    if environment.file is None or not environment.file.entries:
        raise NotApplicable("the env file defines no key")
    twice, misspelled = repeated_keys(environment), misspelled_keys(environment)
    assert not twice, f"defined more than once: {', '.join(twice)}"
    assert not misspelled, f"unknown: {', '.join(misspelled)}"


@check("ENV-15", fix=CHARACTERS)
def test_values_can_be_used(environment: Environment) -> None:
    """Every value can be used as it stands: no stray quote, blank or invisible character, and no open reference."""
    wrong = unusable_values(environment)
    assert not wrong, "; ".join(wrong)


@check("ENV-16", blocking=False, fix=SENDING)
@cases(lambda environment: dict.fromkeys((*SENDING_KEYS, *environment.profile.required_keys), ()))
def test_what_sending_needs(environment: Environment, case: str) -> None:
    """What sending needs is there: GHL's key and location, and the profile's required keys."""
    wrong = missing_key(environment, case)
    assert not wrong, wrong


@check("ENV-17", blocking=False, fix=BRAKE)
@cases(dict.fromkeys((*BRAKES, TIER_FILTER), ()))
def test_no_brake_was_left_on(environment: Environment, case: str) -> None:
    """No brake and no override was left on."""
    wrong = brake_fault(environment, case)
    assert not wrong, wrong
