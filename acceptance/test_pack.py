"""The product's critical tests, run in its own checkout: none failed, none broke, and they were not empty."""

from collections.abc import Callable

from pytest_caio import cases, check
from pytest_caio.gates.pack import PackFindings
from pytest_caio.gates.requirements import needs_pack


@check(
    "PACK-01",
    by="developer",
    fix="Run the tests named (`tests` of the profile's pack section) in the product's checkout, mend what they show, and "
    "redeploy; where too few ran, see what the checkout skips or deselects, or correct `tests`, `cwd`, `python` or "
    "`min_tests` there.",
)
@cases(needs_pack)
def test_critical_tests_pass(pack: PackFindings, show_table: Callable[..., None]) -> None:
    """The product's critical tests pass, none was broken, and enough of each file ran."""
    counts = (pack.passed, len(pack.failed), len(pack.broken), pack.skipped, pack.deselected)
    show_table("Critical tests", ("passed", "failed", "broke", "skipped", "deselected"), [counts])
    assert not pack.reasons, "; ".join(pack.reasons)
