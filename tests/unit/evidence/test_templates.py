"""The templates of the report, compiled once and kept beside the bytecode of the package's modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest

from pytest_caio.evidence import page

Render = Callable[[], str]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bytecode for this test alone."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "kept"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template that stands in for those of the report."""
    monkeypatch.setattr(page, "TEMPLATES", tmp_path / "templates")
    path = tmp_path / "templates" / "one.html"
    path.parent.mkdir()
    path.write_text("<p>{{ said }}</p>", "utf-8")
    return path


@pytest.fixture
def render(template: Path) -> Iterator[Render]:
    """Render the template as a new process does, with nothing in memory."""

    def rendered() -> str:
        page._templates.cache_clear()
        return page.render(template.name, said="1 < 2")

    yield rendered
    page._templates.cache_clear()


def files(kept: Path) -> list[Path]:
    """Return the files that were kept."""
    return [path for path in kept.rglob("*") if path.is_file()]


def test_a_template_is_compiled_once(kept: Path, render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled is kept, and the next process takes it, with the same text."""
    assert render() == "<p>1 &lt; 2</p>"
    (file,) = files(kept)
    assert file.suffix == ".jinja"
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert render() == "<p>1 &lt; 2</p>"


@pytest.mark.skipif(os.name == "nt", reason="paths of Windows are Unicode")
def test_the_path_need_not_be_unicode(
    kept: Path, template: Path, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder whose name is no valid Unicode, templates are compiled and kept as well."""
    odd = template.parent.with_name(os.fsdecode(b"caf\xe9"))
    template.parent.rename(odd)
    monkeypatch.setattr(page, "TEMPLATES", odd)
    assert [render(), render()] == ["<p>1 &lt; 2</p>"] * 2
    assert len(files(kept)) == 1


def test_a_changed_template_is_compiled_anew(kept: Path, template: Path, render: Render) -> None:
    """A template that was changed is shown as it is now, and replaces what was kept."""
    render()
    template.write_text("<b>{{ said }}</b>", "utf-8")
    assert render() == "<b>1 &lt; 2</b>"
    assert len(files(kept)) == 1


def test_other_options_are_compiled_anew(
    kept: Path, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the module with the options, as whether values are escaped, makes what was kept void."""
    render()
    (file,) = files(kept)
    before = file.read_bytes()
    monkeypatch.setattr(page, "__file__", str(tmp_path / "changed.py"))
    (tmp_path / "changed.py").write_text("other options", "utf-8")
    assert render() == "<p>1 &lt; 2</p>"
    assert file.read_bytes() != before


def test_a_damaged_file_is_no_trouble(kept: Path, render: Render) -> None:
    """However a kept file is damaged, the template is compiled and kept anew."""
    render()
    (file,) = files(kept)
    whole = file.read_bytes()
    damaged = [whole[:size] for size in range(0, len(whole), 7)]
    for content in (b"", b"\0" * 100, b"j2" + whole, *damaged):
        file.write_bytes(content)
        assert render() == "<p>1 &lt; 2</p>"
        assert file.read_bytes() == whole


def test_nothing_is_kept_where_python_keeps_nothing(
    kept: Path, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PYTHONDONTWRITEBYTECODE, or where nothing can be written, the report is made all the same."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert render() == "<p>1 &lt; 2</p>"
    assert not kept.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with monkeypatch.context() as without:
        without.setattr(sys.implementation, "cache_tag", None)
        assert render() == "<p>1 &lt; 2</p>"
    assert not kept.exists()
    kept.write_text("a file in place of the folder", "utf-8")
    assert render() == "<p>1 &lt; 2</p>"
