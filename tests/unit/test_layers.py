"""The layers of the architecture, read from the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "pytest_caio"
# From the bottom; a row imports only from rows under it. A name with a slash is a whole package.
LAYERS = (
    "errors secret text wholefile patience runtime personal interruption guard excerpt",
    "background state/ replay/ reference/",
    "envfile forms decoding sections addresses evidence/file",
    "redaction",
    "streams",
    "environments",
    "signing probes replay/command",
    "credentials exchanges",
    "certificates",
    "contract checks cards transport record expectation",
    "origins known",
    "prober plan waivers verdict inputs twins store settings secrecy operation",
    "bootstrap/ ledger evidence/document evidence/terminal evidence/policy rehearsal pack",
    "commandline",
    "run",
    "observer fixtures scope outlets",
    "evidence/html",
    "session",
    "plugin cli",
    "__main__",
)
KNOWS_PYTEST = {
    "plugin",
    "session",
    "scope",
    "commandline",
    "observer",
    "fixtures",
    "checks",
    "evidence/html",
    "outlets",
}
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in ROOT.rglob("*.py")
    if not path.name.startswith("test_")  # the demo's critical tests
    and (path.name != "__init__.py" or path.parent.name in ("state", "replay", "reference"))
)


def tree_of(module: str) -> ast.Module:
    """Return a module's source as a tree."""
    return ast.parse((ROOT / f"{module}.py").read_text("utf-8"))


def imports(nodes: Iterator[ast.AST] | list[ast.stmt]) -> set[str]:
    """Return the dotted names that are imported, names of modules that are imported by text included."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"pytest_caio(\.\w+)+", str(node.value)):
            found.add(str(node.value))
    return found


def own(names: set[str]) -> set[str]:
    """Return the modules of ours among dotted names, as they are listed above."""
    paths = {
        name.removeprefix("pytest_caio.").replace(".", "/")
        for name in names
        if name.startswith("pytest_caio.")
    }
    return {path for path in paths if path in MODULES or f"{path}/__init__" in MODULES}


def layer(module: str) -> tuple[int, str]:
    """Return the row of a module, from the bottom, and its place there."""
    places = [(number, place) for number, row in enumerate(LAYERS) for place in row.split()]
    # A module that is named itself stands there, and not with its package.
    for number, place in sorted(places, key=lambda found: found[1] != module):
        if module == place or (place.endswith("/") and f"{module}/".startswith(place)):
            return number, place
    raise LookupError(f"{module} has no place in LAYERS: give it one, as low as it goes")


def outside(module: str, *names: str) -> bool:
    """Say whether a module imports one of these top-level packages, at any time."""
    return any(name.split(".")[0] in names for name in imports(ast.walk(tree_of(module))))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_under_it(module: str) -> None:
    """No import goes up or sideways, not even one inside a function or by name."""
    number, place = layer(module)
    wrong = set()
    for other in own(imports(ast.walk(tree_of(module)))) - {module}:
        below, beside = layer(other)
        if not (below < number or (place == beside and place.endswith("/"))):
            wrong.add(other)
    assert wrong == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_is_imported_only_when_started(module: str) -> None:
    """A run that asks a real deployment does not load the reference: its imports stand in functions."""
    if module.startswith("reference/"):
        return
    top = [node for node in tree_of(module).body if not isinstance(node, ast.If)]
    assert {name for name in own(imports(top)) if name.startswith("reference")} == set()


def test_pytest_is_known_to_few() -> None:
    """Only the plugin's own modules, the marks and the HTML writer know pytest."""
    assert {module for module in MODULES if outside(module, "pytest")} == KNOWS_PYTEST


@pytest.mark.parametrize(("package", "module"), [("httpx", "transport"), ("requests", "evidence/tracker")])
def test_a_client_is_known_to_one(package: str, module: str) -> None:
    """Each HTTP client is known to one module, so that no credential strays."""
    assert {other for other in MODULES if outside(other, package)} <= {module}


def test_httpx_is_known_to_the_transport() -> None:
    """The transport is where httpx is."""
    assert outside("transport", "httpx")


def test_private_pytest_is_imported_nowhere() -> None:
    """What pytest keeps for itself may change without notice."""
    assert [module for module in MODULES if outside(module, "_pytest")] == []


def test_pytest_html_is_known_to_one() -> None:
    """Only the HTML writer knows the hooks and classes of pytest-html."""
    knowing = {module for module in MODULES if "pytest_html" in (ROOT / f"{module}.py").read_text("utf-8")}
    assert knowing == {"evidence/html"}


def test_the_lower_domains_need_no_pytest() -> None:
    """State, replay and the reference work without pytest and everything that is made of it."""
    for module in MODULES:
        if module.split("/")[0] in ("state", "replay", "reference"):
            assert not outside(module, "pytest", "pytest_html", "xdist"), module


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short(module: str) -> None:
    """A module is split well before 350 lines."""
    assert len((ROOT / f"{module}.py").read_text("utf-8").splitlines()) <= 350


def test_the_median_module_is_short() -> None:
    """The median module is about 120 lines."""
    lengths = sorted(len((ROOT / f"{module}.py").read_text("utf-8").splitlines()) for module in MODULES)
    assert lengths[len(lengths) // 2] <= 150


@pytest.mark.parametrize("module", MODULES)
def test_no_module_holds_state(module: str) -> None:
    """What a run holds hangs on the run: no module rebinds a name of its own from a function."""
    assert [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Global)] == []
