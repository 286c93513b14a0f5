"""What docs/security.md names as proof exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def functions(path: Path) -> set[str]:
    """What is defined at the top of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_every_named_test_exists(path: str) -> None:
    assert (ROOT / path).is_file()
    assert not {name for place, name in NAMED if place == path} - functions(ROOT / path)


def test_every_promise_has_a_proof() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) >= 40
    assert not [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)]


def test_every_setting_that_is_named_exists() -> None:
    known = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"WORKLANE_[A-Z_]+", PAGE))
    assert named
    assert not {name for name in named if f"#{name}=" not in known}
