"""Machines of companies: proxies, authorities and keys in the environment that nobody can use."""

from __future__ import annotations

from tests.support.suite_runs import Ask, Deployment

ONE = ("acceptance/test_auth.py", "-k", "test_status_needs or test_status_opens")
NOWHERE = "/nowhere/at all/ca.pem"
MACHINE = {
    **dict.fromkeys(("ALL_PROXY", "all_proxy"), "socks5://proxy.invalid:1080"),
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), "::no url::"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "[::1, *:x, http://["),
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), NOWHERE),
    "SSLKEYLOGFILE": NOWHERE,
}


def test_the_demo_on_a_corporate_machine(ask: Ask) -> None:
    """`ALL_PROXY=socks5://…`, an odd NO_PROXY, `SSL_CERT_FILE` missing (demo): the child's are its own."""
    outcome = ask(*ONE, "--env=demo", environment=MACHINE)
    assert (outcome.status, outcome.checks) == (0, {"AUTH-01": "passed", "AUTH-05": "passed"}), outcome.stdout
    assert outcome.stderr == ""


def test_a_deployment_from_a_corporate_machine(ask: Ask, deployment: Deployment) -> None:
    """Neither proxies nor files of authorities of the environment change how a deployment is asked."""
    outcome = ask(*ONE, *deployment.arguments, environment=MACHINE)
    assert (outcome.status, outcome.checks) == (0, {"AUTH-01": "passed", "AUTH-05": "passed"}), outcome.stdout
