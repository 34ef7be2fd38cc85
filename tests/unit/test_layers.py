"""The layers, which pyproject.toml declares, and which module may import what (docs/architecture.md)."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterable

from tests.support.places import CHECKOUT

ROOT = CHECKOUT / "pytest_caio"
SUITE = CHECKOUT / "acceptance"
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
MOST_AT_THE_TOP = 8
KNOWS_PYTEST = {
    "arguments",
    "checks/check",
    "commandline",
    "evidence/files",
    "evidence/html",
    "evidence/junit",
    "plugin",
    "redaction/hooks",
    "session/beginning",
    "session/cases",
    "session/ending",
    "session/failures",
    "session/fixtures",
    "session/head_start",
    "session/hooks",
    "session/narrowing",
    "session/pytest_options",
    "session/reports",
    "session/xdist",
}
# What a module of checks may import; everything else is private.
PUBLIC = (
    "pytest_caio",
    "pytest_caio.checks.credentials",
    "pytest_caio.checks.shared",
    "pytest_caio.checks.words",
    "pytest_caio.contract",
    "pytest_caio.environments",
    "pytest_caio.gates",
)
MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in sorted(ROOT.rglob("*.py"))
    if not path.name.startswith("test_")  # the demo's critical tests
]


@functools.cache  # parsed where it is asked for: each process that collects the tests imports this module
def tree_of(module: str) -> ast.Module:
    """Return the parsed source of a module."""
    return ast.parse((ROOT / f"{module}.py").read_text("utf-8"))


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the dotted names that are imported, including modules that are named in strings."""
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


def own(names: Iterable[str]) -> set[str]:
    """Return the package's own modules among dotted names, named as in `MODULES`."""
    paths = {
        name.removeprefix("pytest_caio.").replace(".", "/")
        for name in names
        if name.startswith("pytest_caio.")
    }
    return {path for path in paths if path in MODULES} | {
        f"{path}/__init__" for path in paths if f"{path}/__init__" in MODULES
    }


def outside(module: str, *names: str) -> bool:
    """Say whether a module imports one of these top-level packages, at its top or in a function."""
    return any(name.split(".")[0] in names for name in imports(ast.walk(tree_of(module))))


def test_imports_go_to_lower_layers() -> None:
    """No import goes to a higher or an equal layer, or in a circle, not even for types only."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", LINT, "--no-cache"],  # it reads no other path where LC_ALL=C
        cwd=CHECKOUT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_the_package_has_few_top_level_modules() -> None:
    """At most eight modules are directly in `pytest_caio`, so that a newcomer sees packages first."""
    top = [module for module in MODULES if "/" not in module]
    assert len(top) <= MOST_AT_THE_TOP, top


def test_the_suite_imports_only_public_modules() -> None:
    """The checks in `acceptance` import only the public modules of `pytest_caio`."""
    wrong = []
    for path in sorted(SUITE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pytest_caio"):
                module = str(node.module)
                if module != "pytest_caio" and not any(
                    module == name or module.startswith(f"{name}.") for name in PUBLIC[1:]
                ):
                    wrong.append(f"{path.name}: {module}")
    assert wrong == []


def test_the_suite_is_collected_without_a_redis_client() -> None:
    """No module of checks imports the Redis client: nothing is sent before all are imported."""
    names = [path.stem for path in SUITE.glob("test_*.py")]
    imported = f"import sys; [__import__(name) for name in {names}]; print('redis' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", imported],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT, SUITE)))},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert names
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_reference_is_imported_only_when_started() -> None:
    """The reference deployment is imported in functions only, so that other runs do not load it."""
    wrong = [
        module
        for module in MODULES
        if not module.startswith("reference/")
        for name in own(imports(node for node in tree_of(module).body if not isinstance(node, ast.If)))
        if name.startswith("reference/") and name != "reference/__init__"
    ]
    assert wrong == []


def test_only_these_modules_import_pytest() -> None:
    """Only the plugin's modules, checks/check.py, the redaction hooks and the HTML writer import pytest."""
    assert {module for module in MODULES if outside(module, "pytest")} == KNOWS_PYTEST


def test_each_http_client_is_imported_by_one_module() -> None:
    """Each HTTP client is imported by one module only, so that credentials are sent from one place."""
    assert [module for module in MODULES if outside(module, "httpx")] == ["probing/transport"]
    assert [module for module in MODULES if outside(module, "requests")] == ["delivery/client"]


def test_private_pytest_is_imported_by_one_module() -> None:
    """Only the writer of JUnit XML imports `_pytest`, which may change without notice."""
    assert [module for module in MODULES if outside(module, "_pytest")] == ["evidence/junit"]


def test_only_the_html_writer_uses_pytest_html() -> None:
    """Only evidence/html.py names pytest_html, and plugin.py, which only loads it."""
    knowing = {module for module in MODULES if "pytest_html" in (ROOT / f"{module}.py").read_text("utf-8")}
    assert knowing == {"evidence/html", "plugin"}


def test_lower_packages_do_not_import_pytest() -> None:
    """System, contract, state, replay and reference import neither pytest nor its plugins."""
    lower = [m for m in MODULES if m.split("/")[0] in ("system", "contract", "state", "replay", "reference")]
    assert [module for module in lower if outside(module, "pytest", "pytest_html", "xdist")] == []


def test_modules_are_short() -> None:
    """No module exceeds 350 lines, and the median module has at most 150 lines."""
    lengths = {m: len((ROOT / f"{m}.py").read_text("utf-8").splitlines()) for m in MODULES}
    assert [module for module, length in lengths.items() if length > 350] == []
    modules = sorted(length for module, length in lengths.items() if not module.endswith("__init__"))
    assert modules[len(modules) // 2] <= 150


def test_no_function_rebinds_a_module_variable() -> None:
    """No function has a `global` statement: the state of a run belongs to objects of the run."""
    wrong = [
        module for module in MODULES if any(isinstance(n, ast.Global) for n in ast.walk(tree_of(module)))
    ]
    assert wrong == []
