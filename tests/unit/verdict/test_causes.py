"""Failed checks are reduced to causes: each row of the table, their order, and what is shared."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_caio.checks.credentials import TOKEN_HEADER
from pytest_caio.outcomes import TO_BE_ANSWERED
from pytest_caio.probing.causes import CACHED
from pytest_caio.verdict.causes import causes_of, once
from pytest_caio.verdict.outcome import OWN_FAULT, AdvisedBecause, Outcome
from pytest_caio.verdict.record import CaseRecord, CauseRecord, CheckRecord, EnvironmentRecord, ExchangeRecord

HOST = "https://dashboard.example"
STATUS, READY, REPORT = "/api/operator/status", "/api/health/ready", "/api/runtime/dependencies"
TOKEN = {TOKEN_HEADER: "[DASHBOARD_AUTH_TOKEN]"}
GATES = {"ENV": "environment", "WH": "webhooks", "RDY": "readiness", "OPS": "operator", "STATE": "state"}


class Seen:
    """An environment that is put together case by case."""

    def __init__(self, name: str = "production", unreachable: str = "") -> None:
        self.checks: dict[str, CheckRecord] = {}
        self.exchanges: list[ExchangeRecord] = []
        self.record = EnvironmentRecord(name, HOST, "NO-GO", "NO-GO", "", unreachable, [], [], self.exchanges)

    def answer(
        self,
        path: str,
        status: int | None,
        body: str = "",
        sent: dict[str, str] | None = None,
        got: dict[str, str] | None = None,
    ) -> int:
        """Add an exchange, and return its number."""
        number = len(self.exchanges) + 1
        given, back = [*(sent or {}).items()], [*(got or {}).items()]
        self.exchanges.append(
            ExchangeRecord(number, "GET", HOST + path, status, given, back, body, body, [], "", 1.0)
        )
        return number

    def fails(self, check: str, *exchanges: int, name: str = "", observed: str = "", **case: Any) -> None:
        """Add a failed case of a check."""
        gate = GATES.get(check.partition("-")[0], "auth")
        outcome = Outcome(case.pop("outcome", "failed"))
        if outcome is Outcome.ADVISED:
            case["advised_because"] = AdvisedBecause.CHECK_ADVISES
        fix = case.pop("fix", f"Mend {check}.")
        blocking = case.pop("blocking", True)
        known = self.checks.setdefault(
            check,
            CheckRecord(
                check, gate, f"Title of {check}", blocking, outcome, fix, None, [], wrong=f"{check} fails."
            ),
        )
        expected = case.pop("expected", "a thing")
        known.cases.append(
            CaseRecord(
                check, name, outcome, expected, observed or "another", 1.0, [*exchanges], fix=fix, **case
            )
        )
        self.record.checks = [*self.checks.values()]

    @property
    def causes(self) -> list[CauseRecord]:
        """The causes of this environment alone."""
        return causes_of([self.record])


def only(seen: Seen) -> CauseRecord:
    """Return the only cause."""
    (cause,) = seen.causes
    return cause


def test_an_unreachable_environment_is_one_cause() -> None:
    """Nothing of an environment that cannot be reached was judged: one cause, whatever else lacks."""
    seen = Seen(unreachable="the connection was refused")
    seen.fails("AUTH-01", outcome="not-run")
    seen.fails("WH-06", outcome="missing-input", missing=["CLAY_WEBHOOK_SECRET"])
    cause = only(seen)
    assert cause.sentence == "production could not be reached: the connection was refused."
    assert cause.checks == ["AUTH-01", "WH-06"]
    assert "base URL" in cause.action or "URL is right" in cause.action


@pytest.mark.parametrize(
    ("statuses", "kind", "words"),
    [
        ([200] * 5, "text/html", "answers 200 with an HTML page to everything: is this the deployment, or a"),
        ([200] * 5, "text/plain", "answers 200 to everything."),
        ([401] * 9, "text/html", "answers 401 to everything."),
        ([200] * 4, "text/html", ""),
        ([401] * 9 + [200], "text/html", ""),
        ([401] * 9 + [None], "text/html", ""),
        ([None] * 9, "text/html", ""),
    ],
)
def test_equal_responses_to_everything_are_one_cause(
    statuses: list[int | None], kind: str, words: str
) -> None:
    """A deployment that responds to everything in the same way is not the product, or not all of it."""
    seen = Seen()
    for number, status in enumerate(statuses):
        one = seen.answer(f"/{number}", status, got={"Content-Type": kind})
        seen.fails(f"CORS-0{number}", one)
    causes = seen.causes
    assert (len(causes) == 1) is bool(words)
    assert not words or words in causes[0].sentence


@pytest.mark.parametrize(
    ("status", "kind", "got", "words"),
    [
        (404, "application/json", {}, "5 of 6 requests to its API are answered 404."),
        (200, "text/html", {}, "5 of 6 requests to its API are answered 200."),
        (401, "text/html", {"www-authenticate": "Basic"}, "5 of 6 requests to its API are answered 401."),
        (500, "text/plain", {}, "5 of 6 requests to its API are answered 500."),
        (401, "text/html", {}, ""),
        (200, "application/json", {}, ""),
        (503, "application/json", {}, ""),
    ],
)
def test_another_program_is_one_cause(status: int, kind: str, got: dict[str, str], words: str) -> None:
    """A program whose API gives no answer of the dashboard is another one, whatever its pages are."""
    seen = Seen()
    for number in range(6):
        answer = seen.answer(
            f"/api/{number}", status if number else 405, '{"detail": "x"}', got={"content-type": kind, **got}
        )
        seen.fails(f"CORS-0{number}", answer)
    seen.fails("AUTH-13", seen.answer("/", 302))
    causes = seen.causes
    assert (len(causes) == 1) is bool(words)
    assert not words or causes[0].sentence.endswith(words)
    assert not words or "base URL" in causes[0].action


def silent(seen: Seen, check: str, path: str, **case: Any) -> None:
    """Add a case whose request got no answer."""
    number = seen.answer(path, None)
    seen.exchanges[-1].error = "no whole answer within 10 s"
    told = f"GET {path}: no whole answer within 10 s"
    seen.fails(check, number, observed=told, expected=TO_BE_ANSWERED, fix="Run again.", **case)


def test_requests_without_an_answer_are_one_cause() -> None:
    """What got no answer is no finding of the check that asked; beside a 502 it is the edge's."""
    seen = Seen()
    silent(seen, "WH-05", "/webhooks/clay", name="wrong signature")
    silent(seen, "AUTH-11", "/api/agents", name="HEAD /api/agents")
    cause = only(seen)
    assert cause.sentence == "GET /webhooks/clay: no whole answer within 10 s (and 1 more)."
    assert (cause.action, cause.checks) == ("Run again.", ["WH-05", "AUTH-11"])
    seen.fails(
        "AUTH-05", seen.answer(STATUS, 502), cause="the host's edge cannot reach it", fix="See that it runs."
    )
    assert only(seen).checks == ["AUTH-05", "WH-05", "AUTH-11"]


def test_a_cache_is_one_cause() -> None:
    """A cache that answers with what it had kept is one cause with the check that sees its copies."""
    seen = Seen()
    seen.fails("AUTH-05", cause=CACHED.sentence, fix=CACHED.fix)
    seen.fails("RDY-07", observed="readiness is a copy that a cache had kept (Age: 5)")
    seen.fails("AUTH-09", seen.answer(REPORT, 200, got={"age": "5"}))
    assert only(seen).checks == ["AUTH-05", "RDY-07", "AUTH-09"]
    seen.fails("AUTH-01", seen.answer(STATUS, 200, got={"age": "0"}))
    assert len(seen.causes) == 2


def test_the_env_file_of_another_environment_is_one_cause() -> None:
    """The file of staging explains its names, the token and keys that production refuses, and other state."""
    seen = Seen()
    seen.fails("ENV-02", name="ENVIRONMENT", observed="ENVIRONMENT is not production")
    seen.fails(
        "ENV-06", name="STATE_REDIS_PREFIX", observed="STATE_REDIS_PREFIX names another environment, staging"
    )
    seen.fails("AUTH-05", seen.answer(STATUS, 401), cause="the token is refused", fix="Copy it.")
    seen.fails("STATE-01")
    seen.fails("CORS-02")
    first, second = seen.causes
    assert first.sentence == "The env file is that of another environment, staging."
    assert "--env-file" in first.action
    assert (first.checks, second.checks) == (["ENV-02", "ENV-06", "AUTH-05", "STATE-01"], ["CORS-02"])


def test_many_missing_variables_are_one_cause() -> None:
    """With more than four variables missing, it is the env file that is missing; up to four are told each."""
    seen = Seen()
    for number, name in enumerate(("A_B", "C_D", "E_F", "G_H")):
        seen.fails(f"WH-0{number}", outcome="missing-input", missing=[name])
    assert len(seen.causes) == 4
    seen.fails("WH-09", outcome="missing-input", missing=["I_J"])
    seen.fails("ENV-01", observed="A_B is missing")
    seen.fails("RDY-15", fix="In Railway, set C_D to the value in the env file.")
    cause = only(seen)
    assert cause.sentence == "The env file lacks 5 variables: A_B, C_D, E_F and 2 more."
    assert "--env-file" in cause.action
    assert len(cause.checks) == 7


def test_paths_that_do_not_exist_are_one_cause() -> None:
    """Several paths of every dashboard that are not found mean another commit, whoever asked for them."""
    seen = Seen()
    seen.fails("AUTH-05", seen.answer(STATUS, 404, sent=TOKEN))
    seen.fails("RDY-02", seen.answer(REPORT, 404, sent=TOKEN))
    seen.fails("CORS-06", seen.answer(STATUS, 404))
    seen.fails("WH-11", seen.answer("/webhooks/clay/health", 404))
    seen.fails("AUTH-09", seen.answer("/api/agents", 404))
    first, second = seen.causes
    assert first.sentence == f"What every dashboard has is not there (404): {STATUS} and 2 more."
    assert "commit" in first.action
    assert (first.checks, second.checks) == (["AUTH-05", "RDY-02", "CORS-06", "WH-11"], ["AUTH-09"])


def test_a_webhook_that_does_not_exist_is_not_open() -> None:
    """404 of a webhook is no way in: the deployment lacks the route."""
    seen = Seen()
    seen.fails("WH-03", seen.answer("/webhooks/clay", 404), name="/webhooks/clay")
    assert "is not there (404): /webhooks/clay." in only(seen).sentence


def test_webhooks_that_crash_are_one_cause() -> None:
    """Where most webhooks crash, it is one thing, and no credential opened them; a few are told each."""
    seen = Seen()
    seen.answer("/api/health", 200)
    for number in range(5):
        seen.fails("WH-03", seen.answer(f"/webhooks/{number}", 500), name=f"/webhooks/{number}")
        if number == 3:
            assert "crash" not in seen.causes[0].sentence
    seen.fails("WH-04", seen.answer("/webhooks/0", 500, sent={"authorization": "x"}))
    cause = only(seen)
    assert cause.sentence == "/webhooks/0 and 4 more paths crash (500)."
    assert (cause.who, cause.checks) == ("developer", ["WH-03", "WH-04"])


def test_several_open_paths_are_one_door() -> None:
    """Paths that AUTH-09 finds open are one cause, whose action names the first and the guard."""
    seen = Seen()
    for path in ("/api/a", "/api/b", "/api/c", "/api/d"):
        seen.fails("AUTH-09", seen.answer(path, 200), name=path, fix=f"Close {path}.")
    cause = only(seen)
    assert cause.sentence == "Anyone gets in without a token or signature: /api/a and 3 more."
    assert "DASHBOARD_AUTH_STRICT=true" in cause.action
    assert "/api/a, /api/b, /api/c and 1 more let everybody in" in cause.action


def test_exchanged_secrets_are_one_cause() -> None:
    """Where token and session secret are exchanged, what was given as the token signs sessions."""
    seen = Seen()
    seen.fails("AUTH-05", seen.answer(STATUS, 401), cause="the token is refused", fix="Copy it.")
    seen.fails("AUTH-08", name="session signed with DASHBOARD_AUTH_TOKEN")
    seen.fails("AUTH-08", name="as bearer")
    first, second = seen.causes
    assert (first.action, first.checks) == ("Copy it.", ["AUTH-05", "AUTH-08"])
    assert [case.name for case in second.cases] == ["as bearer"]


@pytest.mark.parametrize(("denied", "checks"), [("Clay", ["WH-03", "WH-02"]), ("Clay, RB2B", ["WH-03"])])
def test_an_open_webhook_without_a_secret_is_one_cause(denied: str, checks: list[str]) -> None:
    """Where signatures are not required, a provider without a secret is let in, which is one thing."""
    seen = Seen()
    seen.fails("WH-03", seen.answer("/webhooks/clay", 400), name="/webhooks/clay")
    seen.fails("WH-02", observed=f"said not to authenticate: {denied}")
    seen.fails("WH-01", observed="it says webhook_signature_required: false")
    assert seen.causes[0].checks == checks


def test_redis_that_the_checks_do_not_reach_is_one_cause() -> None:
    """Where REDIS_URL of the env file leads nowhere, what reads Redis says so, and is no cause beside it."""
    seen = Seen()
    for check in ("ENV-12", "STATE-01", "STATE-03", "STATE-06"):
        seen.fails(check, expected="Redis must answer", observed="Redis cannot be reached")
    seen.fails("ENV-08", name="REDIS_URL", observed="REDIS_URL is a placeholder")
    seen.fails("STATE-04", expected="no late files", observed="a.json")
    first, second = seen.causes
    assert (first.action, first.checks) == (
        "Mend ENV-12.",
        ["ENV-12", "STATE-01", "STATE-03", "STATE-06", "ENV-08"],
    )
    assert second.checks == ["STATE-04"]


def test_the_action_for_several_variables_names_all() -> None:
    """Cases of the environment file that differ in the variable alone have one action, which names all."""
    seen = Seen()
    for key in ("INNGEST_EVENT_KEY", "SESSION_SECRET_KEY", "CORS_ALLOWED_ORIGINS"):
        seen.fails("ENV-01", name=key, fix=f"Set {key}, then redeploy.")
    seen.fails("ENV-02", name="REDIS_REQUIRED", fix="Set REDIS_REQUIRED=true, then redeploy.")
    seen.fails("ENV-02", name="ENVIRONMENT", fix="Set ENVIRONMENT=production, then redeploy.")
    first, second = seen.causes
    named = "INNGEST_EVENT_KEY and SESSION_SECRET_KEY and CORS_ALLOWED_ORIGINS"
    assert first.action == f"Set {named}, then redeploy."
    assert second.action == "Set REDIS_REQUIRED=true and ENVIRONMENT=production, then redeploy."


def test_different_actions_for_the_env_file_are_causes_of_their_own() -> None:
    """Cases of the environment file that need different actions are not hidden behind the first."""
    seen = Seen()
    seen.fails("ENV-08", name="INNGEST_EVENT_KEY", fix="Copy INNGEST_EVENT_KEY from Inngest.")
    seen.fails("ENV-08", name="SESSION_SECRET_KEY", fix="Set SESSION_SECRET_KEY to a new value.")
    assert [cause.action for cause in seen.causes] == [
        "Copy INNGEST_EVENT_KEY from Inngest.",
        "Set SESSION_SECRET_KEY to a new value.",
    ]


@pytest.mark.parametrize(("key", "causes"), [("INNGEST_SIGNING_KEY", 1), ("INNGEST_EVENT_KEY", 2)])
def test_a_placeholder_for_inngest_s_key_is_one_cause(key: str, causes: int) -> None:
    """Introspection that is refused for want of the right key stands under the key's placeholder."""
    seen = Seen()
    seen.fails("ENV-08", name=key, fix=f"Copy {key} from Inngest.")
    seen.fails("RDY-05", seen.answer("/inngest", 401), fix="Set it to the one in the env file.")
    assert len(seen.causes) == causes
    assert seen.causes[0].action == f"Copy {key} from Inngest."


def test_a_placeholder_for_the_token_is_part_of_its_refusal() -> None:
    """Where the env file has a placeholder for the token, copying the right one is the whole action."""
    seen = Seen()
    refused = seen.answer(STATUS, 401, sent=TOKEN)
    seen.fails("AUTH-05", refused, cause="the token is refused", fix="Copy it from Railway.")
    seen.fails("ENV-08", name="DASHBOARD_AUTH_TOKEN", fix="Set DASHBOARD_AUTH_TOKEN to a new value.")
    assert only(seen).action == "Copy it from Railway."


def test_another_redis_is_one_cause() -> None:
    """State that the deployment shows, and the env file's Redis lacks, is in another Redis, not lost."""
    seen = Seen()
    seen.fails("STATE-01", observed="5 of them, the first: a.json: is missing in Redis")
    seen.fails("STATE-05", observed="5 of its records are not in Redis, the first: b")
    seen.fails("STATE-06", expected="no cards shown that Redis does not hold", observed="2 of them")
    cause = only(seen)
    assert cause.sentence.startswith("The env file's Redis, or its STATE_REDIS_PREFIX, is not the one")
    assert (cause.action, cause.checks) == ("Mend STATE-06.", ["STATE-06", "STATE-01", "STATE-05"])


def test_another_prefix_is_one_cause() -> None:
    """State that was migrated under another prefix than the env file's is in this Redis, and not lost."""
    seen = Seen()
    seen.fails("STATE-01", observed="5 of them, the first: a.json: is missing in Redis")
    seen.fails("STATE-05", observed="it wrote under a, and STATE_REDIS_PREFIX is b, where no state is")
    seen.fails("STATE-06", name="leads", expected="no leads shown that Redis does not hold", observed="x")
    cause = only(seen)
    assert "STATE_REDIS_PREFIX" in cause.sentence
    assert (cause.action, cause.checks) == ("Mend STATE-05.", ["STATE-05", "STATE-01", "STATE-06"])


def test_different_answers_of_200_are_no_common_cause() -> None:
    """Where every path asked answers 200 with something of its own, each check has its own cause."""
    seen = Seen()
    for number in range(6):
        seen.fails(f"OPS-0{number}", seen.answer(f"/api/{number}", 200, f'{{"number": {number}}}'))
    assert len(seen.causes) == 6


def test_a_redirect_of_everything_names_both_hosts() -> None:
    """A deployment that sends every request on to another host is one cause that names both hosts."""
    seen = Seen()
    for number in range(6):
        location = {"Location": f"https://www.dashboard.example/{number}"}
        seen.fails(f"AUTH-0{number}", seen.answer(f"/{number}", 301, got=location))
    cause = only(seen)
    assert "from dashboard.example to another host, www.dashboard.example" in cause.sentence
    assert "base URL" in cause.action


def test_a_redirect_of_one_path_names_both_hosts() -> None:
    """A path of the API that several checks ask, and that leads to another host, is one cause."""
    seen = Seen()
    one = seen.answer(STATUS, 302, sent=TOKEN, got={"location": "https://login.example/"})
    seen.fails("AUTH-05", one)
    seen.fails("OPS-03", one)
    cause = only(seen)
    assert "dashboard.example redirects to another host, login.example" in cause.sentence


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RB2B_WEBHOOK_SECRET", "Put RB2B_WEBHOOK_SECRET into the env file"),
        (
            "hive_dir of [production.state]",
            "Give hive_dir of [production.state] in the profiles file (acceptance/environments.toml, or",
        ),
        ("hive_dir of [production.state] (no such folder)", "Correct hive_dir of [production.state] in"),
        ("--expect-commit", "Give --expect-commit on the command line"),
    ],
)
def test_a_missing_input_is_one_cause(name: str, words: str) -> None:
    """All checks that need an input are one cause, whose action names it and its place."""
    seen = Seen()
    seen.fails("WH-05", outcome="missing-input", missing=[name])
    seen.fails("WH-06", outcome="missing-input", missing=[name])
    cause = only(seen)
    assert cause.checks == ["WH-05", "WH-06"]
    assert cause.action.startswith(words)
    assert "Mend" not in cause.action


def test_the_env_file_s_own_check_is_part_of_a_missing_input() -> None:
    """A check of the env file that names the missing key is no cause beside it."""
    seen = Seen()
    seen.fails("ENV-13", observed="rb2b has no RB2B_WEBHOOK_SECRET")
    seen.fails("ENV-01", observed="SESSION_SECRET_KEY is missing")
    seen.fails("WH-05", outcome="missing-input", missing=["RB2B_WEBHOOK_SECRET"])
    assert [cause.checks for cause in seen.causes] == [["ENV-13", "WH-05"], ["ENV-01"]]


def test_a_refused_token_is_one_cause() -> None:
    """What the responses show of a cause outside the checks takes every check that shows it."""
    seen = Seen()
    seen.fails("AUTH-05", cause="the token is refused", fix="Copy DASHBOARD_AUTH_TOKEN.")
    seen.fails("RDY-02", cause="the token is refused", fix="Copy DASHBOARD_AUTH_TOKEN.")
    seen.fails("WH-03", cause="it limits how often it is asked", fix="Give --request-rate 5.")
    first, second = seen.causes
    assert (first.sentence, first.checks) == ("The token is refused.", ["AUTH-05", "RDY-02"])
    assert (second.action, second.checks) == ("Give --request-rate 5.", ["WH-03"])


ONE_ANSWER = {
    "500": (STATUS, 500, "", {}, "crashes (500)", "deploy logs", "developer"),
    "503": (STATUS, 503, '{"detail": "No model"}', {}, "answers 503: No model", "deploy logs", "you"),
    "404": (STATUS, 404, "", {}, "is not found (404), though the token is right", "commit", "developer"),
    "403": (STATUS, 403, "", {}, "is forbidden (403)", "developer", "developer"),
    "login": (STATUS, 302, "", {"location": "/login"}, "redirects to /login", "developer", "developer"),
    "page": (STATUS, 200, "", {"content-type": "text/html"}, "a page in place of JSON", "Railway", "you"),
    "readiness": (
        READY,
        503,
        '{"detail": "not ready: redis"}',
        {},
        "Readiness answers 503",
        "variables",
        "you",
    ),
    "guarded": (READY, 401, "", {}, "Readiness asks for a token", "DASHBOARD_AUTH_ALLOWLIST", "you"),
}


@pytest.mark.parametrize("name", ONE_ANSWER)
def test_one_wrong_answer_is_one_cause(name: str) -> None:
    """One answer that several checks judge is one cause: a sentence, an action and who for each kind."""
    path, status, body, got, sentence, action, who = ONE_ANSWER[name]
    seen = Seen()
    one = seen.answer(path, status, body, TOKEN if path == STATUS else {}, got)
    seen.fails("AUTH-05", one)
    seen.fails("OPS-03", one)
    cause = only(seen)
    assert sentence in cause.sentence
    assert action in cause.action
    assert (cause.who, cause.checks) == (who, ["AUTH-05", "OPS-03"])


def test_a_dependency_that_is_down_is_one_cause() -> None:
    """Redis that is down explains readiness and what reads through it, not what fails for another reason."""
    seen = Seen()
    report = seen.answer(REPORT, 200, '{"required_failures": ["redis"]}', TOKEN)
    ready = seen.answer(READY, 503, '{"detail": "Runtime dependencies not ready: redis"}')
    cards = seen.answer("/api/pending-emails", 503, '{"detail": "State store unavailable"}', TOKEN)
    seen.fails("RDY-03", report, observed="it says connected: false")
    seen.fails("RDY-02", report)
    seen.fails("RDY-01", ready)
    seen.fails("OPS-05", cards)
    seen.fails("CORS-01", seen.answer("/api/health", 200))
    first, second = seen.causes
    assert first.sentence == "Redis is down for the deployment."
    assert (first.action, {*first.checks}) == ("Mend RDY-03.", {"RDY-01", "RDY-02", "RDY-03", "OPS-05"})
    assert second.checks == ["CORS-01"]


def test_a_provider_without_a_secret_is_one_cause() -> None:
    """A route that answers 503 for want of a secret is one cause, which names the provider's variable."""
    seen = Seen()
    post = seen.answer("/webhooks/clay", 503, '{"detail": "Webhook secret not configured"}')
    seen.fails("WH-02", seen.answer(REPORT, 200, "", TOKEN))
    for check in ("WH-03", "WH-04", "WH-05"):
        seen.fails(check, post, name="/webhooks/clay")
    seen.fails("RDY-01", seen.answer(READY, 503, '{"detail": "Runtime dependencies not ready: webhooks"}'))
    cause = only(seen)
    assert cause.sentence == "Clay has no secret: its webhooks answer 503."
    assert "CLAY_WEBHOOK_SECRET" in cause.action
    assert {*cause.checks} == {"WH-02", "WH-03", "WH-04", "WH-05", "RDY-01"}


def test_a_secret_that_is_missing_everywhere_is_one_cause() -> None:
    """Where neither the deployment nor the env file has a provider's secret, one action sets both."""
    seen = Seen()
    seen.fails("ENV-13", name="heyreach", observed="heyreach has no HEYREACH_WEBHOOK_SECRET")
    seen.fails("WH-09", missing=["HEYREACH_WEBHOOK_SECRET"], outcome="missing-input")
    post = seen.answer("/webhooks/heyreach", 503, '{"detail": "Webhook secret not configured"}')
    seen.fails("WH-08", post, name="unsigned")
    seen.fails("WH-08", seen.answer(REPORT, 200, "{}", TOKEN), name="allowlist")
    cause = only(seen)
    assert cause.action.startswith("In Railway and in the env file, set HEYREACH_WEBHOOK_SECRET (or")
    assert {*cause.checks} == {"ENV-13", "WH-08", "WH-09"}


def test_an_open_door_is_one_cause() -> None:
    """A path that lets anyone in explains near misses, other methods and spellings of it alone."""
    seen = Seen()
    seen.fails("AUTH-01", seen.answer(STATUS, 200))
    seen.fails("AUTH-07", seen.answer(STATUS, 200, sent={TOKEN_HEADER: "[nearly]"}), name="a prefix")
    seen.fails("AUTH-10", seen.answer("/api//operator/status", 200), name="//")
    seen.fails("AUTH-11", seen.answer(STATUS, 405), name="HEAD")
    seen.fails("AUTH-19", seen.answer("/api/leads", 200), name="a header")
    first, second = seen.causes
    assert first.sentence == f"Anyone gets in without a token or signature: {STATUS}."
    assert (first.action, first.checks) == ("Mend AUTH-01.", ["AUTH-01", "AUTH-07", "AUTH-10", "AUTH-11"])
    assert second.checks == ["AUTH-19"]


def test_an_open_webhook_is_one_cause() -> None:
    """A route that takes unsigned posts takes every wrong signature too."""
    seen = Seen()
    one = seen.answer("/webhooks/clay", 400)
    seen.fails("WH-03", one, name="/webhooks/clay")
    seen.fails("WH-05", seen.answer("/webhooks/clay", 400), name="/webhooks/clay malformed")
    seen.fails("WH-12", one, name="/webhooks/clay")
    assert only(seen).checks == ["WH-03", "WH-05", "WH-12"]


def test_a_check_that_explains_another() -> None:
    """A check of the table takes what it explains; another that fails for itself stays a cause."""
    seen = Seen()
    seen.fails("RDY-08", observed="it says query_token_enabled: true")
    seen.fails("AUTH-04", seen.answer(f"{STATUS}?token=x", 200))
    seen.fails("RDY-09", seen.answer("/docs", 200))
    first, second = seen.causes
    assert (first.action, first.checks) == ("Mend AUTH-04.", ["AUTH-04", "RDY-08"])
    assert (second.sentence, second.action) == ("RDY-09 fails.", "Mend RDY-09.")


@pytest.mark.parametrize(
    ("first", "variable"),
    [("AUTH-04", "query_token_enabled: true"), ("WH-01", "webhook_signature_required: false")],
)
def test_another_variable_of_one_report_is_a_cause_of_its_own(first: str, variable: str) -> None:
    """What the report says of one variable explains no failure that is about another one."""
    for said, causes in ((variable, [[first, "RDY-08"]]), ("strict_mode: false", [[first], ["RDY-08"]])):
        seen = Seen()
        body = '{"strict_mode": false, "query_token_enabled": true, "webhook_signature_required": false}'
        report = seen.answer(REPORT, 200, body, TOKEN)
        seen.fails(first, seen.answer(f"{STATUS}?token=x", 200))
        seen.fails("RDY-08", report, observed=f"it says {said}")
        assert [cause.checks for cause in seen.causes] == causes


@pytest.mark.parametrize(("name", "causes"), [("wrong", 1), ("its first half", 3)])
def test_only_a_wholly_wrong_token_explains_others(name: str, causes: int) -> None:
    """Where any token opens the dashboard, a revoked one does too; a half of the right one explains none."""
    seen = Seen()
    for check, case in (("AUTH-07", name), ("AUTH-12", "revoked token 1"), ("AUTH-15", "A as token")):
        seen.fails(check, seen.answer(STATUS, 200, sent={TOKEN_HEADER: f"[{case}]"}), name=case)
    assert len(seen.causes) == causes


@pytest.mark.parametrize(("name", "causes"), [("leads", 1), ("cards", 2)])
def test_a_lost_lead_explains_no_card(name: str, causes: int) -> None:
    """Leads are migrated and cards are not: a card that is not shown is no consequence of a lost lead."""
    seen = Seen()
    seen.fails("STATE-01", observed="a.json: key is missing in Redis")
    seen.fails("STATE-06", name=name, observed="key")
    assert len(seen.causes) == causes


def test_leads_and_cards_under_other_prefixes_are_two_causes() -> None:
    """The prefix of the queue explains the cards that are not shown, and not the leads."""
    seen = Seen()
    queue = seen.answer("/api/pending-emails", 200, '{"count": 0}', TOKEN)
    seen.fails("STATE-06", seen.answer("/api/leads", 200, "[]", TOKEN), name="leads", fix="Mend the leads.")
    seen.fails("STATE-06", queue, name="cards")
    seen.fails("RDY-15", queue, expected="the queue must be under a in Redis", observed="it is under b")
    seen.fails("OPS-06", queue, blocking=False, outcome="advised")
    assert [(cause.action, cause.checks) for cause in seen.causes] == [
        ("Mend RDY-15.", ["RDY-15", "STATE-06", "OPS-06"]),
        ("Mend the leads.", ["STATE-06"]),
    ]


def test_a_check_that_broke_is_a_cause_even_if_it_advises() -> None:
    """Checks that broke are one cause, for whoever maintains the suite; advice is none."""
    seen = Seen()
    seen.fails("AUTH-14", outcome="error", blocking=False)
    seen.fails("WH-09", blocking=False, outcome="advised")
    cause = only(seen)
    assert (cause.checks, cause.action) == (["AUTH-14"], OWN_FAULT)


def test_advice_stands_under_the_cause_that_it_shares() -> None:
    """Advice that judges the same wrong answer as a failed check is no finding of its own."""
    seen = Seen()
    one = seen.answer(STATUS, 500, sent=TOKEN)
    seen.fails("AUTH-05", one)
    seen.fails("OPS-09", one, blocking=False, outcome="advised")
    assert only(seen).checks == ["AUTH-05", "OPS-09"]


def test_the_order() -> None:
    """First unreachable, then missing inputs, the environment, and then by how many checks each explains."""
    gone = Seen("staging", unreachable="gone")
    gone.fails("AUTH-01", outcome="not-run")
    seen = Seen()
    seen.fails("CORS-02")
    seen.fails("ENV-03")
    one = seen.answer(STATUS, 500, sent=TOKEN)
    seen.fails("AUTH-05", one)
    seen.fails("OPS-03", one)
    seen.fails("RPL-01", outcome="missing-input", missing=["golden_set of [production.replay]"])
    order = [cause.checks for cause in causes_of([seen.record, gone.record])]
    assert order == [["AUTH-01"], ["RPL-01"], ["ENV-03"], ["AUTH-05", "OPS-03"], ["CORS-02"]]


def test_each_check_shows_a_case_before_any_shows_two() -> None:
    """At most three cases are shown, of as many checks as there are."""
    seen = Seen()
    one = seen.answer(STATUS, 500, sent=TOKEN)
    for check, name in (("AUTH-05", "a"), ("AUTH-05", "b"), ("OPS-02", "c"), ("OPS-03", "d")):
        seen.fails(check, one, name=name)
    assert [(case.check, case.name) for case in only(seen).cases] == [
        ("AUTH-05", "a"),
        ("OPS-02", "c"),
        ("OPS-03", "d"),
    ]


def test_a_shared_cause_is_told_once() -> None:
    """What both environments have to put right in the same way is one thing; the rest is not."""
    here, there = Seen("staging"), Seen("production")
    for seen in (here, there):
        seen.fails("ENV-03")
    there.fails("CORS-02")
    told = once(causes_of([here.record, there.record]))
    assert [(cause.checks, names) for cause, names in told] == [
        (["ENV-03"], ["staging", "production"]),
        (["CORS-02"], ["production"]),
    ]
