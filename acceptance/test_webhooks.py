"""Strict webhook authentication: what is not signed by its provider is refused."""

from collections.abc import Callable, Mapping

from pytest_caio import (
    Credential,
    Effect,
    Environment,
    Exchange,
    MissingInput,
    Probe,
    cases,
    check,
    get,
    post,
)
from pytest_caio.checks.credentials import (
    NEAR_MISSES,
    NEAR_SIGNATURES,
    TOKEN_HEADER,
    bearer,
    bearer_in_query,
    header,
    signed,
    signed_in_query,
    token_as,
)
from pytest_caio.checks.shared import DEPENDENCIES
from pytest_caio.contract.providers import (
    BEARER_KEYS,
    PROVIDERS,
    ROUTES,
    SUPPRESSING_ROUTES,
    UNREADABLE_BODY,
    WEBHOOK_EVENT,
    WebhookProvider,
)
from pytest_caio.contract.reports import Auth, ProviderAuth, WebhookHealth, Webhooks, denies
from pytest_caio.contract.signing import webhook_signature
from pytest_caio.environments.rules import let_in_unsigned

JSON = {"Content-Type": "application/json"}
(HEYREACH_ROUTE,) = PROVIDERS["heyreach"].routes
# HeyReach has a check of its own (WH-08), so that one waiver covers all of its route.
OTHERS = [provider for provider in PROVIDERS.values() if provider.name != "heyreach"]
OTHER_ROUTES = [route for provider in OTHERS for route in provider.routes]
# What is let in is acted on: never where it would put an address onto the suppression list.
LET_IN_ROUTES = [route for route in ROUTES if route not in SUPPRESSING_ROUTES]
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
    "then redeploy; if they are set, have the webhook handler corrected; a waiver may cover WH-08 for a limited time."
)


def refused(route: str, credential: Credential | None = None, name: str = "") -> Probe:
    """Post what must be refused: no JSON, so that nobody could act on it."""
    return post(route, credential, headers=JSON, body=UNREADABLE_BODY, name=name)


def signs(provider: WebhookProvider, environment: Environment) -> bool:
    """Say whether a provider signs: it has a secret, or no other way in. If the deployment agrees is WH-12's."""
    if let_in_unsigned(environment, provider):
        return False
    return bool(environment.value(provider.secret_key)) or not environment.value(provider.bearer_key or "")


def unsigned(route: str, _: Environment) -> Mapping[str, Probe]:
    """Return a route's probe without a credential."""
    return {route: refused(route)}


def wrong_bearers(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with a bearer that nobody was given, an empty one, and almost the right one."""
    probes = {
        f"{route} {kind} bearer": refused(route, header("Authorization", value, f"a bearer, {kind}"))
        for kind, value in (("wrong", "Bearer caio-acceptance-wrong-bearer"), ("empty", "Bearer"))
    }
    key = ROUTES[route].bearer_key or ""
    if environment.value(key) and not signs(ROUTES[route], environment):
        probes |= {f"{route} bearer, {miss}": refused(route, bearer(key, miss=miss)) for miss in NEAR_MISSES}
    return probes


def wrong_signatures(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with signatures that its secret did not make, and with almost the right one."""
    provider = ROUTES[route]
    name, *others = provider.signature_headers
    values = {
        "wrong": "0123456789abcdef" * 4,
        "wrong with prefix": "sha256=" + "0123456789abcdef" * 4,
        "empty": "",
        "empty with prefix": "sha256=",
        "malformed": "not-hexadecimal",
        "made without a secret": webhook_signature("", UNREADABLE_BODY),
    }
    probes = {
        f"{route} {kind} signature": refused(route, header(name, value, f"a signature, {kind}"))
        for kind, value in values.items()
    }
    for other in others:
        wrong = header(other, values["wrong"], f"a signature, wrong, in {other}")
        probes[f"{route} wrong {other}"] = refused(route, wrong)
    if signs(provider, environment):
        probes |= {
            f"{route} signature, {miss}": refused(route, signed(provider.secret_key, name, miss=miss))
            for miss in NEAR_SIGNATURES
        }
    return probes


def replayed_signatures(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with good signatures of something else than the body: no JSON either."""
    provider = ROUTES[route]
    if not signs(provider, environment):
        return {}
    name = provider.signature_headers[0]
    return {
        f"{route} signature of {what}": refused(route, signed(provider.secret_key, name, over=over))
        for what, over in (("another body", b"["), ("an empty body", b""))
    }


def foreign_credentials(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with credentials that are good elsewhere."""
    provider = ROUTES[route]
    name = provider.signature_headers[0]
    probes = {
        f"{route} dashboard token as bearer": refused(route, token_as("Authorization", "Bearer {}")),
        f"{route} dashboard token": refused(route, token_as(TOKEN_HEADER, "{}")),
    }
    for other in PROVIDERS.values():
        if other != provider and environment.value(other.secret_key):
            probes[f"{route} signed by {other.name}"] = refused(route, signed(other.secret_key, name))
    for key in BEARER_KEYS:
        if key != provider.bearer_key and environment.value(key):
            probes[f"{route} {key}"] = refused(route, bearer(key))
    return probes


def credentials_in_query(route: str, environment: Environment) -> Mapping[str, Probe]:
    """Return a route's probes with the right credentials in the query, under every name that might be read.

    The server's log keeps a bearer, so it is sent once for each provider, and not where the profile keeps the
    token out of queries. A signature of this body is good for nothing.
    """
    provider = ROUTES[route]
    key, headers = provider.bearer_key or "", provider.signature_headers
    probes = {}
    if signs(provider, environment):
        names = (*headers, *map(str.lower, headers), "signature", "sig", "hmac")
        probes[f"{route} signature in the query"] = refused(
            route, signed_in_query(provider.secret_key, names)
        )
    if route == provider.routes[0] and environment.value(key) and environment.profile.probe_query_token:
        names = ("token", "access_token", "bearer", "bearer_token", "auth", "key")
        probes[f"{route} bearer in the query"] = refused(route, bearer_in_query(key, names))
    return probes


def on_others(
    probes: Callable[[str, Environment], Mapping[str, Probe]],
) -> Callable[[Environment], Mapping[str, Probe]]:
    """Return a check's cases: the probes of every route but HeyReach's."""
    return lambda environment: {
        name: asked for route in OTHER_ROUTES for name, asked in probes(route, environment).items()
    }


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
    assert not denies(webhooks.status), f"their status is {webhooks.status}"
    assert webhooks.unauthed_providers == []
    assert sorted(webhooks.provider_auth) == sorted(PROVIDERS)
    ways = webhooks.provider_auth.items()
    assert [name for name, way in ways if not (way.authed or way.unsigned_allowlisted)] == []


@check("WH-03", fix=SIGN)
@cases(on_others(unsigned))
def test_unsigned_posts(response: Exchange) -> None:
    """An unsigned post is refused."""
    assert response.status_code == 401


@check("WH-04", fix=SIGN)
@cases(on_others(wrong_bearers))
def test_wrong_bearers(response: Exchange) -> None:
    """A wrong bearer is refused."""
    assert response.status_code == 401


@check("WH-05", by="developer", fix=VERIFY)
@cases(on_others(wrong_signatures))
def test_wrong_signatures(response: Exchange) -> None:
    """A wrong, an empty and a malformed signature are refused, and so is one that is nearly right."""
    assert response.status_code == 401


@check("WH-06", by="developer", fix=VERIFY)
@cases(on_others(replayed_signatures))
def test_signatures_of_other_bodies(response: Exchange) -> None:
    """A good signature of another body, or of nothing, is refused."""
    assert response.status_code == 401


@check(
    "WH-07",
    fix="Give each provider its own *_WEBHOOK_SECRET or bearer in Railway, none twice, then redeploy; if they differ, "
    "have the webhook handler corrected.",
)
@cases(on_others(foreign_credentials))
def test_credentials_of_others(response: Exchange) -> None:
    """The dashboard token is no webhook credential, nor is one provider's for another."""
    assert response.status_code == 401


@check("WH-08", waivable=True, fix=HEYREACH)
@cases(
    lambda environment: {
        "allowlist": DEPENDENCIES,
        "unsigned": refused(HEYREACH_ROUTE),
        **wrong_bearers(HEYREACH_ROUTE, environment),
        **wrong_signatures(HEYREACH_ROUTE, environment),
        **replayed_signatures(HEYREACH_ROUTE, environment),
        **foreign_credentials(HEYREACH_ROUTE, environment),
        **credentials_in_query(HEYREACH_ROUTE, environment),
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
    elif signs(provider, environment):
        credential = signed(provider.secret_key, provider.signature_headers[0], prefix="sha256=")
    else:
        credential = bearer(provider.bearer_key or "")
    return post(route, credential, headers=JSON, body=body, effect=Effect.WRITE)


@check("WH-09", by="developer", blocking=False, writes=True, fix=VERIFY)
@cases(lambda environment: {route: accepted(route, environment, WEBHOOK_EVENT) for route in LET_IN_ROUTES})
def test_signed_posts(response: Exchange) -> None:
    """A rightly signed post of an unknown event is accepted."""
    assert 200 <= response.status_code < 300


NONSENSE = {
    "broken JSON": b'{"event": ',
    "an array": b"[1, 2, 3]",
    "1 MiB": WEBHOOK_EVENT[:-1] + b',"more":"' + b"x" * 1024 * 1024 + b'"}',
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
        for route in LET_IN_ROUTES
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
        probes[route] = (DEPENDENCIES, refused(route, name="unsigned"))
        key = provider.bearer_key or SPARE_BEARER
        if environment.value(provider.secret_key) and environment.value(key):
            # With a secret, only a signature authenticates; the route must ignore the bearer.
            probes[route] += (refused(route, bearer(key), name="bearer"),)
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
        # Past the guard, the body is no JSON: its answer may be anything but the guard's own.
        assert unsigned not in (401, 503)
    else:
        assert said.authed is False
        assert unsigned == 503
    if said.hmac and not environment.value(provider.secret_key):
        raise MissingInput(provider.secret_key)
    if "bearer" in responses:
        assert said.hmac is True
        assert responses["bearer"].status_code == 401


@check(
    "WH-13",
    by="developer",
    fix="Have the dashboard's webhook handler take signatures and bearers from headers alone, then redeploy.",
)
@cases(on_others(credentials_in_query))
def test_credentials_in_the_query(response: Exchange) -> None:
    """A right signature or bearer in the query string is refused."""
    assert response.status_code == 401
