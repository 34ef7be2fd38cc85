"""The pack gate of the short suite, without running the product's tests."""

from __future__ import annotations

from pytest_caio import Environment, check

__all__ = ["test_the_profile_names_critical_tests"]


@check("PACK-01", fix="Name the critical tests in the profile's pack section.")
def test_the_profile_names_critical_tests(environment: Environment) -> None:
    """The profile names the product's critical tests."""
    assert environment.profile.pack is not None
