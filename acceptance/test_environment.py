"""The runtime environment file: what the deployment is told, and that no secret in it is weak, shared or revoked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_caio import Advice, Environment, NotApplicable, cases, check, must, no
from pytest_caio.checks.words import REDIS_TO_ANSWER, word
from pytest_caio.contract.cards import RAMP_TIER
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import (
    BRAKES,
    NUMBERS,
    REDIS_NAMESPACES,
    REDIS_ONLY,
    REQUIRED_KEYS,
    SECRETS,
    SENDING_KEYS,
    STATE_PREFIX,
    STRICT_FLAGS,
    TIER_FILTER,
    canonical,
    entered_at_provider,
    expected_values,
    issuer_of,
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
    to_change,
)
from pytest_caio.gates.requirements import needs_env_file, needs_redis

if TYPE_CHECKING:
    from pytest_caio.gates.redis_server import RedisFindings

NAME = re.compile("[a-z]{1,15}(?:[:_-][a-z]{1,15}){0,4}")
BOTH = "In Railway and in the env file, "
KEYS = (
    BOTH
    + "set {key}, then redeploy. `python -m pytest_caio bootstrap` adds what it can make, and names the rest."
)
SET = BOTH + "set {key}={value}, then redeploy."
ORIGINS = (
    BOTH
    + "set CORS_ALLOWED_ORIGINS to the https origins of the dashboard (https://HOST, comma between), then redeploy."
)
INNGEST = BOTH + "set INNGEST_WEBHOOK_URL=https://{host}/inngest, then redeploy."
TRACES = BOTH + "set {key}={value}, then redeploy."
GENERATE = '`python -c "import secrets; print(secrets.token_hex(32))"` makes one'
NEW_SECRET = BOTH + f"set {{key}} to a new value that nothing else has ({GENERATE}), then redeploy."
AT_PROVIDER = NEW_SECRET.replace("then redeploy", "redeploy, and enter it at the webhook provider too")
COPY = "Copy {key} from {issuer} into Railway and the env file, then redeploy."
ISSUE = "Get a new {key} from {issuer}, set it in Railway and in the env file, then redeploy."
NEW_PASSWORD = (
    "On the Redis service in Railway, set a password of 20 characters or more that nothing else has; then set {key} to the new URL in "
    "Railway and in the env file, and redeploy."
)
FILLED = BOTH + "write the real value of {key}, then redeploy: it is still the template's."
APART = f"Give {{environment}} a value of its own for {{key}} ({GENERATE}), in Railway and in the env file, then redeploy."
APART_AT_PROVIDER = APART.replace("then redeploy", "redeploy, and enter it at the webhook provider too")
APART_COPY = "Copy {key} of {environment} from {issuer} into Railway and the env file, then redeploy."
DATABASE = "Give {environment} a Redis database of its own: set another REDIS_URL in Railway and in the env file, then redeploy."
REDIS = "In the env file, correct REDIS_URL: it must lead to the Redis of this deployment, as it is reached from here. {wrong}."
EVICTS = "On the Redis service in Railway, set its maxmemory-policy to noeviction (CONFIG SET maxmemory-policy noeviction)."
WRITER = (
    "In Railway and in the env file, set REDIS_URL to the primary, with a user that may write to its namespaces (or permit that to "
    "this one), then redeploy."
)
MEMORY = "On the Redis service in Railway, give it more memory (maxmemory): it is full."
ALLOWLIST = (
    BOTH
    + "set HEYREACH_WEBHOOK_SECRET or HEYREACH_BEARER_TOKEN, and HEYREACH_UNSIGNED_ALLOWLIST=false, then redeploy; where HeyReach can "
    "send neither, a waiver for WH-08 and one for ENV-11 may cover it for a limited time (docs/waivers.md)."
)
PROVIDER = (
    BOTH
    + "set the provider's webhook secret, {key} (or its bearer token, where it takes one), then redeploy."
)
CHARACTERS = (
    BOTH
    + "write the value of {key} again, by hand and without the character named: it {wrong}. Then redeploy."
)
REFERENCE = "In the env file, write the value of {key} as Railway shows it, in place of the reference: it {wrong}. Then run again."
SENDING = BOTH + "set {key}, then redeploy: without it an approval succeeds, and nothing is sent."
BRAKE = BOTH + "set {key}=false, then redeploy, if sending is meant to go on."
FILTER = BOTH + "remove PENDING_QUEUE_TIER_FILTER (or set it to tier_1), then redeploy."
SPELLING = "In the env file and in Railway, correct the name of a variable: {wrong}. Then redeploy."
TWICE = "In the env file, keep one definition of {key}, the right one, and remove the others."
APPENDS = "On the Redis service in Railway, turn appendonly on (CONFIG SET appendonly yes): a restart loses the state."


def is_given(environment: Environment, key: str) -> None:
    """Require that a key has a value."""
    wrong = missing_key(environment, key)
    must(not wrong, f"{key} must be given", wrong, key=key)


def shown(value: str, wrong: str) -> str:
    """Return a name as it is where it consists of words alone, as no secret does; else what a rule found."""
    return value if wrong and NAME.fullmatch(value) else wrong


def is_set(key: str, value: str, wrong: str, told: str = "") -> None:
    """Require that a setting has its value; `wrong` is what a rule found, `told` what to show instead."""
    must(not wrong, f"{key} must be {value}", told or wrong, key=key, value=value)


@check("ENV-01", wrong="A required variable has no value.", fix=KEYS)
@cases(dict.fromkeys(REQUIRED_KEYS, ()))
def test_required_keys(environment: Environment, case: str) -> None:
    """Every required variable has a value."""
    is_given(environment, case)


@check(
    "ENV-02",
    wrong="A guard of the deployment is not switched on, or it is not the environment asked for.",
    fix=SET,
)
@cases(dict.fromkeys((*STRICT_FLAGS, "ENVIRONMENT"), ()))
def test_strict_mode(environment: Environment, case: str) -> None:
    """Every guard of the deployment is switched on, and it is the environment asked for."""
    if case == "ENVIRONMENT":
        wrong = name_fault(environment)
        seen = shown(environment.value(case), wrong)
        is_set(case, canonical(environment.expected_environment), wrong, seen)
    else:
        wanted = STRICT_FLAGS[case]
        is_set(case, word(wanted), flag_fault(environment, case, wanted=wanted))


@check("ENV-03", wrong="The allowed origins are not an explicit list of https origins.", fix=ORIGINS)
def test_cors_origins(environment: Environment) -> None:
    """The allowed origins are an explicit list of https origins."""
    wrong = origin_faults(environment)
    must(not wrong, "every origin must be https:// and a host", "; ".join(wrong))


@check("ENV-04", wrong="Inngest is not told to call this deployment's /inngest over https.", fix=INNGEST)
def test_inngest_url(environment: Environment) -> None:
    """Inngest is told to call this deployment's /inngest over https."""
    wrong = inngest_fault(environment)
    must(
        not wrong, "the URL must be https, on this host, and end with /inngest", wrong, host=environment.host
    )


@check("ENV-05", wrong="State is not kept in Redis alone.", waivable=True, fix=SET)
@cases(dict.fromkeys(REDIS_ONLY, ()))
def test_redis_is_the_only_store(environment: Environment, case: str) -> None:
    """State is kept in Redis, and neither read from files nor written to them."""
    is_set(case, REDIS_ONLY[case], redis_only_fault(environment, case))


@check(
    "ENV-06",
    wrong="A namespace in Redis does not name this environment, or another environment has it.",
    fix=BOTH + "set {key}=caio:{environment}:{part}, then redeploy.",
    fixes={
        "shared": BOTH
        + "give {environment} namespaces of its own (RATE_LIMIT_REDIS_NAMESPACE=caio:{environment}:ratelimit, "
        "CONTEXT_REDIS_PREFIX=caio:{environment}:context), then redeploy.",
    },
)
@cases(dict.fromkeys((*REDIS_NAMESPACES, "shared with another"), ()))
def test_redis_namespaces(environment: Environment, environments: Sequence[Environment], case: str) -> None:
    """Every namespace in Redis names this environment, and no other environment has it.

    The state's prefix may name none, as its default `caio` does; then the database sets it apart (ENV-10).
    """
    others = others_of(environment, environments)
    if case != "shared with another":
        part = "state" if case == STATE_PREFIX else "ratelimit" if "RATE_LIMIT" in case else "context"
        name = canonical(environment.expected_environment)
        wrong = namespace_fault(environment, case, others)
        seen = wrong if "names another" in wrong else shown(environment.value(case), wrong)
        must(not wrong, f"{case} must name {name}", seen, key=case, part=part)
    elif not others:
        raise NotApplicable("no other environment is asked in this run")
    else:
        no("namespaces that another environment has too", shared_namespaces(environment, others), "shared")


@check("ENV-07", blocking=False, fix=TRACES)
@cases(dict.fromkeys(("TRACE_ENVELOPE_ENABLED", "TRACE_CLEANUP_ENABLED", *NUMBERS), ()))
def test_traces_and_numbers(environment: Environment, case: str) -> None:
    """Traces are kept for 30 days and cleaned up, and numbers are numbers."""
    wrong = number_fault(environment, case) if case in NUMBERS else flag_fault(environment, case, wanted=True)
    value = expected_values(environment.expected_environment).get(case, "a whole number above 0")
    is_set(case, value if case in NUMBERS else "true", wrong)


OTHER_KEYS = "all other keys"


def source_of(key: str) -> str:
    """Return the way to a new value of a secret: how it is made, and where else it must be known."""
    if issuer_of(key):
        return "issued"
    if key.endswith("_URL"):
        return "url"
    return "provider" if entered_at_provider(key) else ""


@check(
    "ENV-08",
    wrong="A secret is short, used twice or still the template's, or another value is still the template's.",
    fix=NEW_SECRET,
    fixes={
        "placeholder": FILLED,
        "url": NEW_PASSWORD,
        "issued": COPY,
        "provider": AT_PROVIDER,
    },
)
@cases(lambda environment: {**given_secrets(environment), OTHER_KEYS: ()})
def test_secrets_are_strong(environment: Environment, case: str) -> None:
    """No secret is short, used twice, or still the template's, nor is any other value the template's."""
    if case == OTHER_KEYS:
        wrong = placeholders(environment)
        no("values of the template", wrong, "placeholder", key=word(wrong[:1]).partition(" ")[0])
    else:
        faults = secret_faults(environment, case)
        key = to_change(environment, case)
        must(
            not faults,
            f"{case} must be a secret of its own, of 20 characters or more",
            "; ".join(faults),
            source_of(key),
            key=key,
            issuer=issuer_of(key),
        )


@check(
    "ENV-09",
    wrong="A secret of the env file was revoked.",
    fix=NEW_SECRET,
    fixes={"url": NEW_PASSWORD, "issued": ISSUE, "provider": AT_PROVIDER},
)
@cases(revoked_secrets)
def test_secrets_are_not_revoked(environment: Environment, case: str) -> None:
    """No secret of the env file was revoked."""
    must(
        not revoked_fault(environment, case),
        f"{case} must not be revoked",
        f"{case} was revoked",
        source_of(case),
        key=case,
        issuer=issuer_of(case),
    )


def separate_things(environment: Environment) -> Mapping[str, tuple[()]]:
    """Make one case of each secret that was given, and one of the database."""
    # The CRM may be one for all: its key is not the deployment's own.
    keys = [key for key in SECRETS if environment.value(key).strip() and key not in SENDING_KEYS]
    return {"Redis database": (), **dict.fromkeys(keys, ())}


@check(
    "ENV-10",
    wrong="Another environment has one of the secrets, or the Redis database.",
    fix=APART,
    fixes={"database": DATABASE, "issued": APART_COPY, "provider": APART_AT_PROVIDER},
)
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
    way = "database" if case == "Redis database" else source_of(case)
    expected = f"each environment needs its own {case}"
    must(not shared, expected, "; ".join(shared), way, key=case, issuer=issuer_of(case))


@check("ENV-11", wrong="HeyReach is let in without a signature.", waivable=True, fix=ALLOWLIST)
def test_heyreach_is_not_allowlisted(environment: Environment) -> None:
    """HeyReach is not let in without a signature."""
    key = "HEYREACH_UNSIGNED_ALLOWLIST"
    is_set(key, "false", flag_fault(environment, key, wanted=False))


def redis_parts(environment: Environment) -> Mapping[str, tuple[()]]:
    """Make one case of its answer, and one of each way in which it may lose what it is given."""
    needs_redis(environment)
    return dict.fromkeys(("answers", "evicts nothing", "takes writes", "is not full", "keeps on disk"), ())


@check(
    "ENV-12",
    wrong="Redis does not answer, takes no writes, has no room for them, or throws something away.",
    fix=REDIS,
    fixes={"evicts": EVICTS, "writes": WRITER, "full": MEMORY},
)
@cases(redis_parts)
def test_redis_answers_and_keeps(redis_server: RedisFindings, case: str) -> None:
    """Redis answers, takes writes, has room for them, and throws nothing away.

    Only noeviction will do: without a memory limit no other policy evicts either, until somebody sets one.
    """
    silence = redis_server.silence
    must(not silence, REDIS_TO_ANSWER, silence, wrong=f"{silence[:1].upper()}{silence[1:]}")
    storage = redis_server.storage
    if case == "evicts nothing":
        if redis_server.policy is None:
            raise Advice("Redis hides its maxmemory-policy (INFO, CONFIG): see that it is noeviction", EVICTS)
        right = redis_server.policy == "noeviction"
        must(right, "maxmemory-policy must be noeviction", f"it is {redis_server.policy}", "evicts")
    elif case == "takes writes":
        told = "Redis is a replica: what is written to it is refused or lost"
        must(redis_server.role != "slave", "Redis must be the primary", told, "writes")
        refused = [f"{key}: {why}" for key, why in redis_server.refusals.items()]
        must(not refused, "Redis must take writes from this user", "; ".join(refused), "writes")
    elif case == "is not full":
        if storage.used is None or storage.limit is None:
            told = "Redis hides how much memory it uses (INFO): see that it is not full"
            raise Advice(told, "On the Redis service's page in Railway, see that its memory is not full.")
        share = f"{storage.used} of {storage.limit} bytes (maxmemory) are used"
        must(not storage.limit or storage.used < storage.limit, "Redis must have room", share, "full")
        if storage.limit and storage.used > 0.9 * storage.limit:
            raise Advice(f"Redis is nearly full: {share}", MEMORY.replace("it is full", "it is nearly full"))
    elif case == "keeps on disk" and storage.on_disk is None:
        raise Advice("Redis hides whether it keeps data on disk (INFO, CONFIG): see that it does", APPENDS)
    elif case == "keeps on disk" and not storage.on_disk:
        raise Advice("Redis keeps nothing on disk: a restart loses the state; turn appendonly on", APPENDS)


@check("ENV-13", wrong="A webhook provider has neither a secret nor a bearer.", fix=PROVIDER)
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
    must(not wrong, f"{provider.title} must have a secret or a bearer", wrong, key=provider.secret_key)


@check("ENV-14", blocking=False, fix=SPELLING, fixes={"twice": TWICE})
@cases(needs_env_file)
def test_keys_are_defined_once_and_spelled_right(environment: Environment) -> None:
    """No variable of the env file is defined twice, or misspelled."""
    if environment.file is None or not environment.file.entries:
        raise NotApplicable("the env file defines no key")
    twice, misspelled = repeated_keys(environment), misspelled_keys(environment)
    no("variables that are defined more than once", twice, "twice", key=first_key(twice))
    no("variables that are misspelled", misspelled, key=first_key(misspelled), wrong=word(misspelled[:1]))


def first_key(faults: Sequence[str]) -> str:
    """Return the variable that the first of these faults names."""
    return word(faults[:1]).partition(" ")[0]


@check(
    "ENV-15",
    wrong="A value cannot be used as it stands: it has a character or a reference that does not belong in it.",
    fix=CHARACTERS,
    fixes={"reference": REFERENCE},
)
def test_values_can_be_used(environment: Environment) -> None:
    """Every value can be used as it stands, without a stray quote, blank, invisible character or reference."""
    wrong = unusable_values(environment)
    key, _, fault = word(wrong[:1]).partition(" ")
    way = "reference" if "refers to" in fault else ""
    expected = "every value must be usable as it stands"
    must(not wrong, expected, "; ".join(wrong), way, key=key, wrong=fault)


@check("ENV-16", blocking=False, fix=SENDING)
@cases(lambda environment: dict.fromkeys((*SENDING_KEYS, *environment.profile.required_keys), ()))
def test_what_sending_needs(environment: Environment, case: str) -> None:
    """What sending needs is there: GHL's key and location, and the profile's required keys."""
    is_given(environment, case)


@check("ENV-17", blocking=False, fix=BRAKE, fixes={"filter": FILTER})
@cases(dict.fromkeys((*BRAKES, TIER_FILTER), ()))
def test_no_brake_was_left_on(environment: Environment, case: str) -> None:
    """No brake and no override was left on."""
    value, way = (RAMP_TIER, "filter") if case == TIER_FILTER else ("false", "")
    wrong = brake_fault(environment, case)
    must(not wrong, f"{case} must be {value}, or not set", wrong, way, key=case)
