"""Identifiers that sort by the time they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from uuid import UUID


class UuidIds:
    """Fills ports.Ids with UUIDv7, made here since PostgreSQL makes them from version 18 only."""

    def new(self) -> UUID:
        """A UUIDv7 (RFC 9562 §5.7)."""
        return uuid7()
