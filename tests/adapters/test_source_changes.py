"""Changes of Python files, as `serve --reload` notices them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from service.adapters.source_changes import SourceFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module in a package."""
    (tmp_path / "package").mkdir()
    module = tmp_path / "package" / "module.py"
    module.write_text("x = 1", encoding="utf-8")
    return module


CHANGES: dict[str, Callable[[Path], object]] = {
    "longer": lambda module: module.write_text("x = 1000", encoding="utf-8"),
    "of another time": lambda module: os.utime(module, ns=(1, 1)),
    "removed": lambda module: module.unlink(),
    "accompanied": lambda module: (module.parent / "another.py").touch(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed_once(tmp_path: Path, module: Path, change: Callable[[Path], object]) -> None:
    files = SourceFiles([tmp_path])
    assert not files.changed()
    change(module)
    assert files.changed()
    assert not files.changed()


def test_other_files_are_no_code(tmp_path: Path, module: Path) -> None:
    files = SourceFiles([tmp_path])
    (module.parent / "module.py~").touch()
    (module.parent / "words.txt").touch()
    assert not files.changed()
