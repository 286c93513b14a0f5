"""Notices that Python files changed, for `serve --reload`; by looking, since no system call does it everywhere."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class SourceFiles:
    """The Python files under some folders, as they were when somebody looked last."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Look for the first time."""
        self._folders = folders
        self._seen = self._look()

    def changed(self) -> bool:
        """Whether one was changed, added or removed since the last look."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for folder in self._folders:
            for path in folder.rglob("*.py"):
                # Editors replace files: one may be gone between being listed and being asked.
                with suppress(FileNotFoundError):
                    status = path.stat()
                    found[path] = (status.st_mtime_ns, status.st_size)
        return found
