"""Kept answers in PostgreSQL: a row written in the transaction of its effect, behind a lock that ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from service.adapters.idempotency.statements import FIND, HOLD, KEEP, PRUNE
from service.adapters.idempotency.tables import KeptAnswerRow
from service.kernel.answers import KEPT, KeptAnswer
from service.kernel.ports import KeptAnswers

if TYPE_CHECKING:
    from asyncpg import Record

    from service.adapters.database import Database
    from service.kernel.ports import Clock

__all__ = ["KeptAnswerRow", "PostgresAnswers"]

_decode_headers = msgspec.json.Decoder(dict[str, str]).decode
_decode_touched = msgspec.json.Decoder(tuple[tuple[str, UUID], ...]).decode


class PostgresAnswers(KeptAnswers):
    """Fills ports.KeptAnswers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hold(self, key: bytes) -> bool:
        """See ports.KeptAnswers."""
        self._database.require_unit()
        # Two keys share eight bytes of SHA-256 about never; if so, one of them is told to come back.
        row = await self._database.fetch_row(HOLD, int.from_bytes(key[:8], "big", signed=True))
        return row is not None and bool(row[0])

    async def find(self, key: bytes) -> KeptAnswer | None:
        """See ports.KeptAnswers."""
        row = await self._database.fetch_row(FIND, key, self._clock.now() - KEPT)
        return _answer(row) if row else None

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """See ports.KeptAnswers."""
        self._database.require_unit()
        await self._database.fetch(
            KEEP,
            key,
            answer.fingerprint,
            answer.status,
            msgspec.json.encode(answer.headers).decode(),
            answer.body,
            answer.change_cursor,
            msgspec.json.encode(answer.touched).decode(),
            self._clock.now(),
        )

    async def prune(self) -> None:
        """See ports.KeptAnswers."""
        await PRUNE.run(self._database, self._clock.now() - KEPT)


def _answer(row: Record) -> KeptAnswer:
    return KeptAnswer(
        row["fingerprint"],
        row["status"],
        _decode_headers(row["headers"]),
        row["body"],
        row["change_cursor"],
        _decode_touched(row["touched"]),
    )
