"""An answer that is kept, to be given again when its request is repeated."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from msgspec import Struct

# How long a repeated request is answered from what is kept.
KEPT = timedelta(hours=24)


class KeptAnswer(Struct, frozen=True):
    """What a request was answered with, and what its effect was about."""

    # A digest of method, path, query and body: another request with the same key is a mistake.
    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    change_cursor: str | None
    # As in Trace.touched; empty where nothing was changed.
    touched: tuple[tuple[str, UUID], ...]
