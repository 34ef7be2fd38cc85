"""The command `bootstrap`: what it keeps, adds, makes and refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dotenv
import pytest

from docs.checks_table import declared
from pytest_caio.bootstrap.rules import review
from pytest_caio.bootstrap.values import GENERATED, defaults
from pytest_caio.checks.check import Check
from pytest_caio.contract.providers import PROVIDERS
from pytest_caio.environments.envfile import EnvFile
from pytest_caio.environments.keys import REQUIRED_KEYS, RUNTIME_KEYS, weakness
from pytest_caio.errors import InputError
from tests.support.bootstrap_outside import BASE_URL, CRM, OUTSIDE, Ran, Run
from tests.support.places import CHECKOUT

WHOLE = ("--generate-secrets", "--base-url", BASE_URL)
STRONG = "Vb6nM2qW9eR4tY7uI1oP"


def values_of(path: Path) -> dict[str, str | None]:
    """Return what python-dotenv reads in a file."""
    return dotenv.dotenv_values(path, interpolate=False)


def refused(ran: Ran, path: Path, before: bytes) -> None:
    """Assert that a run was not ok and touched nothing."""
    assert (ran.status, ran.summary["ok"], ran.summary["changed"]) == (1, False, False)
    assert ran.summary["written"] == ran.summary["generated"] == ran.summary["overwritten"] == []
    assert path.read_bytes() == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", ["production", "staging"])
def test_a_whole_file(run: Run, env_file: Path, mode: str) -> None:
    """With what comes from outside in the file, it ends up with every runtime key, and passes the rules."""
    ran = run(env_file, *WHOLE, mode=mode)
    assert (ran.status, ran.summary["ok"], ran.summary["changed"], ran.err) == (0, True, True, "")
    # Those that may send a bearer are not made to sign; the queue's filter follows the ramp by itself.
    ways = {name: "bearer" if one.bearer_key else "signature" for name, one in PROVIDERS.items()}
    spared = {one.secret_key for one in PROVIDERS.values() if one.bearer_key}
    kept = {*OUTSIDE, *CRM}
    left = {*kept, *spared, "PENDING_QUEUE_TIER_FILTER"}
    assert ran.summary["kept"] == [key for key in RUNTIME_KEYS if key in kept]
    assert ran.summary["written"] == [key for key in RUNTIME_KEYS if key not in left]
    assert set(ran.summary["generated"]) == {*GENERATED} - spared
    assert ran.summary["providers"] == ways
    assert ways.items() > {"clay": "bearer", "rb2b": "signature"}.items()
    values = values_of(env_file)
    assert {key: values[key] for key in OUTSIDE} == OUTSIDE
    assert values["ENVIRONMENT"] == mode
    assert values["CONTEXT_STATE_TTL_SECONDS"] == ("7200" if mode == "production" else "3600")
    assert values["INNGEST_WEBHOOK_URL"] == f"{BASE_URL}/inngest"
    assert values["CORS_ALLOWED_ORIGINS"] == values["CAIO_BASE_URL"] == BASE_URL
    said = review(mode, EnvFile.read(env_file))
    assert (said.missing, said.faults, said.waivable, said.advice) == ([], {}, {}, [])


def test_secrets_are_strong_and_shown_nowhere(run: Run, env_file: Path) -> None:
    """Each new secret is another, fit to be one, and neither it nor an old one is printed."""
    ran = run(env_file, *WHOLE)
    values = values_of(env_file)
    made = [values[key] or "" for key in ran.summary["generated"]]
    assert len(set(made)) == len(made) == 5
    assert all(len(value) >= 40 and not weakness("SESSION_SECRET_KEY", value) for value in made)
    for value in (*made, *OUTSIDE.values()):
        assert value not in ran.out + ran.err


def test_a_second_run_changes_nothing(run: Run, env_file: Path) -> None:
    """Run twice, the file is the same to the byte, and so is its backup."""
    run(env_file, *WHOLE)
    backup = env_file.with_name(".env.production.bak")
    first, kept = env_file.read_bytes(), backup.read_bytes()
    ran = run(env_file, *WHOLE)
    assert (ran.status, ran.summary["changed"], ran.summary["written"]) == (0, False, [])
    assert (env_file.read_bytes(), backup.read_bytes()) == (first, kept)


def test_what_is_there_is_kept(run: Run, env_file: Path) -> None:
    """Comments, order, unknown keys, blank lines, line ends and a byte order mark stay as they were."""
    outside = "".join(f"export {key}='{value}'  # from its page\r\n" for key, value in OUTSIDE.items())
    text = (
        f"\ufeff# mine\r\n\r\nZZZ = 1\r\n{outside}\r\nSTATE_REDIS_PREFIX=caio\r\nREDIS_REQUIRED=YES\r\nAAA="
    )
    env_file.write_bytes(text.encode("utf-8"))
    ran = run(env_file, *WHOLE)
    assert ran.summary["other_keys"] == 2
    assert "STATE_REDIS_PREFIX" in ran.summary["kept"]
    after = env_file.read_bytes()
    assert after.startswith(text.encode("utf-8") + b"\r\nENVIRONMENT=production\r\n")
    assert after.count(b"\n") == after.count(b"\r\n")


def test_empty_keys_are_filled_where_they_stand(run: Run, env_file: Path) -> None:
    """A key without a value, as an empty variable is exported, gets one in its place."""
    env_file.write_text('DASHBOARD_AUTH_TOKEN=\nENVIRONMENT=""\n' + env_file.read_text("utf-8"), "utf-8")
    run(env_file, *WHOLE)
    lines = env_file.read_text("utf-8").splitlines()
    assert lines[0].startswith("DASHBOARD_AUTH_TOKEN=")
    assert len(lines[0]) > 60
    assert lines[1] == "ENVIRONMENT=production"


def test_what_comes_from_outside_is_never_made(run: Run, tmp_path: Path) -> None:
    """Without Inngest's keys and Redis' address they stay missing, and no file appears."""
    ran = run(tmp_path / ".env.staging", *WHOLE, mode="staging")
    assert (ran.status, ran.summary["missing"]) == (1, list(OUTSIDE))
    assert list(tmp_path.iterdir()) == []
    assert ran.err.splitlines()[-1] == "bootstrap: nothing was written"


def test_without_generate_secrets_none_is_made(run: Run, env_file: Path) -> None:
    """Tokens and a credential for each provider are missing then, and named."""
    before = env_file.read_bytes()
    ran = run(env_file, "--base-url", BASE_URL)
    refused(ran, env_file, before)
    assert ran.summary["missing"][:2] == ["DASHBOARD_AUTH_TOKEN", "SESSION_SECRET_KEY"]
    assert "INSTANTLY_WEBHOOK_SECRET or WEBHOOK_BEARER_TOKEN" in ran.summary["missing"]
    assert "RB2B_WEBHOOK_SECRET" in ran.summary["missing"]


def test_values_from_options_and_files(run: Run, tmp_path: Path) -> None:
    """Everything from outside may be given: as a value, in a file, or in the process environment."""
    key = tmp_path / "signing.txt"
    key.write_bytes(b"\xef\xbb\xbf" + OUTSIDE["INNGEST_SIGNING_KEY"].encode() + b"\r\n")
    path = tmp_path / "new.env"
    ran = run(
        path,
        *WHOLE,
        f"--redis-url={OUTSIDE['REDIS_URL']}",
        f"--set=INNGEST_SIGNING_KEY=@{key}",
        f"--set=INNGEST_EVENT_KEY={OUTSIDE['INNGEST_EVENT_KEY']}",
        "--cors-origins=https://a.caio-7.net,https://b.caio-7.net",
    )
    assert (ran.status, ran.summary["backup"]) == (0, None)
    values = values_of(path)
    assert {name: values[name] for name in OUTSIDE} == OUTSIDE
    assert values["CORS_ALLOWED_ORIGINS"] == "https://a.caio-7.net,https://b.caio-7.net"


def test_the_process_environment_gives_by_mode(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STAGING_REDIS_URL is staging's; a bare REDIS_URL, which may be anybody's, is not looked at."""
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(f"STAGING_{name}", value)
        monkeypatch.setenv(name, "bare")
    path = tmp_path / ".env.staging"
    assert run(path, *WHOLE, mode="production").summary["missing"] == list(OUTSIDE)
    assert run(path, *WHOLE, mode="staging").status == 0
    assert values_of(path)["REDIS_URL"] == OUTSIDE["REDIS_URL"]


def test_dry_run_writes_nothing(run: Run, env_file: Path) -> None:
    """--dry-run says the same and leaves the folder as it was."""
    before = env_file.read_bytes()
    ran = run(env_file, *WHOLE, "--dry-run")
    assert (ran.status, ran.summary["changed"], ran.summary["dry_run"]) == (0, False, True)
    assert "SESSION_SECRET_KEY" in ran.summary["generated"]
    assert env_file.read_bytes() == before
    assert list(env_file.parent.iterdir()) == [env_file]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("DASHBOARD_AUTH_TOKEN", "your-token-here", "is a placeholder"),
        ("DASHBOARD_AUTH_TOKEN", "<token>", "is a placeholder"),
        ("SESSION_SECRET_KEY", "short-but-random-7", "is shorter than 20 characters"),
        ("CLAY_WEBHOOK_SECRET", OUTSIDE["INNGEST_EVENT_KEY"], "hold the same value"),
        ("REDIS_URL", "redis://default:changeme@redis.rail-7.net:6379", "is a placeholder"),
        ("REDIS_URL", "postgres://u:Qm3vX8sT1zLw9RkYb2Np@db.rail-7.net", "is no Redis URL"),
        ("REDIS_URL", f"redis://u:{STRONG}@redis.example.com:6379", "placeholder"),
        ("REDIS_URL", f"redis://u:{STRONG}@localhost:6379", "this machine"),
        ("REDIS_URL", f"rediss://u:{STRONG}@127.0.0.9", "this machine"),
        ("REDIS_URL", f"redis://u:{STRONG}@127.1", "this machine"),
        ("REDIS_URL", f"redis://u:{STRONG}@[::1]:6379/0", "this machine"),
        ("REDIS_URL", f"redis://u:{STRONG}@[::ffff:127.0.0.1]:6379/0", "this machine"),
        ("REDIS_URL", f"redis://u:{STRONG}@0.0.0.0:6379/0", "this machine"),
        ("REDIS_URL", "redis:///0", "this machine"),
        ("REDIS_URL", "unix:///run/redis.sock", "this machine"),
        ("ENVIRONMENT", "staging", "ENVIRONMENT is not production"),
        ("DASHBOARD_AUTH_STRICT", "false", "DASHBOARD_AUTH_STRICT is false"),
        ("DASHBOARD_QUERY_TOKEN_ENABLED", "1", "is true"),
        ("REDIS_REQUIRED", "maybe", "is neither true nor false"),
        ("CORS_ALLOWED_ORIGINS", "*", "has a wildcard in it"),
        ("INNGEST_WEBHOOK_URL", "https://other.rail-7.net/inngest", "is not on the deployment's host"),
        ("CONTEXT_REDIS_PREFIX", "caio:staging:context", "names another environment"),
        ("STATE_BACKEND", "file", "STATE_BACKEND is not redis"),
        ("HEYREACH_UNSIGNED_ALLOWLIST", "true", "HEYREACH_UNSIGNED_ALLOWLIST is true"),
    ],
)
def test_what_the_gate_would_refuse_is_refused(
    run: Run, env_file: Path, key: str, value: str, reason: str
) -> None:
    """A value in the file that production must not have: nothing is written, and the key is named."""
    lines = [line for line in env_file.read_text("utf-8").splitlines() if not line.startswith(key)]
    env_file.write_text("\n".join([*lines, f"{key}='{value}'", ""]), "utf-8")
    before = env_file.read_bytes()
    ran = run(env_file, *WHOLE)
    refused(ran, env_file, before)
    assert any(reason in error and f"--overwrite {key}" in error for error in ran.summary["errors"])
    assert STRONG not in ran.out + ran.err


def test_staging_may_use_a_redis_on_this_machine(run: Run, env_file: Path) -> None:
    """Only production's Redis must be elsewhere."""
    lines = env_file.read_text("utf-8").splitlines()[1:]
    env_file.write_text("\n".join([*lines, f"REDIS_URL=redis://:{STRONG}@127.0.0.1:6379/0", ""]), "utf-8")
    assert run(env_file, *WHOLE, mode="staging").status == 0


def test_a_placeholder_that_is_given_is_refused(run: Run, env_file: Path) -> None:
    """Given values are held against the same rules, and are not shown."""
    before = env_file.read_bytes()
    ran = run(env_file, *WHOLE, "--set=DASHBOARD_AUTH_TOKEN=change-me-please")
    refused(ran, env_file, before)
    assert ran.summary["errors"] == ["DASHBOARD_AUTH_TOKEN is a placeholder"]
    assert "change-me-please" not in ran.out + ran.err


def test_a_given_value_does_not_displace_another(run: Run, env_file: Path) -> None:
    """What is there is kept: to replace it, it must be named."""
    run(env_file, *WHOLE)
    before = env_file.read_bytes()
    ran = run(env_file, f"--set=SESSION_SECRET_KEY={STRONG}")
    assert (ran.status, env_file.read_bytes()) == (1, before)
    ran = run(env_file, f"--set=SESSION_SECRET_KEY={STRONG}", "--overwrite=SESSION_SECRET_KEY")
    assert (ran.status, ran.summary["overwritten"]) == (0, ["SESSION_SECRET_KEY"])
    assert values_of(env_file)["SESSION_SECRET_KEY"] == STRONG
    assert env_file.with_name(".env.production.bak").read_bytes() == before


def test_overwrite_puts_in_the_mode_s_value_or_a_new_secret(run: Run, env_file: Path) -> None:
    """A key that is named gets what a missing one would, in its line; one that has nothing is an error."""
    text = env_file.read_text("utf-8") + "STATE_BACKEND=file  # old\nDASHBOARD_AUTH_TOKEN=changeme\n"
    env_file.write_text(text, "utf-8")
    ran = run(env_file, *WHOLE, "--overwrite=STATE_BACKEND", "--overwrite=DASHBOARD_AUTH_TOKEN")
    assert ran.status == 0
    assert ran.summary["overwritten"] == ["STATE_BACKEND", "DASHBOARD_AUTH_TOKEN"]
    assert ran.summary["generated"][0] == "DASHBOARD_AUTH_TOKEN"
    assert "STATE_BACKEND=redis  # old\n" in env_file.read_text("utf-8")
    ran = run(env_file, "--overwrite=INNGEST_EVENT_KEY")
    assert (ran.status, len(ran.summary["errors"])) == (1, 1)
    assert "nothing to be overwritten with" in ran.summary["errors"][0]


def test_advice_does_not_lead_in_a_circle(run: Run, env_file: Path) -> None:
    """What a wrong value can be replaced with is said: Inngest's keys cannot be made, other secrets can."""
    text = env_file.read_text("utf-8").replace(OUTSIDE["INNGEST_SIGNING_KEY"], "your-key")
    env_file.write_text(f"{text}SESSION_SECRET_KEY=changeme\nSTATE_BACKEND=file\n", "utf-8")
    inngest, session = "INNGEST_SIGNING_KEY", "SESSION_SECRET_KEY"

    def advice(key: str, *options: str) -> list[str]:
        errors: list[str] = run(env_file, "--dry-run", *options).summary["errors"]
        return [error for error in errors if error.startswith(f"{key} ")]

    correct = "; correct it in the file, or add --overwrite"
    (one,) = advice(inngest, *WHOLE)
    assert one.endswith(f"{correct} {inngest} --set {inngest}=@FILE")
    lacking, fault = advice(inngest, *WHOLE, f"--overwrite={inngest}")
    assert lacking == f"{inngest} has nothing to be overwritten with; give --set {inngest}=@FILE"
    assert (fault.startswith(f"{inngest} is a placeholder"), "--" in fault) == (True, False)
    (one,) = advice(session)
    assert one.endswith(f"{correct} {session} --generate-secrets")
    lacking, _ = advice(session, f"--overwrite={session}")
    assert lacking == f"{session} has nothing to be overwritten with; give --generate-secrets"
    assert advice(session, *WHOLE)[0].endswith(f"{correct} {session}")
    assert advice("STATE_BACKEND")[0].endswith(f"{correct} STATE_BACKEND")


def test_what_may_be_waived_must_be_said(run: Run, env_file: Path) -> None:
    """A value that a waiver may cover stays when it is given on the command line too, and is pointed out."""
    key = "HEYREACH_UNSIGNED_ALLOWLIST"
    env_file.write_text(env_file.read_text("utf-8") + f"{key}=true\n", "utf-8")
    ran = run(env_file, *WHOLE, f"--set={key}=true")
    assert (ran.status, ran.summary["needs_waiver"]) == (0, [key])
    assert "the gate needs a waiver" in ran.err
    assert values_of(env_file)[key] == "true"
    before = env_file.read_bytes()
    ran = run(env_file, "--set=DASHBOARD_AUTH_STRICT=false", "--overwrite=DASHBOARD_AUTH_STRICT")
    assert (ran.status, env_file.read_bytes()) == (1, before)


def _names(check: Check) -> list[str]:
    """Return the names of a check's cases where they are the same in every environment."""
    return list(check.cases) if isinstance(check.cases, dict) else []


def test_what_may_be_waived_is_what_the_checks_say(run: Run, env_file: Path) -> None:
    """A waiver may cover exactly the keys whose value a check of the env file demands that may be waived."""
    run(env_file, *WHOLE)
    whole = env_file.read_text("utf-8")
    waivable = set()
    for key in RUNTIME_KEYS:
        env_file.write_text(f"{whole}{key}=enabled\n", "utf-8")
        waivable |= review("production", EnvFile.read(env_file)).waivable.keys()
    checks = declared(CHECKOUT / "acceptance")
    own = [check for check in checks if check.waivable and check.id.startswith("ENV-")]
    fixes = " ".join(text for check in own for text in (check.fix, *check.fixes.values()))
    names = {name for check in own for name in _names(check)}
    assert waivable == {key for key in RUNTIME_KEYS if f"{key}=" in fixes or key in names}


def test_providers_that_sign(run: Run, env_file: Path) -> None:
    """A provider that is said to sign gets a secret, and a bearer that nobody sends is not made."""
    shared = [name for name, one in PROVIDERS.items() if one.bearer_key == "WEBHOOK_BEARER_TOKEN"]
    ran = run(env_file, *WHOLE, *(f"--provider={name}=signature" for name in shared))
    assert ran.status == 0
    values = values_of(env_file)
    assert {"INSTANTLY_WEBHOOK_SECRET", "CLAY_WEBHOOK_SECRET", "HEYREACH_BEARER_TOKEN"} <= values.keys()
    assert not {"WEBHOOK_BEARER_TOKEN", "HEYREACH_WEBHOOK_SECRET"} & values.keys()
    signs = dict.fromkeys((*shared, "rb2b"), "signature")
    assert ran.summary["providers"] == {**signs, "heyreach": "bearer"}


@pytest.mark.parametrize("held", ["HEYREACH_BEARER_TOKEN", "CLAY_WEBHOOK_SECRET"])
def test_how_a_provider_comes_in_today_is_kept(run: Run, env_file: Path, held: str) -> None:
    """A provider that has a bearer gets no secret, which would shut it out; one that signs keeps signing."""
    env_file.write_text(env_file.read_text("utf-8") + f"{held}={STRONG}\n", "utf-8")
    ran = run(env_file, *WHOLE)
    assert ran.status == 0
    assert "HEYREACH_WEBHOOK_SECRET" not in values_of(env_file)
    assert ran.summary["providers"]["heyreach"] == "bearer"
    assert ran.summary["providers"]["clay"] == ("signature" if held.startswith("CLAY") else "bearer")
    assert run(env_file, *WHOLE).summary["changed"] is False


def test_a_signature_is_not_displaced_by_a_bearer(run: Run, env_file: Path) -> None:
    """Where a secret is set the bearer is ignored: whoever wants the bearer must take the secret out."""
    env_file.write_text(env_file.read_text("utf-8") + f"CLAY_WEBHOOK_SECRET={STRONG}\n", "utf-8")
    with pytest.raises(InputError, match="CLAY_WEBHOOK_SECRET is set, and Clay must sign"):
        run(env_file, *WHOLE, "--provider=clay=bearer")


def test_what_sending_needs_is_remarked_on(run: Run, env_file: Path) -> None:
    """Without the CRM's key the file is whole, and it is said that no email would be sent."""
    env_file.write_text("".join(f"{key}={value}\n" for key, value in OUTSIDE.items()), "utf-8")
    ran = run(env_file, *WHOLE)
    assert ran.status == 0
    assert "GHL_API_KEY is missing: approved emails would not be sent" in ran.err


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"SESSION_SECRET_KEY={STRONG}\u201d", "RIGHT DOUBLE QUOTATION MARK"),
        ("INNGEST_APP_ID=${{shared.APP}}", "only Railway knows"),
        ("ALERTS_URL=https://your-host.caio-7.net/hook", "ALERTS_URL is a placeholder"),
    ],
)
def test_what_cannot_be_used_is_refused(run: Run, env_file: Path, line: str, reason: str) -> None:
    """A value that cannot be used as it stands is refused as by the gate, whatever its key."""
    env_file.write_text(f"{env_file.read_text('utf-8')}{line}\n", "utf-8")
    before = env_file.read_bytes()
    ran = run(env_file, *WHOLE)
    refused(ran, env_file, before)
    assert any(reason in error for error in ran.summary["errors"])
    assert STRONG not in ran.out + ran.err


def test_advice_is_remarked_on(run: Run, env_file: Path) -> None:
    """What only advises does not stand in the way."""
    more = "TRACE_RETENTION_DAYS=7\nDASHBOARD_AUTH_TOKN=x\nREDIS_REQUIRED=true\nREDIS_REQUIRED=true\n"
    env_file.write_text(env_file.read_text("utf-8") + more, "utf-8")
    ran = run(env_file, *WHOLE)
    assert ran.status == 0
    assert "TRACE_RETENTION_DAYS is 7, and 30 is expected" in ran.err
    assert "REDIS_REQUIRED is defined more than once" in ran.err
    assert "a key looks like DASHBOARD_AUTH_TOKEN, misspelled" in ran.err


def test_keys_of_others_are_counted_not_shown(run: Run, env_file: Path) -> None:
    """A key that the dashboard does not know is kept, counted, and not printed."""
    env_file.write_text("KEY_OF_ANOTHER=x\n" + env_file.read_text("utf-8"), "utf-8")
    ran = run(env_file, *WHOLE)
    assert (ran.status, ran.summary["other_keys"]) == (0, 1)
    assert "KEY_OF_ANOTHER" not in ran.out + ran.err


def test_a_secret_alone_on_a_line_is_refused(run: Run, env_file: Path) -> None:
    """A line that is a pasted secret alone is named by its number, and the file stays as it was."""
    env_file.write_text(f"{STRONG}\n" + env_file.read_text("utf-8"), "utf-8")
    before = env_file.read_bytes()
    with pytest.raises(InputError) as caught:
        run(env_file, *WHOLE)
    assert str(caught.value) == f"env file {env_file}, line 1: is not KEY=value"
    assert env_file.read_bytes() == before


def test_every_required_key_has_a_source() -> None:
    """Nothing that the gate requires is left over: a mode's value, an address, a new secret, or outside."""
    assert set(REQUIRED_KEYS) <= {*defaults("production", BASE_URL), *GENERATED, *OUTSIDE}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", STRONG], "--set: takes KEY=VALUE"),
        (["--set", f"{STRONG}=x"], "--set: takes KEY=VALUE"),
        (["--set", "REDIS_URL="], "--set REDIS_URL: is empty"),
        (["--set", f"INNGEST_EVENT_KEY={STRONG}\nX"], "--set INNGEST_EVENT_KEY: has a line break"),
        (["--set", f"INNGEST_EVENT_KEY={STRONG}\0"], "--set INNGEST_EVENT_KEY: has a line break"),
        (["--redis-url", "@no-such-file"], "--redis-url @FILE: No such file or directory"),
        (["--redis-url", f"redis://{STRONG}@h", "--set", "REDIS_URL=x"], "REDIS_URL is given twice"),
        (["--base-url", "caio.up.railway.app"], "--base-url: must start with https://"),
        (["--base-url", "https://caio.up.railway.app/x"], "--base-url: must be scheme and host alone"),
        (["--provider", "clay"], "--provider clay: takes NAME=bearer or NAME=signature"),
        (["--provider", "nobody=bearer"], f"the names are {', '.join(PROVIDERS)}"),
        (["--provider", "rb2b=bearer"], "RB2B sends no bearer, it can only sign"),
        (["--provider", "clay=bearer", "--provider", "clay=signature"], "is given twice"),
        (["--provider", "clay=bearer"], "give --generate-secrets too"),
        (["--overwrite", STRONG], "--overwrite: takes a runtime key"),
        (["--set", "SESSION_SECRET_KEY=${OTHER}-and-some-more"], "SESSION_SECRET_KEY: has ${ in it"),
    ],
)
def test_options_that_cannot_be_used(run: Run, env_file: Path, options: list[str], message: str) -> None:
    """One line says which, without what was given."""
    before = env_file.read_bytes()
    with pytest.raises(InputError) as caught:
        run(env_file, *options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert STRONG not in str(caught.value)
    assert env_file.read_bytes() == before


def test_the_command_line(env_file: Path) -> None:
    """From a shell: one JSON object on stdout, exit 0; input that cannot be used is one line and exit 2."""
    start = [sys.executable, "-m", "pytest_caio", "bootstrap", "--mode", "production", "--env-file"]
    good = subprocess.run(
        [*start, env_file, *WHOLE], capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert (good.returncode, good.stdout.count("\n"), good.stderr) == (0, 1, "")
    bad = subprocess.run(
        [*start, env_file.parent], capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (2, "", 1)
    assert "is a folder" in bad.stderr
