"""Files of the repository that a program writes: whether they are what it would write now."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def settle(texts: Mapping[Path, str], *, write: bool, recipe: str) -> int:
    """Write the files, or print how they differ from what they should be; the exit code."""
    stale = {path: text for path, text in texts.items() if _read(path) != text}
    for path, text in stale.items():
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
        else:
            print(
                "\n".join(
                    unified_diff(
                        _read(path).splitlines(), text.splitlines(), f"{name}", f"{name}, as it should be", "", "", 1, ""
                    )
                )
            )
            print(f"{name} is stale: run {recipe}")
    return 1 if stale and not write else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
