"""What arrived at a tracker twice: the second is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pytest_caio.delivery.client import NotDelivered

__all__ = ["first_of"]


def first_of(
    found: Iterable[Any], what: str, alike: Callable[[Any], object], remove: Callable[[Any], object]
) -> Any:
    """Return the first of what was found, None of nothing, and remove those after it that are like it.

    They were sent twice, since an answer was lost. Raises NotDelivered if one cannot be removed.
    """
    first, *others = [*found] or [None]
    for one in others:
        if alike(one) == alike(first):
            try:
                remove(one)
            except NotDelivered as error:
                raise NotDelivered(
                    f"the {what} arrived twice, and the second cannot be removed: remove it by hand",
                    error.status,
                ) from None
    return first
