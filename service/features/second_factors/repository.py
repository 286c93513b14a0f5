"""Second factors in PostgreSQL."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.pruning import Pruning
from service.adapters.tokens import digest
from service.features.accounts.tables import UserRow
from service.features.second_factors.domain import Challenged, Waiting
from service.features.second_factors.ports import MfaChallenges, SecondFactors
from service.features.second_factors.tables import MfaChallengeRow, RecoveryCodeRow, SecondFactorRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

_F, _R, _C = SecondFactorRow, RecoveryCodeRow, MfaChallengeRow

BEGIN = Statement(
    lambda: QueryString(
        "INSERT INTO second_factors (user_id, seed, last_step, created_at) VALUES ({}, {}, 0, {}) "
        "ON CONFLICT (user_id) DO UPDATE SET seed = EXCLUDED.seed, last_step = 0, created_at = EXCLUDED.created_at",
        Param(1), Param(2), Param(3),
    )
)  # fmt: skip
SEED = Statement(lambda: SecondFactorRow.select(_F.seed).where(_F.user_id == Param(1)))
ADVANCE = Statement(
    lambda: (
        SecondFactorRow.update({_F.last_step: Param(2)})
        .where(_F.user_id == Param(1))
        .where(_F.last_step < Param(2))
        .returning(_F.last_step)
    )
)

DROP_RECOVERY_CODES = Statement(lambda: RecoveryCodeRow.delete().where(_R.user_id == Param(1)))
ADD_RECOVERY_CODES = Statement(
    lambda: QueryString(
        "INSERT INTO recovery_codes (code_digest, user_id, created_at) "
        "SELECT made.code_digest, {}::uuid, {}::timestamptz FROM unnest({}::bytea[]) AS made (code_digest)",
        Param(1), Param(3), Param(2),
    )
)  # fmt: skip
USE_RECOVERY_CODE = Statement(
    lambda: RecoveryCodeRow.delete().where(_R.user_id == Param(1)).where(_R.code_digest == Param(2)).returning(_R.user_id)
)


class PiccoloSecondFactors(SecondFactors):
    """Fills ports.SecondFactors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, user_id: UUID, sealed_seed: bytes, now: datetime) -> None:
        """See ports.SecondFactors."""
        await self._database.fetch(BEGIN, user_id, sealed_seed, now)

    async def seed(self, user_id: UUID) -> bytes | None:
        """See ports.SecondFactors."""
        row = await self._database.fetch_row(SEED, user_id)
        return None if row is None else row[0]

    async def advance(self, user_id: UUID, step: int) -> bool:
        """See ports.SecondFactors."""
        return await self._database.fetch_row(ADVANCE, user_id, step) is not None

    async def set_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], now: datetime) -> None:
        """See ports.SecondFactors."""
        await self._database.fetch(DROP_RECOVERY_CODES, user_id)
        await self._database.fetch(ADD_RECOVERY_CODES, user_id, list(digests), now)

    async def use_recovery_code(self, user_id: UUID, digest: bytes) -> bool:
        """See ports.SecondFactors."""
        return await self._database.fetch_row(USE_RECOVERY_CODE, user_id, digest) is not None


# The login holds the account's row, so what is read of it here stays so until the challenge is stored.
ADD = Statement(
    lambda: QueryString(
        "INSERT INTO mfa_challenges (token_hash, user_id, password_digest, device_id, tries, created_at, expires_at) "
        "SELECT {}::text, {}, {}::text, {}::uuid, 0, {}::timestamptz, {}::timestamptz FROM users WHERE {} = {} AND {} "
        "RETURNING user_id",
        Param(1), UserRow.id, Param(3), Param(4), Param(5), Param(6), UserRow.id, Param(2), UserRow.mfa_enabled,
    )
)  # fmt: skip
FIND = Statement(
    lambda: QueryString(
        "SELECT {}, {}, {} FROM users JOIN mfa_challenges ON {} = {} WHERE {} = {} AND {} IS NULL",
        UserRow.id, UserRow.canonical_email, _C.device_id, _C.user_id, UserRow.id, _C.token_hash, Param(1), UserRow.deleted_at,
    )
)  # fmt: skip
LOCK = Statement(
    lambda: QueryString(
        "SELECT {}, {}, {} AND {}, {}, {} FROM users JOIN mfa_challenges ON {} = {} WHERE {} = {} AND {} IS NULL "
        "FOR NO KEY UPDATE OF users",
        UserRow.id, UserRow.version, UserRow.is_active, UserRow.mfa_enabled, UserRow.password_hash, _C.password_digest,
        _C.user_id, UserRow.id, _C.token_hash, Param(1), UserRow.deleted_at,
    )
)  # fmt: skip
COUNT = Statement(
    lambda: QueryString(
        "UPDATE mfa_challenges SET tries = tries + 1 WHERE token_hash = {} AND tries < {} AND expires_at > {} RETURNING tries",
        Param(1), Param(2), Param(3),
    )
)  # fmt: skip
END = Statement(lambda: MfaChallengeRow.delete().where(_C.token_hash == Param(1)))
PRUNE = Pruning(MfaChallengeRow, lambda now: _C.expires_at <= now)


class PiccoloMfaChallenges(MfaChallenges):
    """Fills ports.MfaChallenges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, token: str, user_id: UUID, password_hash: str, device_id: UUID | None, now: datetime, expires_at: datetime
    ) -> bool:
        """See ports.MfaChallenges."""
        values = (digest(token), user_id, digest(password_hash), device_id, now, expires_at)
        return await self._database.fetch_row(ADD, *values) is not None

    async def find(self, token: str) -> Waiting | None:
        """See ports.MfaChallenges."""
        row = await self._database.fetch_row(FIND, digest(token))
        return None if row is None else Waiting(*row)

    async def lock(self, token: str) -> Challenged | None:
        """See ports.MfaChallenges."""
        row = await self._database.fetch_row(LOCK, digest(token))
        if row is None:
            return None
        user_id, version, may_be_used, password_hash, password_digest = row
        same = compare_digest(digest(password_hash or ""), password_digest)
        return Challenged(user_id, version, may_be_used and same)

    async def count(self, token: str, tries: int, now: datetime) -> bool:
        """See ports.MfaChallenges."""
        return await self._database.fetch_row(COUNT, digest(token), tries, now) is not None

    async def end(self, token: str) -> None:
        """See ports.MfaChallenges."""
        await self._database.fetch(END, digest(token))

    async def prune(self, now: datetime) -> None:
        """See ports.MfaChallenges."""
        await PRUNE.run(self._database, now)
