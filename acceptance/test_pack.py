"""The product's critical tests, run in its own checkout: none failed, none broke, and they were not empty."""

from collections.abc import Callable

from pytest_caio import cases, check, must
from pytest_caio.gates.pack import PackFindings
from pytest_caio.gates.requirements import needs_pack


@check(
    "PACK-01",
    wrong="A critical test of the product does not pass, or too few of them ran.",
    fix="Hand to the developer: \"Mend what the critical tests show in the product's checkout (`tests` of the profile's pack "
    'section): {wrong}." Then redeploy.',
    fixes={
        "run": "Run the tests (`tests` of the profile's pack section) by hand in the product's checkout, and mend why they do not run "
        "there; or correct `tests`, `cwd`, `python` or `min_tests` in the profile.",
    },
)
@cases(needs_pack)
def test_critical_tests_pass(pack: PackFindings, show_table: Callable[..., None]) -> None:
    """The product's critical tests pass, and enough of them ran."""
    counts = (pack.passed, len(pack.failed), len(pack.broken), pack.skipped, pack.deselected)
    show_table("Critical tests", ("passed", "failed", "broke", "skipped", "left out"), [counts])
    found = "; ".join(pack.reasons)
    ways = () if pack.failed or pack.broken else ("run",)
    must(
        not found,
        "all critical tests must run and pass",
        found,
        *ways,
        wrong=pack.reasons[0] if found else "",
    )
