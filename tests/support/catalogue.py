"""The catalogue of checks: what each gate asks, and which checks block, advise, or may be waived.

A check's declaration says so too, on purpose: nobody makes a blocking check advise, or lets it be waived, by
changing its declaration alone. Whoever adds a check adds it here, and in no other table of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BLOCKS", "WAIVABLE"]

# How many checks each gate has, and which of them advise; all others block.
_GATES: Mapping[str, tuple[int, set[int]]] = {
    "ENV": (17, {7, 14, 16, 17}),
    "AUTH": (20, {14, 17, 18}),
    "WH": (13, {9, 10}),
    "RDY": (16, {12, 13, 14, 16}),
    "CORS": (6, set()),
    "STATE": (6, set()),
    "RPL": (6, {2, 6}),
    "OPS": (11, {1, 6, 8, 9}),
    "PACK": (1, set()),
}
BLOCKS: Mapping[str, bool] = {
    f"{gate}-{number:02}": number not in advise
    for gate, (count, advise) in _GATES.items()
    for number in range(1, count + 1)
}
WAIVABLE = frozenset({"ENV-05", "ENV-11", "WH-08", "RDY-05"})
