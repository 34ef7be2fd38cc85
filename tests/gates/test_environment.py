"""The environment gate: each way for an environment file to be wrong turns its check red, and no other."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.keys import RUNTIME_KEYS
from pytest_caio.reference.dashboard.settings import fresh_settings, write_settings
from pytest_caio.reference.hosting.redis_server import RedisServer
from tests.support.gate_runs import Gate, ask_gate

AFTER = len(
    RUNTIME_KEYS
)  # the first line after the settings; the queue's filter is the one key not among them
CHECKS = tuple(f"ENV-{n:02}" for n in range(1, 18))
URL = "http://127.0.0.1:9"
ALONE = {"ENV-10": "not-run"}  # what an environment that is alone in its run leaves unjudged
REVOKED = secrets.token_urlsafe(32)
APP = secrets.token_urlsafe(32)  # the password of a user of Redis
RAW = secrets.token_urlsafe(32)  # the password of a Redis that is not there
WEAK = "s3cr3t!"  # too short for redaction: only what never shows a value keeps it


@dataclass(frozen=True)
class Slip:
    """One wrong environment file: what it says instead (None takes a key out), its reds and their words."""

    reds: Mapping[str, str]
    says: Mapping[str, str | None] = field(default_factory=dict)
    more: str = ""
    words: str = ""
    profile: Mapping[str, object] = field(default_factory=dict)


def failed(check: str, words: str, **says: str | None) -> Slip:
    """Return a slip that fails one check."""
    return Slip({check: "failed"}, says, words=words)


def advised(check: str, words: str, more: str = "", **says: str | None) -> Slip:
    """Return a slip of which one check advises."""
    return Slip({check: "advised"}, says, more, words)


SLIPS: Mapping[str, Slip] = {
    "lack": failed("ENV-01", "SESSION_SECRET_KEY is missing", SESSION_SECRET_KEY=None),
    "blank": failed("ENV-01", "DASHBOARD_AUTH_TOKEN is empty", DASHBOARD_AUTH_TOKEN="' '"),
    "lax": failed("ENV-02", "DASHBOARD_AUTH_STRICT is false", DASHBOARD_AUTH_STRICT="off"),
    "name": failed("ENV-02", "staging", ENVIRONMENT="staging"),
    "cors": failed(
        "ENV-03",
        "origin 2 of CORS_ALLOWED_ORIGINS has credentials in it",
        CORS_ALLOWED_ORIGINS=f"https://dashboard.caio.example, https://me:{WEAK}@ops.caio.example",
    ),
    "star": failed("ENV-03", "origin 1 of CORS_ALLOWED_ORIGINS has a wildcard", CORS_ALLOWED_ORIGINS="*"),
    "brack": failed(
        "ENV-03", "origin 1 of CORS_ALLOWED_ORIGINS is no origin", CORS_ALLOWED_ORIGINS="https://[bad"
    ),
    "host": failed(
        "ENV-04",
        "is not on the deployment's host, 127.0.0.1",
        INNGEST_WEBHOOK_URL="https://b.example/inngest",
    ),
    "dual": failed("ENV-05", "STATE_DUAL_READ_ENABLED is true", STATE_DUAL_READ_ENABLED="yes"),
    "backs": Slip(
        {"ENV-01": "failed", "ENV-05": "missing-input"},
        {"STATE_BACKEND": None},
        words="STATE_BACKEND is missing",
    ),
    "space": failed("ENV-06", "caio:context", CONTEXT_REDIS_PREFIX="caio:context"),
    "state": failed("ENV-06", "STATE_REDIS_PREFIX names another", STATE_REDIS_PREFIX="caio:staging"),
    "week": advised("ENV-07", "TRACE_RETENTION_DAYS is 7, and 30 is expected", TRACE_RETENTION_DAYS="7"),
    "fill": failed(
        "ENV-08", "CLAY_WEBHOOK_SECRET is a placeholder", CLAY_WEBHOOK_SECRET="your-clay-secret-here"
    ),
    "weak": failed("ENV-08", "INSTANTLY_WEBHOOK_SECRET is shorter than 20", INSTANTLY_WEBHOOK_SECRET=WEAK),
    "twin": failed(
        "ENV-08",
        "WEBHOOK_BEARER_TOKEN and CLAY_WEBHOOK_SECRET hold the same value",
        CLAY_WEBHOOK_SECRET="${WEBHOOK_BEARER_TOKEN}",
    ),
    "old": failed("ENV-09", "INNGEST_SIGNING_KEY was revoked", INNGEST_SIGNING_KEY=f"signkey-prod-{REVOKED}"),
    "open": failed("ENV-11", "HEYREACH_UNSIGNED_ALLOWLIST is true", HEYREACH_UNSIGNED_ALLOWLIST="on"),
    "http": failed("ENV-12", "REDIS_URL is no Redis URL", REDIS_URL="https://127.0.0.1/0"),
    "down": failed(
        "ENV-12", "Redis cannot be reached: asked at 127.0.0.1", REDIS_URL="redis://127.0.0.1:9/0"
    ),
    "inner": failed(
        "ENV-12", "give the checks the public URL of Redis", REDIS_URL="redis://redis.railway.internal/0"
    ),
    # REDIS_URL has an option, or a character in its password, that the client does not take as it is meant.
    "certs": failed(
        "ENV-12",
        "ssl_cert_reqs with a value the client does not",
        REDIS_URL=f"rediss://:{RAW}@h?ssl_cert_reqs=CERT_NONE",
    ),
    "slash": failed(
        "ENV-12", "percent-encode it there (/ as %2F)", REDIS_URL=f"redis://:{RAW[:9]}/{RAW[9:]}@h:6379/0"
    ),
    "hash": failed(
        "ENV-12", "percent-encode it there (# as %23)", REDIS_URL=f"'redis://:{RAW[:9]}#{RAW[9:]}@h:6379/0'"
    ),
    "query": failed(
        "ENV-12", "Redis cannot be reached", REDIS_URL=f"redis://127.0.0.1:9/0?username=u&password={RAW}"
    ),
    "whole": failed("ENV-12", "is no Redis URL", REDIS_URL=RAW),
    # ENV-08 judges the password that is sent, wherever and however it is written.
    "short": Slip(
        {"ENV-08": "failed", "ENV-12": "failed"},
        {"REDIS_URL": f"redis://127.0.0.1:9/0?password={WEAK}"},
        words="the password in REDIS_URL is shorter than 20",
    ),
    "rb2b": failed("ENV-13", "rb2b has no RB2B_WEBHOOK_SECRET", RB2B_WEBHOOK_SECRET=None),
    "dup": advised("ENV-14", f"REDIS_MAX_CONNECTIONS (lines 5, {AFTER})", "REDIS_MAX_CONNECTIONS=30\n"),
    "typo": advised(
        "ENV-14",
        f"DASHBOARD_AUTH_TOKNE (line {AFTER}) looks like DASHBOARD_AUTH_TOKEN",
        "DASHBOARD_AUTH_TOKNE=x\n",
    ),
    "yours": Slip(
        {"ENV-08": "failed"}, more="ALERT_URL=https://your-host.net/a\n", words="ALERT_URL is a pl"
    ),
    "model": Slip({"ENV-08": "failed"}, more="OTHER_API_KEY=sk-xxxxxxxx\n", words="OTHER_API_KEY is a"),
    "todo": failed("ENV-08", "INNGEST_APP_ID is a placeholder", INNGEST_APP_ID="<app-id>"),
    "curly": failed(
        "ENV-15", "CLAY_WEBHOOK_SECRET has a LEFT DOUBLE", CLAY_WEBHOOK_SECRET=f"\u201c{REVOKED}x"
    ),
    "wide": failed("ENV-15", "has a no-break space in it", CLAY_WEBHOOK_SECRET=f"{REVOKED}\u00a0x"),
    "ends": failed("ENV-15", "has a line end in it", CLAY_WEBHOOK_SECRET=f'"{REVOKED}x\\n"'),
    "gap": failed("ENV-15", "has a blank in it", CLAY_WEBHOOK_SECRET=f"'{REVOKED} x'"),
    "win": failed(
        "ENV-15", "TRACE_ENVELOPE_FILE has a tab in it", TRACE_ENVELOPE_FILE='"C:\\temp\\new.jsonl"'
    ),
    "umlaut": failed("ENV-15", "(U+00FC) in it", SESSION_SECRET_KEY=f"{REVOKED}\u00fc"),
    "mark": failed("ENV-15", "INNGEST_APP_ID has a zero-width space", INNGEST_APP_ID="caio\u200b-alpha"),
    "undef": failed(
        "ENV-15", "refers to ${TRACE_HOME}, which no line before", TRACE_ENVELOPE_FILE="${TRACE_HOME}/t.jsonl"
    ),
    "pass": Slip(
        {"ENV-15": "failed", "ENV-12": "failed"},
        {"REDIS_URL": "redis://:${REDIS_PASSWORD}@127.0.0.1:9/0"},
        words="refers to ${REDIS_PASSWORD}, which no line before it defines",
    ),
    "rail": failed("ENV-15", "another variable of Railway", INNGEST_APP_ID="${{shared.APP}}"),
    "semi": Slip(
        {"ENV-15": "failed", "ENV-02": "failed"},
        {"REDIS_REQUIRED": "true;"},
        words="REDIS_REQUIRED has a semicolon in it",
    ),
    "other": Slip(
        {"ENV-15": "failed"}, more=f"OTHER_API_KEY='{REVOKED}\u201d'\n", words="OTHER_API_KEY has a RIGHT"
    ),
    "unsent": advised("ENV-16", "GHL_API_KEY is missing", GHL_API_KEY=None),
    "needs": Slip(
        {"ENV-16": "advised"},
        words="INSTANTLY_API_KEY is missing",
        profile={"required_keys": ["INSTANTLY_API_KEY"]},
    ),
    "stop": advised("ENV-17", "EMERGENCY_STOP is true", EMERGENCY_STOP="yes"),
    "canary": advised("ENV-17", "CANARY_MODE is true", CANARY_MODE="1"),
    "window": advised("ENV-17", "OVERRIDE is neither true", SUPERVISED_SEND_WINDOW_OVERRIDE="sometimes"),
    "tier": advised("ENV-17", "is not tier_1", "PENDING_QUEUE_TIER_FILTER=tier_3\n"),
}
BEARERS = ("INSTANTLY_WEBHOOK_SECRET", "HEYREACH_WEBHOOK_SECRET", "CLAY_WEBHOOK_SECRET")
OPTIONAL = ("CAIO_BASE_URL", "TRACE_ENVELOPE_FILE", "CORS_ALLOWED_METHODS", "INNGEST_APP_ID")
HEALTHY: Mapping[str, Slip] = {
    "plain": Slip({}, {"STATE_REDIS_PREFIX": None, **dict.fromkeys(BEARERS)}),
    "spelt": Slip({}, {"DASHBOARD_AUTH_STRICT": "On", "STATE_BACKEND": "Redis", "ENVIRONMENT": "prod"}),
    "more": Slip({}, dict.fromkeys(OPTIONAL), "PORT=8080\nSENTRY_DSN=https://key@sentry.example/1\n"),
    "given": Slip(
        {}, more="INSTANTLY_API_KEY=k3y-of-1nstantly\n", profile={"required_keys": ["INSTANTLY_API_KEY"]}
    ),
    "loose": Slip({}, dict.fromkeys(("EMERGENCY_STOP", "CANARY_MODE")), "PENDING_QUEUE_TIER_FILTER=Tier_1\n"),
    # What else is in such files: texts with `your` in them, an address, a private key, references that hold.
    "rich": Slip(
        {},
        more='SUBJECT="Your pipeline, {{first_name}}"\nFROM="CAIO <ops@caio.example>"\nTIERS=[1,2]\n'
        'PEM_PRIVATE_KEY="-----BEGIN PRIVATE KEY-----\\nMIIE vQ\\n-----END PRIVATE KEY-----\\n"\n'
        "LIST=todo\nMAX_TOKENS=1000\nFALLBACK=${NOWHERE:-none}\nALIAS=${DASHBOARD_AUTH_STRICT}\n"
        "CLAY_TABLE=/t/xx-y/your1\nJWT_ALGORITHM=HS256\n"
        "ROUTING_KEY=default\nCACHE_KEY=caio-production\nLEAD_SORT_KEY=id\nMAIL_FROM=<ops@caio.example>\n"
        # Two names of one thing.
        "REDIS_PRIVATE_URL=${REDIS_URL}\nCAIO_DASHBOARD_TOKEN=${DASHBOARD_AUTH_TOKEN}\n",
    ),
    "clean": Slip({"ENV-09": "not-run"}, profile={"revoked_sha256": []}),
}


FINE = Slip({})


def follows(server: RedisServer) -> dict[str, str]:
    """Return the options of a replica of a server."""
    return {"replicaof 127.0.0.1": str(server.port), "masterauth": server.password}


def together(slips: Mapping[str, Slip]) -> dict[tuple[str, ...], Slip]:
    """Return the slips in few files: those of one file concern different checks and keys.

    At most one of them adds lines. The names of a file's slips are its key.
    """
    found: dict[tuple[str, ...], Slip] = {}
    for name, slip in slips.items():
        for names, held in found.items():
            apart = (
                held.reds.keys().isdisjoint(slip.reds)
                and held.says.keys().isdisjoint(slip.says)
                and not (held.more and slip.more)
                and not (held.profile and slip.profile)
            )
            if apart:
                del found[names]
                found[*names, name] = Slip(
                    {**held.reds, **slip.reds},
                    {**held.says, **slip.says},
                    held.more + slip.more,
                    profile={**held.profile, **slip.profile},
                )
                break
        else:
            found[name,] = slip
    return found


def write_file(
    folder: Path, name: str, settings: Mapping[str, str], slip: Slip
) -> Mapping[str, Mapping[str, object]]:
    """Write an env file with a slip, and return its profile."""
    path = folder / f"{name}.env"
    write_settings(path, {key: slip.says.get(key, value) or "" for key, value in settings.items()})
    lines = path.read_text("utf-8").splitlines()
    gone = tuple(f"{key}=" for key, value in slip.says.items() if value is None)
    # A key that is taken out leaves a comment, so that the lines keep their numbers.
    kept = ["# nothing" if line.startswith(gone) else line for line in lines]
    path.write_text("\n".join([*kept, slip.more]), "utf-8")
    revoked = hashlib.sha256(REVOKED.encode()).hexdigest().upper()
    usual = {"base_url": URL, "env_file": str(path), "environment": "production", "revoked_sha256": [revoked]}
    return {"": {**usual, **slip.profile}}


FILES = together(SLIPS)
HEALTHY_FILES = together(HEALTHY)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A healthy Redis."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture(scope="module")
def settings(redis_url: str) -> dict[str, str]:
    """The settings of a healthy production deployment."""
    return fresh_settings("production", URL, redis_url)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Gate:
    """One run of the gate for every file."""
    folder = tmp_path_factory.mktemp("environment")
    slips = {names[0]: slip for names, slip in {**FILES, **HEALTHY_FILES}.items()}
    profiles = {
        name: write_file(folder, name, settings, slip) for name, slip in {**slips, "fine": FINE}.items()
    }
    profiles["bare"] = {"": {"base_url": URL, "environment": "production"}}
    (folder / "void.env").write_text("# nothing yet\n", "utf-8")
    profiles["void"] = {"": {**profiles["bare"][""], "env_file": str(folder / "void.env")}}
    profiles["empty"] = {"": {"base_url": URL, "environment": "production"}}
    # Secrets of CI end in a newline where they were pasted from a file.
    given = {f"BARE_{key}": f"{value}\n" for key, value in settings.items()}
    return ask_gate("environment", folder, "--showlocals", profiles=profiles, env=given)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Gate]:
    """One run of ENV-12 for a Redis server of each kind."""
    folder = tmp_path_factory.mktemp("servers")
    policies = {
        "evict": {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"},
        "ttl": {"maxmemory-policy": "volatile-ttl"},
        "hide": {"rename-command CONFIG": "", "rename-command INFO": ""},
        "half": {"rename-command CONFIG": "", "appendonly": "yes"},
        "mute": {"rename-command CONFIG": ""},
        "full": {"maxmemory": "512kb"},
        "near": {},
        "fewer": {"min-replicas-to-write": "1"},
        "unkept": {"save": ""},
        "log": {"save": "", "appendonly": "yes"},
        "reader": {},
        "part": {},
        "blind": {},
    }
    with ExitStack() as stack:
        slips: dict[str, Slip] = {}
        for name, options in policies.items():
            server = stack.enter_context(RedisServer(options))
            slips[name] = Slip({}, {"REDIS_URL": server.url})
            with server.client() as client:
                if name == "near":
                    client.set("much", "x" * 20_000_000)
                    client.config_set("maxmemory", 23_500_000)
                if name == "half":
                    stack.enter_context(replica := RedisServer(follows(server)))
                    slips["replica"] = Slip({}, {"REDIS_URL": replica.url})
                if name in ("reader", "part", "blind"):
                    # One may only read, one may write everywhere but to the rate limits, and one sees neither
                    # INFO nor CONFIG of a replica that takes writes.
                    rights = {
                        "reader": ("+@all -@write", "*"),
                        "part": ("+@all", "caio:production:[cs]*"),
                        "blind": ("+@all", "*"),
                    }
                    categories, keys = rights[name]
                    client.acl_setuser(
                        "app",
                        enabled=True,
                        passwords=[f"+{APP}"],
                        categories=categories.split(),
                        keys=[keys],
                    )
                    if name == "blind":
                        client.execute_command("ACL", "SETUSER", "app", "-info", "-config")
                        client.config_set("replica-read-only", "no")
                        client.execute_command("REPLICAOF", "127.0.0.1", "9")
                    place = server.url.rpartition("@")[2]
                    slips[name] = Slip({}, {"REDIS_URL": f"redis://app:{APP}@{place}"})
        denied = stack.enter_context(RedisServer())
        slips["denied"] = Slip(
            {}, {"REDIS_URL": denied.url.replace(denied.password, secrets.token_urlsafe(24))}
        )
        profiles = {name: write_file(folder, name, settings, slip) for name, slip in slips.items()}
        yield ask_gate("environment", folder, "-k", "ENV-12", "--showlocals", profiles=profiles)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Gate:
    """A run with all that pytest can show, also of tests that passed, which takes long where many did."""
    folder = tmp_path_factory.mktemp("told")
    slips = together({name: SLIPS[name] for name in ("cors", "fill", "weak", "twin", "old")})
    profiles = {names[0]: write_file(folder, names[0], settings, slip) for names, slip in slips.items()}
    profiles["bare"] = {"": {"base_url": URL, "environment": "production"}}
    given = {f"BARE_{key}": value for key, value in settings.items()}
    return ask_gate("environment", folder, "--showlocals", "-rA", profiles=profiles, env=given)


def test_each_slip_turns_its_check_red(gate: Gate) -> None:
    """Each slip turns its check red and says why, and the slips of a file turn no other check red.

    Among them `${REDIS_PASSWORD}` that the file does not define, and a token with curly quotes: ENV-15.
    """
    wrong = []
    for names, file in FILES.items():
        if gate.apart(names[0]) != {**file.reds, **ALONE}:
            wrong.append(f"{', '.join(names)}: {gate.apart(names[0])}, not {file.reds}")
        for slip in map(SLIPS.__getitem__, names):
            observed = gate.observed(names[0], next(iter(slip.reds)))
            wrong += [] if slip.words in observed else [f"{slip.words} is not in {observed}"]
    assert wrong == []


def test_healthy_files_pass(gate: Gate) -> None:
    """Files that are right in their own way pass every check."""
    assert gate.apart("fine") == ALONE
    for names, file in HEALTHY_FILES.items():
        assert gate.apart(names[0]) == {**file.reds, **ALONE}, names


@pytest.mark.parametrize(("name", "policy"), [("evict", "allkeys-lru"), ("ttl", "volatile-ttl")])
def test_redis_that_evicts_fails(servers: Gate, name: str, policy: str) -> None:
    """A Redis that may evict what it holds fails, with and without a limit of its memory, and is named."""
    assert servers.apart(name) == {"ENV-12": "failed"}
    assert policy in servers.observed(name, "ENV-12")


def test_redis_that_hides_its_policy_advises(servers: Gate) -> None:
    """Where the policy cannot be found out the check advises; where INFO tells it, it passes."""
    assert servers.apart("hide") == {"ENV-12": "advised"}
    observed = servers.observed("hide", "ENV-12")
    hidden = ("its maxmemory-policy", "how much memory it uses", "whether it keeps data on disk")
    assert [text for text in hidden if f"Redis hides {text}" not in observed] == []
    assert servers.apart("half") == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("full", "are used"),
        ("fewer", "fewer replicas than it needs"),
        ("replica", "Redis is a replica"),
        ("blind", "Redis is a replica"),
        ("reader", "STATE_REDIS_PREFIX: Redis does not permit this user"),
        ("part", "RATE_LIMIT_REDIS_NAMESPACE: Redis does not permit this user"),
    ],
)
def test_redis_that_takes_no_writes_fails(servers: Gate, name: str, words: str) -> None:
    """`REDIS_URL` is a read-only replica, or a user who may only read: NO-GO, as migrate-state says.

    So is one that is full, or without its replicas, and a replica that takes writes and hides what it is.
    """
    assert servers.apart(name) == {"ENV-12": "failed"}
    observed = servers.observed(name, "ENV-12")
    assert words in observed
    assert "nearly full" not in observed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("near", "nearly full"),
        ("unkept", "keeps nothing on disk"),
        ("mute", "hides whether it keeps data on disk"),
    ],
)
def test_redis_that_may_lose_data_advises(servers: Gate, name: str, words: str) -> None:
    """A Redis with little room, or without a disk, is advised of; one that logs to its disk passes."""
    assert servers.apart(name) == {"ENV-12": "advised"}
    assert words in servers.observed(name, "ENV-12")
    assert servers.apart("log") == {}


def test_nothing_is_written_to_redis(gate: Gate, redis_url: str) -> None:
    """To find out whether Redis takes writes, nothing is written."""
    assert gate.environments
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.info("persistence")["rdb_changes_since_last_save"] == 0


def test_redis_that_refuses_fails(servers: Gate) -> None:
    """A Redis that does not take the password does not answer PING."""
    assert servers.apart("denied") == {"ENV-12": "failed"}
    assert "Redis refuses the credentials in REDIS_URL" in servers.observed("denied", "ENV-12")


def test_the_process_environment_counts(gate: Gate) -> None:
    """Without an env file the values of the process environment are judged, and none is defined twice."""
    assert gate.apart("bare") == {"ENV-09": "not-run", "ENV-14": "not-run", **ALONE}
    assert "there is no env file" in gate.observed("bare", "ENV-14")


@pytest.mark.parametrize("name", ["empty", "void"])
def test_nothing_given_is_missing_input(gate: Gate, name: str) -> None:
    """Without any value, or with a file that has none, nothing passes."""
    outcomes = gate.outcomes(name)
    assert {i for i, outcome in outcomes.items() if outcome == "passed"} == set()
    assert {i for i, o in outcomes.items() if o == "failed"} == {"ENV-01", "ENV-13"}
    lacking = {"ENV-02", "ENV-03", "ENV-04", "ENV-05", "ENV-06", "ENV-08", "ENV-11", "ENV-12", "ENV-15"}
    assert {i for i, o in outcomes.items() if o == "missing-input"} == lacking


def test_no_value_is_shown(gate: Gate, servers: Gate, told: Gate, settings: dict[str, str]) -> None:
    """No secret is shown, nor a weak one that redaction would pass over."""
    hidden = {
        key: settings[key] for key in settings if key.endswith(("TOKEN", "_KEY", "_SECRET", "REDIS_URL"))
    }
    hidden |= {"part of a secret": REVOKED[:12], "raw": RAW[:9], "raw's end": RAW[-12:]} | {
        "weak": WEAK,
        "revoked": REVOKED,
        "placeholder": "your-clay-secret-here",
    }
    shown = gate.shown + servers.shown + told.shown
    assert "PASSED" in told.shown
    assert [key for key, value in hidden.items() if value in shown] == []


def test_every_case_is_named_by_its_key(gate: Gate) -> None:
    """Each key is a case of its own, named by the key."""
    checks = {check["id"]: check for check in gate.environments["fine"]["checks"]}
    names = {i: {case["name"] for case in check["cases"]} for i, check in checks.items()}
    assert tuple(checks) == CHECKS
    assert names["ENV-01"] >= {"SESSION_SECRET_KEY", "REDIS_URL", "DASHBOARD_AUTH_TOKEN"}
    assert names["ENV-02"] >= {"ENVIRONMENT", "DASHBOARD_AUTH_STRICT"}
    assert (
        names["ENV-08"] - {"all other keys"}
        == names["ENV-09"]
        >= {"REDIS_URL", "HEYREACH_BEARER_TOKEN", "CLAY_WEBHOOK_SECRET"}
    )
    assert names["ENV-13"] == set(PROVIDERS)
    advisory = {i for i, check in checks.items() if not check["blocking"]}
    assert advisory == {"ENV-07", "ENV-14", "ENV-16", "ENV-17"}


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.nightly)])
def test_environments_that_share(
    tmp_path: Path, settings: dict[str, str], redis_url: str, workers: tuple[str, ...]
) -> None:
    """What two environments of a run share is found from both, by its keys, with workers too."""
    place = redis_url.rpartition("/")[0]
    staging = fresh_settings("staging", URL, f"{place}/1")
    shared = {
        "SESSION_SECRET_KEY": settings["DASHBOARD_AUTH_TOKEN"],
        "REDIS_URL": f"{place.replace('127.0.0.1', 'LOCALHOST')}",
        "STATE_REDIS_PREFIX": "caio",
    }
    profiles = {
        "production": write_file(tmp_path, "production", settings, Slip({}, {"STATE_REDIS_PREFIX": "caio"})),
        "staging": write_file(
            tmp_path, "staging", {**staging, **shared}, Slip({}, profile={"environment": "staging"})
        ),
    }
    gate = ask_gate("environment", tmp_path, *workers, profiles=profiles)
    assert gate.apart("production") == gate.apart("staging") == {"ENV-10": "failed"}
    assert "staging has the same as its SESSION_SECRET_KEY" in gate.observed("production", "ENV-10")
    assert "production has the same as its DASHBOARD_AUTH_TOKEN" in gate.observed("staging", "ENV-10")
    assert "REDIS_URL leads to the database of production" in gate.observed("staging", "ENV-10")
    assert settings["DASHBOARD_AUTH_TOKEN"] not in gate.shown


def test_a_shared_namespace_is_found_from_both(
    tmp_path: Path, settings: dict[str, str], redis_url: str
) -> None:
    """Who has another's namespace is red, and so is the other, whose own file is right."""
    staging = fresh_settings("staging", URL, f"{redis_url.rpartition('/')[0]}/1")
    taken = Slip(
        {},
        {"CONTEXT_REDIS_PREFIX": settings["CONTEXT_REDIS_PREFIX"]},
        profile={"environment": "staging"},
    )
    profiles = {
        "production": write_file(tmp_path, "production", settings, Slip({})),
        "staging": write_file(tmp_path, "staging", staging, taken),
    }
    gate = ask_gate("environment", tmp_path, profiles=profiles)
    assert gate.apart("production") == gate.apart("staging") == {"ENV-06": "failed"}
    assert "CONTEXT_REDIS_PREFIX is that of staging" in gate.observed("production", "ENV-06")


def test_environments_apart_pass(tmp_path: Path, settings: dict[str, str], redis_url: str) -> None:
    """Two environments with nothing in common pass; the default prefix in two databases is nothing."""
    staging = fresh_settings("staging", URL, f"{redis_url.rpartition('/')[0]}/1")
    default = Slip({}, {"STATE_REDIS_PREFIX": None})
    profiles = {
        "production": write_file(tmp_path, "production", settings, default),
        "staging": write_file(
            tmp_path,
            "staging",
            staging,
            Slip({}, default.says, more="PORT=1\n", profile={"environment": "staging"}),
        ),
    }
    gate = ask_gate("environment", tmp_path, profiles=profiles)
    assert gate.apart("production") == gate.apart("staging") == {}


def test_env_diff_names_keys_alone(tmp_path: Path, settings: dict[str, str], redis_url: str) -> None:
    """The evidence says which keys an environment lacks, has twice, alone or that nobody knows: no values."""
    staging = fresh_settings("staging", URL, f"{redis_url.rpartition('/')[0]}/1", ["clay"])
    lacking = Slip(
        {}, {"SESSION_SECRET_KEY": None, "INNGEST_EVENT_KEY": ""}, more=f"PORT={WEAK}\nPORT={WEAK}\n"
    )
    profiles = {
        "production": write_file(tmp_path, "production", settings, lacking),
        "staging": write_file(tmp_path, "staging", staging, Slip({}, profile={"environment": "staging"})),
    }
    ask_gate("environment", tmp_path, profiles=profiles)
    (evidence,) = (tmp_path / "evidence").glob("*Z.json")
    text = evidence.read_text("utf-8")
    assert WEAK not in text
    assert json.loads(text)["env_diff"] == {
        "production": {
            "missing": ["INNGEST_EVENT_KEY", "SESSION_SECRET_KEY"],
            "unknown": ["PORT"],
            "duplicated": ["PORT"],
            "only_here": ["CLAY_WEBHOOK_SECRET", "PORT"],
        },
        "staging": {
            "missing": [],
            "unknown": [],
            "duplicated": [],
            "only_here": ["INNGEST_EVENT_KEY", "SESSION_SECRET_KEY"],
        },
    }


@pytest.mark.parametrize("digest", ["changeme", "0" * 63, "g" * 64])
def test_revoked_list_of_no_digests(tmp_path: Path, digest: str) -> None:
    """What is no SHA-256 could match nothing: it is refused, with its key."""
    profile = {"production": {"": {"base_url": URL, "revoked_sha256": [digest]}}}
    gate = ask_gate("environment", tmp_path, profiles=profile)
    assert gate.status == 4
    assert "(key revoked_sha256[0])" in gate.shown
    assert "write the 64 hex digits" in gate.shown


def test_each_secret_s_fix_says_where_its_value_comes_from(
    tmp_path: Path, settings: dict[str, str], redis_url: str
) -> None:
    """What others issue is copied, and what a webhook provider must know is entered there too."""
    token = settings["DASHBOARD_AUTH_TOKEN"]
    weak = {
        "INNGEST_SIGNING_KEY": "signkey-prod-changeme",
        "INNGEST_EVENT_KEY": token,
        "GHL_API_KEY": "your-ghl-key",
        "CLAY_WEBHOOK_SECRET": "changeme",
        "SESSION_SECRET_KEY": "changeme",
    }
    staging = fresh_settings("staging", URL, f"{redis_url.rpartition('/')[0]}/1")
    same = {key: settings[key] for key in ("INNGEST_SIGNING_KEY", "CLAY_WEBHOOK_SECRET")}
    profiles = {
        "production": write_file(tmp_path, "production", settings, Slip({}, weak)),
        "twin": write_file(tmp_path, "twin", settings, Slip({})),
        "staging": write_file(
            tmp_path, "staging", staging, Slip({}, same, profile={"environment": "staging"})
        ),
    }
    gate = ask_gate("environment", tmp_path, profiles=profiles)
    strong, apart = fixes(gate, "production", "ENV-08"), fixes(gate, "staging", "ENV-10")
    assert strong["INNGEST_SIGNING_KEY"].startswith("Copy INNGEST_SIGNING_KEY from Inngest into Railway")
    assert strong["GHL_API_KEY"].startswith("Copy GHL_API_KEY from GHL")
    # Of two that are equal, the one that can be generated is changed.
    changed = "set DASHBOARD_AUTH_TOKEN to a new value"
    assert changed in strong["INNGEST_EVENT_KEY"]
    assert changed in strong["DASHBOARD_AUTH_TOKEN"]
    assert "enter it at the webhook provider too" in strong["CLAY_WEBHOOK_SECRET"]
    assert "provider" not in strong["SESSION_SECRET_KEY"]
    assert apart["INNGEST_SIGNING_KEY"].startswith("Copy INNGEST_SIGNING_KEY of staging from Inngest")
    assert "enter it at the webhook provider too" in apart["CLAY_WEBHOOK_SECRET"]


def fixes(gate: Gate, profile: str, check_id: str) -> dict[str, str]:
    """Return the fix of each failed case of a check."""
    (check,) = [check for check in gate.environments[profile]["checks"] if check["id"] == check_id]
    return {case["name"]: case["fix"] for case in check["cases"] if case["outcome"] == "failed"}
