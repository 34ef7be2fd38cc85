"""Strict webhook authentication: what is not signed by its provider is refused."""

from collections.abc import Callable, Mapping, Sequence

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
    must,
    no,
    post,
    says,
)
from pytest_caio.checks.credentials import (
    NEAR_MISSES,
    NEAR_SIGNATURES,
    TOKEN_HEADER,
    TOKEN_KEY,
    bearer,
    bearer_in_query,
    header,
    signed,
    signed_in_query,
    token_as,
)
from pytest_caio.checks.shared import DEPENDENCIES
from pytest_caio.checks.words import word
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
PLAIN, INSIDE = "as plain text", "as if from inside"
FROM_INSIDE = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Internal-Request": "true"}
(HEYREACH_ROUTE,) = PROVIDERS["heyreach"].routes
# HeyReach has a check of its own (WH-08), so that one waiver covers all of its route.
OTHERS = [provider for provider in PROVIDERS.values() if provider.name != "heyreach"]
OTHER_ROUTES = [route for provider in OTHERS for route in provider.routes]
# What is let in is acted on: never where it would put an address onto the suppression list.
LET_IN_ROUTES = [route for route in ROUTES if route not in SUPPRESSING_ROUTES]
# Sent to providers without a bearer of their own, to check that no bearer opens their route.
SPARE_BEARER = BEARER_KEYS[0]
REQUIRE = "In Railway, set WEBHOOK_SIGNATURE_REQUIRED=true, then redeploy."
MISSING = (
    "In Railway, set {secret} to the value in the env file, then redeploy: {provider} has no secret there, so that its "
    "webhooks are answered 503."
)
OPEN = (
    "In Railway, see that {secret} is set and WEBHOOK_SIGNATURE_REQUIRED is true; else set them and redeploy. If they are, hand "
    'to the developer: "The webhook handler lets in {case}."'
)
VERIFY = (
    'Hand to the developer: "Have the webhook handler verify the HMAC over the raw body with {secret}, and compare it whole: it '
    'let in {case}."'
)
BEARER = (
    'Hand to the developer: "Have the webhook handler compare a bearer whole, and take none where a secret is set: it let in '
    '{case}."'
)
OTHERS_FIX = (
    "In Railway, see that {secret} and the bearers are those of the env file, each with a value that no other has (two may be "
    "exchanged); set what is not, then redeploy. If all are, hand to the developer: "
    '"The webhook handler lets in {case}."'
)
HEADERS = 'Hand to the developer: "Have the webhook handler take signatures and bearers from headers alone: it let in {case}."'
SAID = 'Hand to the developer, with the deploy logs from Railway: "The report on webhooks {wrong}."'
DISAGREE = (
    "In Railway, compare the secrets of {provider} ({secret}) with the env file, set what differs, then redeploy. If they are "
    'equal, hand to the developer: "The report on {provider} and its route disagree."'
)
HEYREACH = (
    "In Railway, set HEYREACH_WEBHOOK_SECRET and HEYREACH_UNSIGNED_ALLOWLIST=false, then redeploy. If they are set so, hand to the "
    'developer: "The webhook handler accepts {asked}."'
)


def must_refuse(response: Exchange, case: str) -> None:
    """Require that a post was refused, and name the provider and its secret in the fix."""
    # A firewall may take nothing but JSON for a webhook, and believe no address that a caller claims.
    forbidden = response.status_code in (403, 421) and not response.is_own_error
    if case.endswith((PLAIN, INSIDE)) and (forbidden or response.status_code == 415):
        return
    provider = ROUTES[response.request.target.partition("?")[0]]
    asked = case.replace("unsigned", "an unsigned request") if case.startswith("unsigned") else case
    named = {"case": case, "asked": asked, "secret": provider.secret_key, "provider": provider.title}
    response.must_be_refused(**named)


def refused(route: str, credential: Credential | None = None, name: str = "") -> Probe:
    """Post what must be refused: no JSON, so that nobody could act on it."""
    return post(route, credential, headers=JSON, body=UNREADABLE_BODY, name=name)


def signs(provider: WebhookProvider, environment: Environment) -> bool:
    """Say whether a provider signs: it has a secret, or no other way in. If the deployment agrees is WH-12's."""
    if let_in_unsigned(environment, provider):
        return False
    return bool(environment.value(provider.secret_key)) or not environment.value(provider.bearer_key or "")


def unsigned(route: str, _: Environment) -> Mapping[str, tuple[Probe, ...]]:
    """Return a route's probes without a credential."""
    return {route: unsigned_probes(route)}


def unsigned_probes(route: str) -> tuple[Probe, ...]:
    """Return a route's probes without a credential: as posts come, and as a careless guard lets them pass."""
    return (
        refused(route, name="unsigned"),
        post(route, headers={"Content-Type": "text/plain"}, body=UNREADABLE_BODY, name=PLAIN),
        post(route, headers=JSON | FROM_INSIDE, body=UNREADABLE_BODY, name=INSIDE),
    )


def must_refuse_all(responses: Mapping[str, Exchange], case: str) -> None:
    """Require that each post of a case was refused, and name the one that was not."""
    for name, response in responses.items():
        must_refuse(response, f"{case}, {name}" if name in (PLAIN, INSIDE) else case)


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
    wrong = "0123456789abcdef" * 4
    values = {
        "wrong": wrong,
        "wrong with prefix": f"sha256={wrong}",
        "wrong with prefix hmac-sha256=": f"hmac-sha256={wrong}",
        "empty": "",
        "empty with prefix": "sha256=",
        "malformed": "not-hexadecimal",
        "made without a secret": webhook_signature("", UNREADABLE_BODY),
    }
    probes: dict[str, Probe] = {}
    for name in provider.signature_headers:
        where = "" if name == provider.signature_headers[0] else f" in {name}"
        probes |= {
            f"{route} {kind} signature{where}": refused(
                route, header(name, value, f"a signature, {kind}{where}")
            )
            for kind, value in values.items()
        }
        if signs(provider, environment):
            probes |= {
                f"{route} signature{where}, {miss}": refused(
                    route, signed(provider.secret_key, name, miss=miss)
                )
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
        f"{route} signed with the dashboard token": refused(route, signed(TOKEN_KEY, name)),
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
    probes: Callable[[str, Environment], Mapping[str, Probe | tuple[Probe, ...]]],
) -> Callable[[Environment], Mapping[str, Probe | tuple[Probe, ...]]]:
    """Return a check's cases: the probes of every route but HeyReach's."""
    return lambda environment: {
        name: asked for route in OTHER_ROUTES for name, asked in probes(route, environment).items()
    }


@check("WH-01", wrong="The deployment does not say that webhook signatures are required.", fix=REQUIRE)
@DEPENDENCIES
def test_signatures_are_required(response: Exchange) -> None:
    """The deployment says that webhook signatures are required."""
    says("authentication", response.report(Auth, at="auth"), webhook_signature_required=True)
    says("webhooks", response.report(Webhooks, at="dependencies.webhooks"), required=True)


def titles_and_keys(providers: Sequence[WebhookProvider]) -> tuple[str, str]:
    """Return the titles of providers, and the variables of their secrets, each in a phrase."""
    return word([one.title for one in providers]), word([one.secret_key for one in providers])


@check(
    "WH-02",
    wrong="The deployment does not say that its webhooks are ready and that every provider authenticates.",
    fix=SAID,
    fixes={
        "unauthenticated": "In Railway, set {secret} to the value in the env file, then redeploy: said not to authenticate: "
        "{provider}.",
        "unreported": "In Railway, see that {secret} is set, and redeploy. If {provider} is missing from the report then, hand "
        'to the developer: "dependencies.webhooks.provider_auth must have {provider}."',
    },
)
@DEPENDENCIES
def test_no_provider_is_unauthenticated(response: Exchange) -> None:
    """The deployment says that its webhooks are ready and that every provider authenticates."""
    webhooks = response.report(Webhooks, at="dependencies.webhooks")
    ways = webhooks.provider_auth
    unreported = [provider for provider in PROVIDERS.values() if provider.name not in ways]
    titles, keys = titles_and_keys(unreported)
    expected = f"{titles} must be in the report"
    must(not unreported, expected, f"it lacks {titles}", "unreported", provider=titles, secret=keys)
    silent = {name for name, own in ways.items() if not (own.authed or own.unsigned_allowlisted)}
    lacking = silent | {*webhooks.unauthed_providers}
    denied = [provider for provider in PROVIDERS.values() if provider.name in lacking]
    titles, keys = titles_and_keys(denied)
    expected, told = f"{titles} must be said to authenticate", f"said not to authenticate: {titles}"
    must(not denied, expected, told, "unauthenticated", provider=titles, secret=keys)
    unknown = sorted({*ways, *webhooks.unauthed_providers} - {*PROVIDERS})
    no("providers but the known ones", unknown, wrong="names unknown providers")
    unready = f"says ready: {word(webhooks.ready)}, status: {word(webhooks.status)}"
    well = webhooks.ready is True and not denies(webhooks.status)
    must(well, "webhooks must be ready and well", f"the report {unready}", wrong=unready)


@check("WH-03", wrong="A webhook does not refuse an unsigned post.", fix=OPEN, fixes={503: MISSING})
@cases(on_others(unsigned))
def test_unsigned_posts(responses: Mapping[str, Exchange], case: str) -> None:
    """An unsigned post is refused."""
    must_refuse_all(responses, case)


@check("WH-04", wrong="A webhook does not refuse a wrong bearer.", fix=BEARER, fixes={503: MISSING})
@cases(on_others(wrong_bearers))
def test_wrong_bearers(response: Exchange, case: str) -> None:
    """A wrong bearer is refused."""
    must_refuse(response, case)


@check(
    "WH-05",
    wrong="A webhook does not refuse a signature that is wrong, empty, malformed or nearly right.",
    fix=VERIFY,
    fixes={503: MISSING},
)
@cases(on_others(wrong_signatures))
def test_wrong_signatures(response: Exchange, case: str) -> None:
    """A wrong, an empty or a malformed signature is refused, and so is one that is nearly right."""
    must_refuse(response, case)


@check(
    "WH-06",
    wrong="A webhook does not refuse a good signature with another body than the one it signs.",
    fix=VERIFY,
    fixes={503: MISSING},
)
@cases(on_others(replayed_signatures))
def test_signatures_of_other_bodies(response: Exchange, case: str) -> None:
    """A good signature is refused with another body than the one it signs."""
    must_refuse(response, case)


@check(
    "WH-07",
    wrong="A webhook does not refuse the dashboard's token, or the credentials of another provider.",
    fix=OTHERS_FIX,
    fixes={503: MISSING},
)
@cases(on_others(foreign_credentials))
def test_credentials_of_others(response: Exchange, case: str) -> None:
    """A webhook refuses the dashboard's token and the credentials of other providers."""
    must_refuse(response, case)


@check(
    "WH-08",
    wrong="HeyReach's webhook is not as strict as the others, or is on the unsigned allowlist.",
    waivable=True,
    fix=HEYREACH,
    fixes={
        503: MISSING,
        "unsigned_allowlisted": "In Railway, set HEYREACH_UNSIGNED_ALLOWLIST=false, then redeploy; where HeyReach cannot sign, a "
        "waiver for WH-08 and one for ENV-11 may cover it for a limited time (docs/waivers.md).",
        "authed": "In Railway, set HEYREACH_WEBHOOK_SECRET to the value in the env file, then redeploy: HeyReach is said not to "
        "authenticate.",
    },
)
@cases(
    lambda environment: {
        "allowlist": DEPENDENCIES,
        "unsigned": unsigned_probes(HEYREACH_ROUTE),
        **wrong_bearers(HEYREACH_ROUTE, environment),
        **wrong_signatures(HEYREACH_ROUTE, environment),
        **replayed_signatures(HEYREACH_ROUTE, environment),
        **foreign_credentials(HEYREACH_ROUTE, environment),
        **credentials_in_query(HEYREACH_ROUTE, environment),
    }
)
def test_heyreach(responses: Mapping[str, Exchange], case: str) -> None:
    """HeyReach's webhook is as strict as the others, and not on the unsigned allowlist."""
    if case == "allowlist":
        heyreach = responses[DEPENDENCIES.label].report(
            ProviderAuth, at="dependencies.webhooks.provider_auth.heyreach"
        )
        says("HeyReach", heyreach, unsigned_allowlisted=False, authed=True)
    else:
        must_refuse_all(responses, case)


ACCEPT = (
    "In Railway, see that {secret} is the one in the env file; else set it and redeploy. If it is, hand to "
    'the developer, with the deploy logs: "The webhook handler answers {status} to a rightly signed post."'
)
CRASH = 'Hand to the developer: "Have the webhook handler refuse a body it cannot read with a 4xx; it answered {status} to {case}."'


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


@check(
    "WH-09",
    blocking=False,
    writes=True,
    fix=ACCEPT,
    fixes={503: MISSING},
)
@cases(lambda environment: {route: accepted(route, environment, WEBHOOK_EVENT) for route in LET_IN_ROUTES})
def test_signed_posts(response: Exchange) -> None:
    """A rightly signed post of an unknown event is accepted."""
    provider = ROUTES[response.request.target]
    response.must_answer(
        range(200, 300), to="be accepted", secret=provider.secret_key, provider=provider.title
    )


NONSENSE = {
    "broken JSON": b'{"event": ',
    "an array": b"[1, 2, 3]",
    "1 MiB": WEBHOOK_EVENT[:-1] + b',"more":"' + b"x" * 1024 * 1024 + b'"}',
}


@check(
    "WH-10",
    blocking=False,
    writes=True,
    fix=CRASH,
    fixes={200: CRASH, 202: CRASH, 500: CRASH, "5xx": CRASH, 503: MISSING},
)
@cases(
    lambda environment: {
        f"{route} {kind}": accepted(route, environment, body)
        for route in LET_IN_ROUTES
        for kind, body in NONSENSE.items()
    }
)
def test_signed_nonsense(response: Exchange, case: str) -> None:
    """Rightly signed nonsense is refused as the sender's mistake, and crashes nothing."""
    provider = ROUTES[response.request.target]
    named = {"secret": provider.secret_key, "provider": provider.title, "case": case}
    response.must_answer(range(400, 500), to="be refused as the sender's mistake", **named)


@check(
    "WH-11",
    wrong="A provider's health does not say that strict mode is on.",
    fix=REQUIRE,
    fixes={
        401: "In Railway, put {path} on DASHBOARD_AUTH_ALLOWLIST, then redeploy: it asks for a token.",
        "shape": f"{REQUIRE} If it is set, hand to the developer that {{wrong}}.",
    },
)
@cases({name: get(provider.health) for name, provider in PROVIDERS.items()})
def test_health_says_strict(response: Exchange) -> None:
    """Each provider's health says that strict mode is on."""
    says("the health report", response.report(WebhookHealth), signature_strict_mode=True)


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
    wrong="What the deployment says of a provider is not what its route does.",
    fix=DISAGREE,
    fixes={
        "open": OPEN,
        "bearer": 'Hand to the developer: "Where a secret is set, have the webhook handler take signatures alone: a bearer opens '
        '{case} of {provider}, whatever the secrets."',
    },
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
    named = {"secret": provider.secret_key, "provider": provider.title, "case": case}
    unsigned = responses["unsigned"]
    told = f"{provider.title} is said to authenticate by {'a signature' if said.hmac else 'a bearer'}"
    # Authentication is by secret, else by bearer if the provider may send one, else by allowlist; else 503.
    if said.hmac or (said.bearer and provider.bearer_key is not None):
        must(
            said.authed is True,
            f"{told}, and so must be said to be authenticated",
            "it is said not to be",
            **named,
        )
        if unsigned.status_code != 401:
            raise unsigned.mismatch(f"{told}: an unsigned post must be refused (401)", "", "", **named)
    elif said.unsigned_allowlisted:
        # Past the guard, the body is no JSON: its answer may be anything but the guard's own.
        if unsigned.status_code in (401, 503):
            expected = f"{provider.title} is said to be let in unsigned, and must be"
            raise unsigned.mismatch(expected, f"refused: {unsigned.summary}", "", **named)
    else:
        nothing = f"{provider.title} is said to have neither secret nor bearer"
        must(
            said.authed is False, f"{nothing}, and must be said not to authenticate", "it is said to", **named
        )
        if unsigned.status_code != 503:
            raise unsigned.mismatch(f"{nothing}: a post must be answered 503", "", "", **named)
    if said.hmac and not environment.value(provider.secret_key):
        raise MissingInput(provider.secret_key)
    if "bearer" in responses:
        expected = f"{provider.title} has a secret, and must be said to authenticate by a signature"
        must(said.hmac is True, expected, "it is said not to", **named)
        if responses["bearer"].status_code != 401:
            raise responses["bearer"].mismatch(
                "a bearer must be refused (401): a secret is set", "", "bearer", **named
            )


@check(
    "WH-13",
    wrong="A right signature or bearer is not refused in the address, where every log keeps it.",
    fix=HEADERS,
    fixes={503: MISSING},
)
@cases(on_others(credentials_in_query))
def test_credentials_in_the_query(response: Exchange, case: str) -> None:
    """A right signature or bearer is refused in the address, where every log keeps it."""
    must_refuse(response, case)
