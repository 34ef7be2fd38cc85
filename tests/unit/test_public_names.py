"""The public names of the package, on which other suites may rely."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pytest_caio

ROOT = Path(pytest_caio.__file__).parent
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    if path.name not in ("__main__.py", "test_critical.py")
)


def test_the_public_names_are_these() -> None:
    """`__all__` of the package is exactly this list, since removing a name would break every suite."""
    assert sorted(pytest_caio.__all__) == [
        "Advice",
        "Credential",
        "Effect",
        "Environment",
        "Exchange",
        "Mismatch",
        "MissingInput",
        "NotApplicable",
        "Probe",
        "cases",
        "check",
        "delete",
        "get",
        "head",
        "must",
        "no",
        "options",
        "patch",
        "post",
        "probe",
        "put",
        "says",
    ]


@pytest.mark.parametrize("name", pytest_caio.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each public name can be imported and has a docstring."""
    assert getattr(pytest_caio, name).__doc__


def test_a_private_name_is_not_exported() -> None:
    """A name that is not public is not an attribute of the package."""
    assert not hasattr(pytest_caio, "Redactor")


@pytest.mark.parametrize("path", MODULES)
def test_every_module_says_what_it_gives(path: str) -> None:
    """Each module has a docstring and an `__all__` of public names that it defines."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    if len(tree.body) == 1:
        return
    defined: set[str] = set()
    listed: list[str] | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            defined |= names
            if "__all__" in names and node.value is not None:
                listed = ast.literal_eval(node.value)
    assert listed is not None, "no __all__"
    assert set(listed) <= defined
    assert not [name for name in listed if name.startswith("_")]
