"""What the audit keeps: who did, or tried, what, and how it ended; never a value of a field."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Outcome(StrEnum):
    """How an act ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class AuditEntry(Struct, frozen=True, kw_only=True):
    """An act that no event tells of, such as a login that failed; events with `audited` make their own entries.

    `action` is named as an event is, `<subject>.<past tense>`; `reason` is the code of the refusal.
    """

    action: str
    outcome: Outcome = Outcome.FAILURE
    target_type: str | None = None
    target_id: UUID | None = None
    # Of an act upon an address that may have no account: a keyed digest, so that the audit holds no address.
    target_digest: bytes | None = None
    reason: str | None = None
