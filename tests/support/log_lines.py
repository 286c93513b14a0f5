"""What the service logs, whatever level earlier tests have set for this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from typing import Any


@contextmanager
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines of every level, in their order; none of them is printed."""
    configured = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**configured)
