"""Profiles, env files and the command line become one environment, and bad ones get one clear line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pytest_caio.environments.environment import Environment, checked_url, load_environment
from pytest_caio.environments.profiles import Profile, read_profiles
from pytest_caio.environments.tokens import given_token, read_revoked, read_token
from pytest_caio.errors import InputError
from pytest_caio.redaction.secret import Secret
from tests.support.places import CHECKOUT

SECRET = "hunter2-hunter2"
Write = Callable[[str, str | bytes], Path]


def refusal(action: Callable[[], object]) -> str:
    """Return the one line with which `action` is refused; no line may hold a value."""
    with pytest.raises(InputError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    assert caught.value.__cause__ is None
    return text


def test_profiles_are_read_in_order(write: Write) -> None:
    """Each table is a profile, with the defaults of what it leaves out."""
    path = write("environments.toml", '[b]\nbase_url = "https://b.example"\n\n[a]\nquery_token = true\n')
    profiles = read_profiles(path)
    assert list(profiles) == ["b", "a"]
    assert profiles["b"] == Profile(base_url="https://b.example")
    assert profiles["a"].query_token is True


def test_defaults_are_the_strict_ones() -> None:
    """A profile that says nothing asks for everything."""
    profile = Profile()
    assert (profile.query_token, profile.probe_query_token, profile.reference) == (False, True, False)
    assert (profile.ready_budget_ms, profile.revoked_sha256) == (1500, ())


@pytest.mark.parametrize("text", ["", "# production\n\n", "\ufeff"])
def test_a_file_without_a_profile_is_refused(write: Write, text: str) -> None:
    """An empty profiles file, or one of comments, is told as such, and not as one that lacks a name."""
    path = write("p.toml", text)
    assert refusal(lambda: read_profiles(path)) == (
        f"profiles {path}: has no profile; a profile is a table, as in [production]"
    )


def test_a_byte_order_mark_is_no_mistake(write: Write) -> None:
    """A profiles file that Notepad saved is read."""
    assert list(read_profiles(write("p.toml", b"\xef\xbb\xbf[a]\n"))) == ["a"]


def test_malformed_toml_names_file_and_line(write: Write) -> None:
    """Broken TOML is told with its file and line."""
    path = write("p.toml", f'[a]\nbase_url = "https://a.example"\nenv_file = {SECRET}\n')
    assert refusal(lambda: read_profiles(path)).startswith(f"profiles {path}, line 3: ")


@pytest.mark.parametrize("key", ["base_urll", "base-url", '"odd key"', "typo"])
def test_an_unknown_key_is_named_with_the_valid_ones(write: Write, key: str) -> None:
    """An unknown key is told with its line and with every key there is."""
    path = write("p.toml", f'[b]\nenv_file = "x"\n\n[a]\nenv_file = "y"\n{key} = "{SECRET}"\n')
    text = refusal(lambda: read_profiles(path))
    assert text.startswith(f"profiles {path}, line 6: [a] unknown key {key.strip(chr(34))}; the keys are ")
    assert text.split("the keys are ")[1].split(", ") == list(Profile.__struct_fields__)


def test_the_line_is_the_one_in_its_own_table(write: Write) -> None:
    """The same wrong key in a comment, or in another table's value, is not mistaken for it."""
    path = write("p.toml", '# typo\n[b]\nenv_file = "typo"\n[a]\nbase_url = "https://a"\ntypo = 1\n')
    assert ", line 6: [a] unknown key typo;" in refusal(lambda: read_profiles(path))


def test_an_unknown_table_in_a_profile_is_named(write: Write) -> None:
    """A table inside a profile is a key like any other."""
    path = write("p.toml", "[a]\n[a.extras]\nx = 1\n")
    assert ", line 2: [a] unknown key extras;" in refusal(lambda: read_profiles(path))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (f'query_token = "{SECRET}"', "query_token"),
        (f'inngest_functions = "{SECRET}"', "inngest_functions"),
        ("base_url = 1", "base_url"),
        ("ready_budget_ms = 1.5", "ready_budget_ms"),
        ("revoked_sha256 = [1]", "revoked_sha256[0]"),
        (f'revoked_sha256 = "{SECRET}"', "revoked_sha256"),
    ],
)
def test_a_value_of_another_type_is_named(write: Write, line: str, key: str) -> None:
    """A wrong type is told with its line and key, and without the value."""
    path = write("p.toml", f"[a]\n\n{line}\n")
    text = refusal(lambda: read_profiles(path))
    assert text.startswith(f"profiles {path}, line 3: [a] the value must be ")
    assert f" (key {key}); write " in text


@pytest.mark.parametrize("key", ["inngest_functions", "ready_budget_ms"])
@pytest.mark.parametrize("number", [0, -1])
def test_a_number_that_nothing_could_miss_is_named(write: Write, key: str, number: int) -> None:
    """Zero functions, as a number to expect, are refused: a deployment that serves none would pass."""
    path = write("p.toml", f"[a]\n\n{key} = {number}\n")
    text = refusal(lambda: read_profiles(path))
    assert text.startswith(f"profiles {path}, line 3: [a] the value must be 1 or more (key {key})")


@pytest.mark.parametrize(
    ("lines", "number", "words"),
    [
        (r'hive_dir = "C:\Users\me\x"', 3, "write single quotes, or / in place of each \\"),
        (
            r'hive_dir = "C:\tools"',
            3,
            "control character in the text (key hive_dir); write it on one line, and a path in single",
        ),
        (
            r'summary = "C:\bin"',
            3,
            "control character in the text (key summary); write it on one line, and a path in single",
        ),
        ('hive_dir = "a\\u0000b"', 3, "control character in the text (key hive_dir)"),
        ("cutover = 2026-02-24", 3, "(key cutover); write day, time and offset without quotes"),
        ("cutover = 18:00:00", 3, "(key cutover); write day, time and offset without quotes"),
        ('cutover = "24 February"', 3, "(key cutover); write day, time and offset without quotes"),
        (f"cutover = {'9' * 4301}", 3, "a number has too many digits"),
        (f"hive_dir = {'[' * 9999}", 3, "lists or tables are nested too deeply"),
        (f"{'a.' * 2000}b = 1", 1, "is nested too deeply"),
        ("hive_dir = 'a'\nhive_dir = 'b'", 4, "it is there twice"),
        ("[a.state]", 3, "it is there twice"),
        ("hive_dir = /var/hive", 3, "write text in quotes"),
        ("hive_dir = \u201c/var/hive\u201d", 3, "write straight quotes for the curly ones"),
        ("[b]\nreference = True", 4, "write true or false in lower case"),
        ("[b]\nreference = 'true'", 4, "(key reference); write true or false, without quotes"),
        ("[b]\nrequired_keys = 'A'", 4, "(key required_keys); write a list"),
        ("[b]\nstate = 'A'", 4, "(key state); write a table of its own"),
        ("[b]\nrequired_keys = 'A'", 4, "[b] the value must be a list, and is text (key required_keys)"),
        (
            "[b]\nformer_origins = ['https://old.example.com/']",
            4,
            "[b] the value has another form (key former_origins[0]); write scheme and host in lower case, "
            "and no path and no usual port, as in https://old.example.com",
        ),
        (
            f"[b]\nrevoked_sha256 = ['{SECRET}']",
            4,
            "(key revoked_sha256[0]); write the 64 hex digits of a secret's SHA-256",
        ),
        (
            "[b.replay]\nexecutor = 'host:1'",
            4,
            "[b.replay] the value has another form (key executor); write dask://HOST:PORT, the address of",
        ),
        (
            "[b.replay]\nexecutor = 'dask://[::::]:1'",
            3,
            "[b] executor: write dask://HOST:PORT, the address of a Dask scheduler (key replay)",
        ),
        ("[b.replay]\nprotocol = 'proc'", 4, '(key protocol); write "process" or "lines"'),
        ("[b.replay]\nmin_pass_rate = 1.5", 4, "[b.replay] the value must be 1 or less (key min_pass_rate)"),
        ("[b.pack]\nseconds = 0", 4, "[b.pack] the value must be above 0 (key seconds)"),
        ("['b/c']\n", 3, "a profile is named with letters, digits, - and _"),
        (f"hive_dir = '{'x' * 300}'", 3, "is too long for a path (key hive_dir)"),
        (f"[b]\nenv_file = '{'x' * 300}'", 4, "is too long for a path (key env_file)"),
    ],
)
def test_odd_toml_is_one_line(write: Write, lines: str, number: int, words: str) -> None:
    """An integer of 4,301 digits, `C:\\Users` in double quotes, a day for `cutover`: one line, with how."""
    path = write("p.toml", f"[a]\n[a.state]\n{lines}\n")
    text = refusal(lambda: read_profiles(path))
    assert text.startswith(f"profiles {path}, line {number}: ")
    assert words in text
    assert not re.search("`|regex|enum", text)


@pytest.mark.parametrize(
    ("section", "key"), [("state", "hive_dir"), ("state", "summary"), ("replay", "cwd"), ("pack", "cwd")]
)
@pytest.mark.skipif(os.name == "nt", reason="links need rights that a user of Windows lacks")
def test_a_link_to_itself_is_a_path(write: Write, tmp_path: Path, section: str, key: str) -> None:
    """A path through a symbolic link to itself is left for its check to say that nothing is there."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    profile = read_profiles(write("p.toml", f"[a]\n[a.{section}]\n{key} = 'loop/x'\n"))["a"]
    assert getattr(getattr(profile, section), key) == str(tmp_path / "loop" / "x")


@pytest.mark.parametrize("line", [f'base_url = "{SECRET}"', f'[[base_url]]\nx = "{SECRET}"'])
def test_a_key_outside_a_table_is_named(write: Write, line: str) -> None:
    """A key before the first table belongs to no profile."""
    path = write("p.toml", f"# profiles\n\n{line}\n[a]\n")
    assert refusal(lambda: read_profiles(path)) == (
        f"profiles {path}, line 3: base_url is no table; keys stand under [NAME]"
    )


def test_profiles_that_cannot_be_read_are_named(write: Write, tmp_path: Path) -> None:
    """A missing profiles file, and one in another encoding, are told."""
    missing = tmp_path / "missing.toml"
    assert refusal(lambda: read_profiles(missing)).startswith(f"profiles {missing}: ")
    path = write("p.toml", "[a]\n".encode("utf-16"))
    assert refusal(lambda: read_profiles(path)).startswith(f"profiles {path}: is UTF-16; save it as UTF-8")


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://caio.example.com", "https://caio.example.com"),
        ("https://caio.example.com/", "https://caio.example.com"),
        ("HTTPS://caio.example.com", "https://caio.example.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        (" https://caio.example.com\n", "https://caio.example.com"),
        ("https://CAIO.example.com:443/", "https://caio.example.com"),
        ("http://caio.example.com:80", "http://caio.example.com"),
        ("https://caio.example.com.", "https://caio.example.com"),
        ("https://café.example", "https://xn--caf-dma.example"),
        ("http://127.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_base_urls(url: str, checked: str) -> None:
    """A base URL is a scheme and a host; case, the default port and a trailing dot make no other origin."""
    assert checked_url(url, "--base-url") == checked


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("caio.example.com", "must start with https://"),
        ("caio.example.com:443", "must start with https://"),
        ("//caio.example.com", "must start with https://"),
        ("ftp://caio.example.com", "must start with https://"),
        ("https://", "must start with https://"),
        (SECRET, "must start with https://"),
        (f"https://me:{SECRET}@caio.example.com", "has credentials in it"),
        (f"https://{SECRET}@caio.example.com", "has credentials in it"),
        (f"https:/me:{SECRET}@caio.example.com", "has credentials in it"),
        (f"me:{SECRET}@caio.example.com", "has credentials in it"),
        ("https://caio.example.com/app", "must be scheme and host alone"),
        (f"https://caio.example.com?token={SECRET}", "must be scheme and host alone"),
        (f"https://caio.example.com/#{SECRET}", "must be scheme and host alone"),
        ("https://caio.example.com:port", "is not a URL"),
        ("https://caio.example.com:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https:\\\\caio.example.com", "must start with https://"),
        ("https:/caio.example.com", "must start with https://"),
        ("https:///caio.example.com", "must start with https://"),
        ("https://caio.example.com\\login", "is not a URL"),
        ("https://256.1.1.1", "is not a URL"),
        ("https://caio example.com", "is not a URL"),
    ],
)
def test_bad_base_urls(url: str, words: str) -> None:
    """A base URL that cannot be used is told with its source, and is not quoted."""
    assert refusal(lambda: checked_url(url, "--base-url")).startswith(f"--base-url: {words}")


def load(profile: Profile | None = None, folder: Path = Path(), **details: object) -> Environment:
    """Load the environment `stage`."""
    given = {"keys": ("ENVIRONMENT", "DASHBOARD_AUTH_TOKEN", "CAIO_BASE_URL"), "process": {}, **details}
    return load_environment("stage", profile or Profile(base_url="https://a.example"), folder, **given)


def test_where_a_value_comes_from(write: Write) -> None:
    """The command line comes before the env file, that before `<ENV>_<KEY>`, and that before `<KEY>`."""
    process = {"DASHBOARD_AUTH_TOKEN": "bare", "STAGE_DASHBOARD_AUTH_TOKEN": "named", "ENVIRONMENT": "e"}
    env_file = write("x.env", "DASHBOARD_AUTH_TOKEN=file\nOTHER=kept\n")
    key = "DASHBOARD_AUTH_TOKEN"
    assert load(process={key: "bare"}).value(key) == "bare"
    assert load(process=process).value(key) == "named"
    assert load(process=process, env_file=env_file).value(key) == "file"
    both = load(process=process, env_file=env_file, token="line")
    assert (both.value(key), both.value("OTHER"), both.value("ENVIRONMENT")) == ("line", "kept", "e")


def test_other_keys_of_the_process_are_left_alone() -> None:
    """Only runtime keys are looked for in the process environment."""
    assert load(process={"PATH": "x", "STAGE_PATH": "y"}).values == {}


def test_an_empty_name_of_its_own_hides_the_shared_one() -> None:
    """`<ENV>_<KEY>` set to nothing says that this environment has no value."""
    process = {"STAGE_DASHBOARD_AUTH_TOKEN": "", "DASHBOARD_AUTH_TOKEN": "bare"}
    assert load(process=process).value("DASHBOARD_AUTH_TOKEN") == ""


def test_a_profile_s_own_env_file_may_be_missing(tmp_path: Path, write: Write) -> None:
    """CI has no env file; where it is there, it is read, relative to the profiles file."""
    profile = Profile(base_url="https://a.example", env_file="own.env")
    assert load(profile, tmp_path).values == {}
    write("own.env", "ENVIRONMENT=staging\n")
    assert load(profile, tmp_path).value("ENVIRONMENT") == "staging"


def test_an_env_file_of_the_command_line_must_be_there(tmp_path: Path) -> None:
    """A file that the user named and that is not there is told."""
    missing = tmp_path / "missing.env"
    assert refusal(lambda: load(env_file=missing)).startswith(f"env file {missing}: ")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="file modes are POSIX")
def test_an_env_file_that_may_not_be_read_is_named(write: Write) -> None:
    """A profile's env file that is there and cannot be read is told, not skipped."""
    path = write("own.env", "A=1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads everything")
    profile = Profile(base_url="https://a.example", env_file="own.env")
    assert refusal(lambda: load(profile, path.parent)).startswith(f"env file {path}: ")


def test_a_bad_env_file_is_named_with_its_line(write: Write) -> None:
    """What the env file refuses is refused here too."""
    path = write("x.env", f"A=1\nB {SECRET}\n")
    assert refusal(lambda: load(env_file=path)) == f"env file {path}, line 2: is not KEY=value"


def test_where_the_base_url_comes_from(write: Write) -> None:
    """The command line comes before the profile, and the profile before CAIO_BASE_URL."""
    env_file = write("x.env", "CAIO_BASE_URL=https://file.example/\n")
    assert load(Profile(), env_file=env_file).base_url == "https://file.example"
    assert load(env_file=env_file).base_url == "https://a.example"
    assert load(env_file=env_file, base_url="https://line.example").base_url == "https://line.example"
    named = {"STAGE_CAIO_BASE_URL": "https://named.example"}
    assert load(Profile(), process=named).base_url == "https://named.example"


def test_no_base_url_is_told(tmp_path: Path) -> None:
    """Without a base URL the user is told which of the ways to give one."""
    text = refusal(lambda: load(Profile(env_file="own.env"), tmp_path))
    assert text == (f"--env stage: no base URL; give --base-url, or CAIO_BASE_URL in {tmp_path / 'own.env'}")
    assert "None" not in refusal(lambda: load(Profile()))


def test_a_reference_needs_no_base_url() -> None:
    """The reference deployment's address is known only once it runs."""
    assert load(Profile(reference=True)).base_url == ""


@pytest.mark.parametrize(
    ("details", "source"),
    [
        ({"base_url": f"https://me:{SECRET}@a.example"}, "--base-url"),
        ({"profile": Profile(base_url="a.example")}, "base_url of profile stage"),
        (
            {"profile": Profile(), "process": {"CAIO_BASE_URL": "a.example"}},
            "CAIO_BASE_URL of the process environment",
        ),
    ],
)
def test_a_bad_base_url_names_its_source(details: dict, source: str) -> None:
    """A base URL that cannot be used is told with where it was given."""
    assert refusal(lambda: load(**details)).startswith(f"{source}: ")


@pytest.mark.parametrize(
    ("url", "loopback", "host"),
    [
        ("http://127.0.0.1:8080", True, "127.0.0.1"),
        ("http://127.8.8.8", True, "127.8.8.8"),
        ("http://[::1]:1", True, "::1"),
        ("http://localhost:8080", True, "localhost"),
        ("http://caio.localhost", True, "caio.localhost"),
        ("https://localhost.example.com", False, "localhost.example.com"),
        ("https://127.0.0.1.example.com", False, "127.0.0.1.example.com"),
        ("https://10.0.0.1", False, "10.0.0.1"),
    ],
)
def test_what_is_loopback(make_environment: Callable, url: str, loopback: bool, host: str) -> None:
    """Only this machine is loopback, whatever a name looks like."""
    environment = make_environment(url)
    assert (environment.is_loopback, environment.host) == (loopback, host)


def test_cors_origins(make_environment: Callable) -> None:
    """The origins are listed once each, in order, without blanks."""
    given = " https://a.example , https://b.example,,https://a.example "
    assert make_environment(CORS_ALLOWED_ORIGINS=given).cors_origins == (
        "https://a.example",
        "https://b.example",
    )
    assert make_environment().cors_origins == ()


def test_the_expected_environment(make_environment: Callable) -> None:
    """A deployment must say the profile's word for it, else the profile's name."""
    assert make_environment(name="staging").expected_environment == "staging"
    assert make_environment(profile=Profile(environment="prod")).expected_environment == "prod"


def test_an_environment_shows_no_values_and_does_not_change(make_environment: Callable) -> None:
    """An environment is frozen, and its repr holds no secret."""
    environment = make_environment(DASHBOARD_AUTH_TOKEN=SECRET, revoked=(SECRET,))
    assert SECRET not in repr(environment)
    assert "values" not in repr(environment)
    with pytest.raises(FrozenInstanceError):
        environment.name = "other"


def test_revoked_tokens_are_read_one_a_line(write: Write) -> None:
    """Blank lines and comments are left out, and blanks around a token."""
    path = write("revoked.txt", "\ufeff# withdrawn in May\nfirst-token \r\n\n  second-token\n  # more\n")
    assert read_revoked(path) == ((Secret("first-token"), Secret("second-token")), ())
    path = write("revoked.txt", "a-token==\ncaio_session=eyJh.Zk.x\n#c\ncaio_session=y.z\n")
    assert read_revoked(path) == ((Secret("a-token=="),), (Secret("eyJh.Zk.x"), Secret("y.z")))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("DASHBOARD_AUTH_TOKEN=t0ken-that-was", "it is a name and its value"),
        ("export DASHBOARD_AUTH_TOKEN=t0ken-that-was", "there is a blank in it"),
        ("X-Dashboard-Token:t0ken-that-was", "it is a name and its value"),
        ("Bearer t0ken-that-was", "there is a blank in it"),
        ("'t0ken-that-was'", "there is a quote (') in it"),
        ("\u201ct0ken-that-was\u201d", "there is a LEFT DOUBLE QUOTATION MARK (U+201C) in it"),
        ("t0ken-that-was\u200b", "there is a zero-width space in it"),
        ("t0ken-that-was\t# old", "there is a tab in it"),
        ("t0ken-that-was,t0ken-after", "there is a comma in it"),
        ("t0ken-that-was;", "there is a semicolon in it"),
        ("<t0ken-that-was>", "it is in brackets"),
        ("t\u00f6ken-that-was", "there is a LATIN SMALL LETTER O WITH DIAERESIS (U+00F6) in it"),
        *(
            (line.format("t0ken-that-was"), "it is a name and its value")
            for line in (
                "PORT={}",
                "$env:DASHBOARD_AUTH_TOKEN={}",
                "$OLD={}",
                "?token={}",
                "/api/operator/status?token={}",
                "/login?next=/&token={}",
                "--token={}",
                "-t={}",
                "t={}",
                "session={}",
                "session=.{}",
                "caio-session={}",
                "caio_session=session={}",
                "app.token={}",
                "token=>{}",
                "authorization:{}",
                "old:{}",
                "old-2024:{}",
            )
        ),
        *(
            (line, "it is the name of a variable, whose value nobody filled in")
            for line in (
                "DASHBOARD_AUTH_TOKEN",
                "DASHBOARD_AUTH_TOKEN=",
                "PRODUCTION_DASHBOARD_AUTH_TOKEN",
                "dashboard_auth_token",
                "OLD_TOKEN",
                "X-Dashboard-Token:",
                "authorization",
                "caio_session",
            )
        ),
        ("REDACTED", "a part of it is left out"),
        ("caio_session=redacted", "a part of it is left out"),
        ("ENVIRONMENT=production", "it is a name and its value"),
        ("t0ken-that-was t0ken-after", "there is a blank in it"),
        ("https://caio.example/?token=t0ken-that-was", "it is a URL"),
        ("caio_session=", "the session is empty"),
        ("caio_session=a.b; HttpOnly", "there is a blank in it"),
        ("$OLD_TOKEN", "it is the name of a variable, whose value nobody filled in"),
        ("${OLD_TOKEN}", "it is the name of a variable, whose value nobody filled in"),
        ("$env:OLD_TOKEN", "it is the name of a variable, whose value nobody filled in"),
        ("%OLD_TOKEN%", "it is the name of a variable, whose value nobody filled in"),
        ("caio_session=$OLD_SESSION", "it is the name of a variable, whose value nobody filled in"),
        ("t0ken-that-w...", "a part of it is left out"),
        ("t0ke********was", "a part of it is left out"),
        ("xxxxxxxxxxxxxxxxxxxxxxxx", "a part of it is left out"),
        ("null", "it says that there is none"),
        ("undefined", "it says that there is none"),
    ],
)
def test_a_line_that_cannot_be_a_token(write: Write, line: str, why: str) -> None:
    """`DASHBOARD_AUTH_TOKEN=old`, `"old"`, `old # until March`: refused by its line, and not shown."""
    path = write("revoked.txt", f"# of May\ngood-token\n{line}\n")
    told = refusal(lambda: read_revoked(path))
    assert told == f"--revoked-tokens {path}, line 3: {why}; write the token alone, or caio_session=VALUE"
    assert "that-was" not in told


@pytest.mark.parametrize(
    "token",
    [
        *("a-token==", "aB3.x_y~z+/", "pass#word!1", "a:value:3", "=x", "$2y$10$Ab", "a%b%c", "x.y"),
        *(
            "a!=b",
            "v1:q8Zt",
            "eyJhbGci.eyJzdWIi.c2ln",
            "eyJhbGci.c2ln=",
            "-q8Zt=",
            "REDACTED-q8Zt",
            "token-q8Zt",
            "ab_" * 60,
        ),
    ],
)
def test_odd_tokens_are_tokens(write: Write, token: str) -> None:
    """Whatever a token may be made of is taken for one."""
    assert read_revoked(write("revoked.txt", f"{token}\n")).tokens == (Secret(token),)


@pytest.mark.parametrize(
    "session", ["eyJhIjogMX0=.Zk1x.q8Zt", "eyJhIjogMX0/b==.Zk1x.q8Zt", "eyJhIjoxfQ:1tK:q8Zt", ".eJx.Zk.q8Zt"]
)
def test_signed_sessions_are_sessions(write: Write, session: str) -> None:
    """A session may have the padding of base64 in it, dots and colons."""
    path = write("revoked.txt", f"caio_session={session}\n")
    assert read_revoked(path).sessions == (Secret(session),)


def test_no_token_at_all(write: Write) -> None:
    """A file that was given and holds none is refused: nothing would be tried."""
    path = write("revoked.txt", "\n# none\n")
    assert (
        refusal(lambda: read_revoked(path)) == f"--revoked-tokens {path}: holds no token; write one per line"
    )


def test_revoked_tokens_that_cannot_be_read_are_named(write: Write, tmp_path: Path) -> None:
    """A missing file, and one in another encoding, are told by the option."""
    missing = tmp_path / "missing.txt"
    assert refusal(lambda: read_revoked(missing)).startswith(f"--revoked-tokens {missing}: ")
    path = write("revoked.txt", "t0ken-that-was\n".encode("utf-16"))
    assert refusal(lambda: read_revoked(path)).startswith(f"--revoked-tokens {path}: is UTF-16; save it")
    path = write("revoked.txt", b"good-token\nt0ken\xff\n")
    assert refusal(lambda: read_revoked(path)).startswith(f"--revoked-tokens {path}, line 2: is not UTF-8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("first-t0ken\nsecond-t0ken\n", ": has 2 lines; write the token alone"),
        ("# of May\nt0ken\n", ": has 2 lines; "),
        (
            "DASHBOARD_AUTH_TOKEN=t0ken\n",
            ", line 1: it is a name and its value; write the token alone",
        ),
        ("# prod\nexport PORT=1\nDASHBOARD_AUTH_TOKEN=t0ken\n", ", line 2: it is a name and its value; "),
        ("$env:DASHBOARD_AUTH_TOKEN=t0ken\n", ", line 1: it is a name and its value; "),
        ("X-Dashboard-Token: t0ken\n", ", line 1: it is a name and its value; "),
        ("DASHBOARD_AUTH_TOKEN\n", ", line 1: it is the name of a variable, whose value nobody filled in; "),
        ("t0ken".encode("utf-16"), ": is UTF-16; save it as UTF-8"),
        ("t0ken".encode("utf-16-be"), ": is UTF-16; save it as UTF-8"),
        (b"t0ken\0", ", line 1: has a NUL character in it"),
        (b"t0k\xe9n", ", line 1: is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_token(write: Write, text: str | bytes, why: str) -> None:
    """`--token=@FILE` with two lines, an env file or UTF-16 is refused with a mend, not shown."""
    path = write("token.txt", text)
    told = refusal(lambda: read_token(path))
    assert told.startswith(f"--token @FILE{why}")
    assert "t0ken" not in told


@pytest.mark.parametrize("given", [f"DASHBOARD_AUTH_TOKEN={SECRET}", f"$env:X={SECRET}", f"?token={SECRET}"])
def test_a_value_that_is_no_token(given: str) -> None:
    """`--token=KEY=value` is refused by the rule of the files, and not shown."""
    assert refusal(lambda: given_token(given, Path())) == (
        "--token: it is a name and its value; write the token alone, or give an env file as --env-file"
    )


@pytest.mark.parametrize("text", ["a-t0ken", "a-t0ken\n", "\ufeffa-t0ken\r\n\r\n", "  a-t0ken  "])
def test_a_file_with_a_token(write: Write, text: str) -> None:
    """A token alone is read without a byte order mark, and without the line ends and blanks around it."""
    assert read_token(write("token.txt", text)) == "a-t0ken"


@pytest.mark.parametrize(
    ("given", "taken"), [("t0ken\n", "t0ken"), ("t0ken\r\n", "t0ken"), ("t0ken ", "t0ken ")]
)
def test_a_secret_of_ci_may_end_in_a_newline(given: str, taken: str) -> None:
    """The last line end of a secret of CI is dropped; any other blank is left for ENV-15 to name."""
    loaded = load(process={"STAGE_DASHBOARD_AUTH_TOKEN": given}, base_url="https://caio.example")
    assert loaded.value("DASHBOARD_AUTH_TOKEN") == taken


def test_a_variable_that_is_no_text() -> None:
    """A variable of the process with bytes that are not UTF-8 is named, and not shown."""
    process = {"DASHBOARD_AUTH_TOKEN": "t0ken\udcff"}
    told = refusal(lambda: load(process=process, base_url="https://caio.example"))
    assert told == "DASHBOARD_AUTH_TOKEN of the process environment: is not UTF-8 text"


def test_the_file_s_base_url_is_named_with_its_line(write: Write) -> None:
    """A base URL of the env file that is none is told with its file and line; one of the process is not."""
    path = write("x.env", "ENVIRONMENT=production\nCAIO_BASE_URL=caio.example.com\n")
    told = refusal(lambda: load(profile=Profile(), env_file=path))
    assert told.startswith(f"CAIO_BASE_URL of {path}, line 2: must start with https://")
    path = write("y.env", "DASHBOARD_AUTH_TOKEN=from-the-file\n")
    process = {"CAIO_BASE_URL": "caio.example.com", "DASHBOARD_AUTH_TOKEN": "\udcff"}
    told = refusal(lambda: load(profile=Profile(), env_file=path, process=process))
    assert told.startswith("CAIO_BASE_URL of the process environment: must start with")


def test_the_profile_of_the_architecture_is_read(tmp_path: Path) -> None:
    """A profile may have every section of the runbook's gates, with paths relative to its file."""
    path = tmp_path / "p.toml"
    path.write_text(
        """
        [production]
        base_url = "https://caio.example.com"
        [production.state]
        hive_dir = ".hive-mind"
        cutover = 2026-02-24T00:00:00Z
        [production.replay]
        golden_set = "golden.json"
        runner = "python runner.py"
        protocol = "process"
        min_pass_rate = 0.95
        min_cases = 50
        [production.operator]
        daily_limit = 5
        [production.pack]
        cwd = "."
        tests = ["tests/test_gatekeeper_integration.py"]
        """,
        "utf-8",
    )
    profile = read_profiles(path)["production"]
    assert profile.state is not None
    assert profile.state.hive_dir == str(tmp_path.resolve() / ".hive-mind")
    assert profile.operator is not None
    assert profile.operator.daily_limit == 5
    assert profile.pack is not None
    assert profile.pack.cwd == str(tmp_path.resolve())


@pytest.mark.parametrize("name", ["staging", "production"])
def test_shipped_profiles_expect_the_same_of_the_product(name: str) -> None:
    """The shipped profiles expect five functions, and the runbook's critical tests, most of them run."""
    profile = read_profiles(CHECKOUT / "acceptance" / "environments.toml")[name]
    assert profile.inngest_functions == 5
    assert profile.pack is not None
    names = " ".join(profile.pack.tests)
    for part in (
        "gatekeeper_integration",
        "runtime_reliability",
        "determinism_flows",
        "trace_envelope",
        "replay",
    ):
        assert part in names
    for part in ("batch_snapshot", "dedup_and_send_path", "state_store", "instantly", "webhook_signature"):
        assert part in names
    assert profile.pack.min_tests >= len(profile.pack.tests) == 10


@pytest.mark.parametrize(
    "origin",
    [
        *("https://old.example/", "old.example", "*", "https://*.old.example", "null"),
        *("https://Old.example", "HTTPS://old.example", "https://old.example:443", "http://old.example:80"),
        *("https://ölig.example", "https:///old.example"),
    ],
)
def test_former_origin_is_an_origin(origin: str, tmp_path: Path) -> None:
    """A former origin is written as browsers send it: else its refusal would show nothing."""
    path = tmp_path / "profiles.toml"
    path.write_text(f'[a]\nformer_origins = ["{origin}"]\n', "utf-8")
    with pytest.raises(InputError, match=r"line 2: \[a\].*former_origins"):
        read_profiles(path)
