"""The SQL of kept answers."""

from __future__ import annotations

from piccolo.querystring import QueryString

from service.adapters.database.pruning import Pruning
from service.adapters.database.statements import Param, Statement
from service.adapters.idempotency.tables import KeptAnswerRow

# A statement of its own before FIND: one that waited for nobody must see what the last holder has committed.
HOLD = Statement(lambda: QueryString("SELECT pg_try_advisory_xact_lock({}::bigint)", Param(1)))

FIND = Statement(
    lambda: (
        KeptAnswerRow.select(
            KeptAnswerRow.fingerprint,
            KeptAnswerRow.status,
            KeptAnswerRow.headers,
            KeptAnswerRow.body,
            KeptAnswerRow.change_cursor,
            KeptAnswerRow.touched,
        )
        .where(KeptAnswerRow.key == Param(1))
        .where(KeptAnswerRow.created_at > Param(2))
    )
)

# A row that is there already is too old to be answered again, and not pruned yet.
KEEP = Statement(
    lambda: QueryString(
        "INSERT INTO idempotency_keys (key, fingerprint, status, headers, body, change_cursor, touched, created_at) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {}) ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, "
        "status = excluded.status, headers = excluded.headers, body = excluded.body, "
        "change_cursor = excluded.change_cursor, touched = excluded.touched, created_at = excluded.created_at",
        *(Param(number) for number in range(1, 9)),
    )
)

PRUNE = Pruning(KeptAnswerRow, lambda before: KeptAnswerRow.created_at <= before)
