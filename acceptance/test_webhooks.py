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
from pytest_caio.contract.providers import BEARER_KEYS, PROVIDERS, ROUTES, WEBHOOK_EVENT
from pytest_caio.contract.reports import Auth, ProviderAuth, WebhookHealth, Webhooks
from pytest_caio.environments.rules import let_in_unsigned

JSON = {"Content-Type": "application/json"}
(HEYREACH_ROUTE,) = PROVIDERS["heyreach"].routes
# HeyReach has a check of its own (WH-08), so that one waiver covers all of its route.
OTHERS = [provider for provider in PROVIDERS.values() if provider.name != "heyreach"]
OTHER_ROUTES = [route for provider in OTHERS for route in provider.routes]
# Sent to providers without a bearer of their own, to check that no bearer opens their route.
SPARE_BEARER = BEARER_KEYS[0]
SIGN = (
    f"In Railway, set the provider's secret ({', '.join(provider.secret_key for provider in OTHERS)}; "
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


def wrong_bearer(route: str) -> Mapping[str, Probe]:
    """Return a route's probe with a bearer that nobody was given."""
    wrong = header("Authorization", "Bearer caio-acceptance-wrong-bearer", "a wrong bearer")
    return {f"{route} wrong bearer": event(route, wrong)}


def wrong_signatures(route: str) -> Mapping[str, Probe]:
    """Return a route's probes with signatures that no secret made."""
    name, *others = ROUTES[route].signature_headers
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
    for other in others:
        wrong = header(other, values["wrong"], f"a signature, wrong, in {other}")
        probes[f"{route} wrong {other}"] = event(route, wrong)
    return probes


def replayed_signatures(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with good signatures of something else than the body.

    A provider that has a bearer and no secret signs nothing, nor does one that is let in unsigned; whether
    the deployment agrees is WH-12's.
    """
    provider = ROUTES[route]
    if let_in_unsigned(environment, provider):
        return {}
    if not environment.value(provider.secret_key) and environment.value(provider.bearer_key or ""):
        return {}
    name = provider.signature_headers[0]
    return {
        f"{route} signature of {what}": event(route, signed(provider.secret_key, name, over=over))
        for what, over in (("another body", b'{"event":"another"}'), ("an empty body", b""))
    }


def foreign_credentials(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with credentials that are good elsewhere."""
    provider = ROUTES[route]
    name = provider.signature_headers[0]
    probes = {
        f"{route} dashboard token as bearer": event(route, token_as("Authorization", "Bearer {}")),
        f"{route} dashboard token": event(route, token_as(TOKEN_HEADER, "{}")),
    }
    for other in PROVIDERS.values():
        if other != provider and environment.value(other.secret_key):
            probes[f"{route} signed by {other.name}"] = event(route, signed(other.secret_key, name))
    for key in BEARER_KEYS:
        if key != provider.bearer_key and environment.value(key):
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
@cases({route: event(route) for route in OTHER_ROUTES})
def test_unsigned_posts(response: Exchange) -> None:
    """An unsigned post is refused."""
    assert response.status_code == 401


@check("WH-04", fix=SIGN)
@cases({name: asked for route in OTHER_ROUTES for name, asked in wrong_bearer(route).items()})
def test_wrong_bearers(response: Exchange) -> None:
    """A wrong bearer is refused."""
    assert response.status_code == 401


@check("WH-05", by="developer", fix=VERIFY)
@cases({name: asked for route in OTHER_ROUTES for name, asked in wrong_signatures(route).items()})
def test_wrong_signatures(response: Exchange) -> None:
    """A wrong, an empty and a malformed signature are refused."""
    assert response.status_code == 401


def replayed_cases(environment: Environment) -> Mapping[str, Probe]:
    """Return the probes of every route whose provider signs."""
    probes = {
        name: asked
        for route in OTHER_ROUTES
        for name, asked in replayed_signatures(route, environment).items()
    }
    if not probes:
        raise NotApplicable("no provider signs; every one has a bearer instead")
    return probes


@check("WH-06", by="developer", fix=VERIFY)
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
        for route in OTHER_ROUTES
        for name, asked in foreign_credentials(route, environment).items()
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
        **wrong_signatures(HEYREACH_ROUTE),
        **replayed_signatures(HEYREACH_ROUTE, environment),
        **foreign_credentials(HEYREACH_ROUTE, environment),
    }
)
def test_heyreach(response: Exchange, case: str) -> None:
    """HeyReach's webhook is as strict as the others, and not on the unsigned allowlist."""
    if case == "allowlist":
        heyreach = response.report(ProviderAuth, at="dependencies.webhooks.provider_auth.heyreach")
        assert heyreach.unsigned_allowlisted is False
        assert heyreach.authed is True
    else:
        assert response.status_code == 401


def accepted(route: str, environment: Environment, body: bytes) -> Probe:
    """Return a rightly authenticated post, which the deployment acts on."""
    provider = ROUTES[route]
    credential: Credential | None
    if let_in_unsigned(environment, provider):
        credential = None
    elif environment.value(provider.secret_key) or provider.bearer_key is None:
        credential = signed(provider.secret_key, provider.signature_headers[0], prefix="sha256=")
    else:
        credential = bearer(provider.bearer_key)
    return post(route, credential, headers=JSON, body=body, effect=Effect.WRITE)


@check("WH-09", by="developer", blocking=False, writes=True, fix=VERIFY)
@cases(lambda environment: {route: accepted(route, environment, WEBHOOK_EVENT) for route in ROUTES})
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
    by="developer",
    blocking=False,
    writes=True,
    fix="Have the webhook handler refuse a body it cannot read with a 4xx.",
)
@cases(
    lambda environment: {
        f"{route} {kind}": accepted(route, environment, body)
        for route in ROUTES
        for kind, body in NONSENSE.items()
    }
)
def test_signed_nonsense(response: Exchange) -> None:
    """Rightly signed nonsense is refused as the sender's mistake, not answered with a crash."""
    assert 400 <= response.status_code < 500


@check("WH-11", fix="In Railway, set WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy.")
@cases({name: get(provider.health) for name, provider in PROVIDERS.items()})
def test_health_says_strict(response: Exchange) -> None:
    """Each provider's health says that strict mode is on."""
    assert response.report(WebhookHealth).signature_strict_mode is True


def agreement_cases(environment: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Ask each route without a credential and, where it should not help, with its provider's bearer."""
    probes: dict[str, tuple[Probe, ...]] = {}
    for route, provider in ROUTES.items():
        probes[route] = (DEPENDENCIES, event(route, name="unsigned"))
        key = provider.bearer_key or SPARE_BEARER
        if environment.value(provider.secret_key) and environment.value(key):
            # With a secret, only a signature authenticates; the route must ignore the bearer.
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
    provider = ROUTES[case]
    said = responses["dependencies"].report(
        ProviderAuth, at=f"dependencies.webhooks.provider_auth.{provider.name}"
    )
    unsigned = responses["unsigned"].status_code
    # Authentication is by secret, else by bearer if the provider may send one, else by allowlist; else 503.
    if said.hmac or (said.bearer and provider.bearer_key is not None):
        assert said.authed is True
        assert unsigned == 401
    elif said.unsigned_allowlisted:
        assert 200 <= unsigned < 300
    else:
        assert said.authed is False
        assert unsigned == 503
    if said.hmac and not environment.value(provider.secret_key):
        raise MissingInput(provider.secret_key)
    if "bearer" in responses:
        assert said.hmac is True
        assert responses["bearer"].status_code == 401
