"""Strict webhook authentication: what is not signed by its provider is refused."""

from collections.abc import Mapping

from pytest_caio import (
    Credential,
    Effect,
    Environment,
    Exchange,
    MissingInput,
    NotApplicable,
    Probe,
    cases,
    check,
    get,
    post,
)
from pytest_caio.checks.credentials import TOKEN_HEADER, bearer, header, signed, token_as
from pytest_caio.checks.shared import DEPENDENCIES
from pytest_caio.contract.providers import (
    HEYREACH_ROUTE,
    PROVIDERS,
    SIGNATURE_HEADERS,
    WEBHOOK_EVENT,
    WEBHOOK_ROUTES,
)
from pytest_caio.contract.reports import Auth, Provider, WebhookHealth, Webhooks
from pytest_caio.environments.rules import heyreach_unsigned

JSON = {"Content-Type": "application/json"}
SIGN = (
    "In Railway, set the provider's secret (INSTANTLY_WEBHOOK_SECRET, CLAY_WEBHOOK_SECRET, RB2B_WEBHOOK_SECRET; "
    "503 means that it is missing) and WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy; if they are set, have the "
    "webhook handler corrected, or see the deploy logs."
)
VERIFY = (
    "Have the dashboard's webhook handler verify the HMAC over the raw body with this provider's own "
    "*_WEBHOOK_SECRET, then redeploy."
)
HEYREACH = (
    "In Railway, set HEYREACH_WEBHOOK_SECRET or HEYREACH_BEARER_TOKEN and HEYREACH_UNSIGNED_ALLOWLIST=false, "
    "then redeploy; a waiver may cover WH-08 for a limited time."
)


def event(route: str, credential: Credential | None = None, name: str = "") -> Probe:
    """Post an event that no handler knows."""
    return post(route, credential, headers=JSON, body=WEBHOOK_EVENT, name=name)


def secret_of(provider: str) -> str:
    """Return the key of a provider's HMAC secret."""
    return f"{provider.upper()}_WEBHOOK_SECRET"


def bearer_of(provider: str) -> str:
    """Return the key of the bearer that a provider sends."""
    return "HEYREACH_BEARER_TOKEN" if provider == "heyreach" else "WEBHOOK_BEARER_TOKEN"


def wrong_bearer(route: str) -> Mapping[str, Probe]:
    """Return a route's probe with a bearer that nobody was given."""
    wrong = header("Authorization", "Bearer caio-acceptance-wrong-bearer", "a wrong bearer")
    return {f"{route} wrong bearer": event(route, wrong)}


def wrong_signatures(route: str, provider: str) -> Mapping[str, Probe]:
    """Return a route's probes with signatures that no secret made."""
    name = SIGNATURE_HEADERS[provider]
    values = {
        "wrong": "0123456789abcdef" * 4,
        "wrong with prefix": "sha256=" + "0123456789abcdef" * 4,
        "empty": "",
        "empty with prefix": "sha256=",
        "malformed": "not-hexadecimal",
    }
    probes = {
        f"{route} {kind} signature": event(route, header(name, value, f"a signature, {kind}"))
        for kind, value in values.items()
    }
    if provider == "rb2b":
        second = header("X-Signature", values["wrong"], "a signature, wrong, in X-Signature")
        probes[f"{route} wrong X-Signature"] = event(route, second)
    return probes


def replayed_signatures(route: str, provider: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with good signatures of something else than the body.

    A provider that has a bearer and no secret signs nothing, nor does HeyReach where it is let in unsigned;
    whether the deployment agrees is WH-12's.
    """
    key = secret_of(provider)
    if provider == "heyreach" and heyreach_unsigned(environment):
        return {}
    if not environment.value(key) and environment.value(bearer_of(provider)) and provider != "rb2b":
        return {}
    name = SIGNATURE_HEADERS[provider]
    return {
        f"{route} signature of {what}": event(route, signed(key, name, over=over))
        for what, over in (("another body", b'{"event":"another"}'), ("an empty body", b""))
    }


def foreign_credentials(route: str, provider: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with credentials that are good elsewhere."""
    name = SIGNATURE_HEADERS[provider]
    probes = {
        f"{route} dashboard token as bearer": event(route, token_as("Authorization", "Bearer {}")),
        f"{route} dashboard token": event(route, token_as(TOKEN_HEADER, "{}")),
    }
    for other in PROVIDERS:
        if other != provider and environment.value(secret_of(other)):
            probes[f"{route} signed by {other}"] = event(route, signed(secret_of(other), name))
    for key in ("WEBHOOK_BEARER_TOKEN", "HEYREACH_BEARER_TOKEN"):
        foreign = key != bearer_of(provider) or provider == "rb2b"
        if foreign and environment.value(key):
            probes[f"{route} {key}"] = event(route, bearer(key))
    return probes


@check("WH-01", fix="In Railway, set WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy.")
@DEPENDENCIES
def test_signatures_are_required(response: Exchange) -> None:
    """The deployment says that webhook signatures are required."""
    assert response.report(Auth, at="auth").webhook_signature_required is True
    assert response.report(Webhooks, at="dependencies.webhooks").required is True


@check("WH-02", fix=SIGN)
@DEPENDENCIES
def test_no_provider_is_unauthenticated(response: Exchange) -> None:
    """The deployment says that its webhooks are ready and that every provider authenticates."""
    webhooks = response.report(Webhooks, at="dependencies.webhooks")
    assert webhooks.ready is True
    assert webhooks.unauthed_providers == []
    assert sorted(webhooks.provider_auth) == sorted(PROVIDERS)


@check("WH-03", fix=SIGN)
@cases({route: event(route) for route in WEBHOOK_ROUTES})
def test_unsigned_posts(response: Exchange) -> None:
    """An unsigned post is refused."""
    assert response.status_code == 401


@check("WH-04", fix=SIGN)
@cases({name: asked for route in WEBHOOK_ROUTES for name, asked in wrong_bearer(route).items()})
def test_wrong_bearers(response: Exchange) -> None:
    """A wrong bearer is refused."""
    assert response.status_code == 401


@check("WH-05", fix=VERIFY)
@cases(
    {
        name: p
        for route, provider in WEBHOOK_ROUTES.items()
        for name, p in wrong_signatures(route, provider).items()
    }
)
def test_wrong_signatures(response: Exchange) -> None:
    """A wrong, an empty and a malformed signature are refused."""
    assert response.status_code == 401


def replayed_cases(environment: Environment) -> Mapping[str, Probe]:
    """Return the probes of every route whose provider signs."""
    probes = {
        name: asked
        for route, provider in WEBHOOK_ROUTES.items()
        for name, asked in replayed_signatures(route, provider, environment).items()
    }
    if not probes:
        raise NotApplicable("no provider signs; every one has a bearer instead")
    return probes


@check("WH-06", fix=VERIFY)
@cases(replayed_cases)
def test_signatures_of_other_bodies(response: Exchange) -> None:
    """A good signature of another body, or of nothing, is refused."""
    assert response.status_code == 401


@check(
    "WH-07",
    fix="Give each provider its own *_WEBHOOK_SECRET or bearer in Railway, none twice, then redeploy; if they differ, "
    "have the webhook handler corrected.",
)
@cases(
    lambda environment: {
        name: asked
        for route, provider in WEBHOOK_ROUTES.items()
        for name, asked in foreign_credentials(route, provider, environment).items()
    }
)
def test_credentials_of_others(response: Exchange) -> None:
    """The dashboard token is no webhook credential, nor is one provider's for another."""
    assert response.status_code == 401


@check("WH-08", waivable=True, fix=HEYREACH)
@cases(
    lambda environment: {
        "allowlist": DEPENDENCIES,
        "unsigned": event(HEYREACH_ROUTE),
        **wrong_bearer(HEYREACH_ROUTE),
        **wrong_signatures(HEYREACH_ROUTE, "heyreach"),
        **replayed_signatures(HEYREACH_ROUTE, "heyreach", environment),
        **foreign_credentials(HEYREACH_ROUTE, "heyreach", environment),
    }
)
def test_heyreach(response: Exchange, case: str) -> None:
    """HeyReach's webhook is as strict as the others, and not on the unsigned allowlist."""
    if case == "allowlist":
        heyreach = response.report(Provider, at="dependencies.webhooks.provider_auth.heyreach")
        assert heyreach.unsigned_allowlisted is False
        assert heyreach.authed is True
    else:
        assert response.status_code == 401


def accepted(route: str, provider: str, environment: Environment, body: bytes) -> Probe:
    """Return a rightly authenticated post, which the deployment acts on."""
    key = secret_of(provider)
    credential: Credential | None
    if provider == "heyreach" and heyreach_unsigned(environment):
        credential = None
    elif environment.value(key) or provider == "rb2b":
        credential = signed(key, SIGNATURE_HEADERS[provider], prefix="sha256=")
    else:
        credential = bearer(bearer_of(provider))
    return post(route, credential, headers=JSON, body=body, effect=Effect.WRITE)


ALL_ROUTES = {**WEBHOOK_ROUTES, HEYREACH_ROUTE: "heyreach"}


@check("WH-09", blocking=False, writes=True, fix=VERIFY)
@cases(
    lambda environment: {
        route: accepted(route, provider, environment, WEBHOOK_EVENT) for route, provider in ALL_ROUTES.items()
    }
)
def test_signed_posts(response: Exchange) -> None:
    """A rightly signed post of an unknown event is accepted."""
    assert 200 <= response.status_code < 300


NONSENSE = {
    "broken JSON": b'{"event": ',
    "an array": b"[1, 2, 3]",
    "1 MiB": b'{"event":"' + b"x" * 1024 * 1024 + b'"}',
}


@check(
    "WH-10",
    blocking=False,
    writes=True,
    fix="Have the webhook handler refuse a body it cannot read with a 4xx.",
)
@cases(
    lambda environment: {
        f"{route} {kind}": accepted(route, provider, environment, body)
        for route, provider in ALL_ROUTES.items()
        for kind, body in NONSENSE.items()
    }
)
def test_signed_nonsense(response: Exchange) -> None:
    """Rightly signed nonsense is refused as the sender's mistake, not answered with a crash."""
    assert 400 <= response.status_code < 500


@check("WH-11", fix="In Railway, set WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy.")
@cases({provider: get(f"/webhooks/{provider}/health") for provider in PROVIDERS})
def test_health_says_strict(response: Exchange) -> None:
    """Each provider's health says that strict mode is on."""
    assert response.report(WebhookHealth).signature_strict_mode is True


def agreement_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask each route without a credential and, where it should not help, with its provider's bearer."""
    probes: dict[str, tuple[Probe, ...]] = {}
    for route, provider in ALL_ROUTES.items():
        probes[route] = (DEPENDENCIES, event(route, name="unsigned"))
        key = bearer_of(provider)
        if environment.value(secret_of(provider)) and environment.value(key):
            # A secret is the only way in; the bearer beside it must be ignored.
            probes[route] += (event(route, bearer(key), name="bearer"),)
    return probes


@check(
    "WH-12",
    fix="The report and the route disagree: compare the provider's secrets in Railway with your env file, then redeploy.",
)
@cases(agreement_cases)
def test_report_and_route_agree(
    responses: Mapping[str, Exchange], case: str, environment: Environment
) -> None:
    """What the deployment says of a provider is what its route does."""
    provider = ALL_ROUTES[case]
    said = responses["dependencies"].report(Provider, at=f"dependencies.webhooks.provider_auth.{provider}")
    unsigned = responses["unsigned"].status_code
    # A secret is the way in, else a bearer (not for RB2B), else the allowlist; with none of them, 503.
    if said.hmac or (said.bearer and provider != "rb2b"):
        assert said.authed is True
        assert unsigned == 401
    elif said.unsigned_allowlisted:
        assert 200 <= unsigned < 300
    else:
        assert said.authed is False
        assert unsigned == 503
    if said.hmac and not environment.value(secret_of(provider)):
        raise MissingInput(secret_of(provider))
    if "bearer" in responses:
        assert said.hmac is True
        assert responses["bearer"].status_code == 401
