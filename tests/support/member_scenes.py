"""Scenes of members and invitations, where a test starts behind the service's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tests.support.stored import insert

if TYPE_CHECKING:
    import asyncpg

    from tests.support.http import Api


async def verified(connection: asyncpg.Connection[Any], *people: Api) -> None:
    """Let the addresses of these people be proved."""
    ids = [UUID(person.user["id"]) for person in people]
    await connection.execute("UPDATE users SET email_verified_at = now() WHERE id = ANY($1::uuid[])", ids)


async def an_invitation(
    connection: asyncpg.Connection[Any], project_id: UUID | str, inviter: Api, email: str, **fields: Any
) -> UUID:
    """An open invitation of an address that is its own canonical form."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "id": uuid4(), "project_id": UUID(str(project_id)), "email": email, "canonical_email": email, "role": "member",
        "inviter_id": UUID(inviter.user["id"]), "created_at": now, "expires_at": now + timedelta(days=14),
    } | fields  # fmt: skip
    await insert(connection, "invitations", **values)
    invitation_id: UUID = values["id"]
    return invitation_id
