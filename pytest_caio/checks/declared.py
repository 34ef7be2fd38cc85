"""The checks of a suite as its source declares them, also those that a run does not collect."""

from __future__ import annotations

import ast
from pathlib import Path

from pytest_caio.checks.check import Check, gate_of

__all__ = ["declared_checks"]

_FLAGS = ("waivable", "waivable_in_production")


def declared_checks(suite: Path) -> dict[str, Check]:
    """Return the checks that the modules of a suite's folder declare, by id, without their cases and probes.

    They are read from the source, since a run of one gate does not import the modules of the others. Of the
    keyword arguments only constants count. A module that cannot be read declares none; to run it fails.
    """
    found = {}
    for path in sorted(suite.glob("test_*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            named = isinstance(call.func, ast.Name) and call.func.id == "check"
            texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
            if named and texts and isinstance(texts[0], str):
                words = {word.arg: word.value for word in call.keywords}
                waivable, in_production = (words.get(flag) for flag in _FLAGS)
                found[texts[0]] = Check(
                    texts[0],
                    "",
                    "",
                    waivable=_constant(waivable, default=False),
                    waivable_in_production=_constant(in_production, default=True),
                    gate=gate_of(str(path)),
                )
    return found


def _constant(node: ast.expr | None, *, default: bool) -> bool:
    return bool(node.value) if isinstance(node, ast.Constant) else default
