"""Whose accounts somebody may still see whole, asked before an earlier answer about them is given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.kernel.ports import Sight

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from service.kernel.actor import Actor


class UserSight(Sight):
    """Fills ports.Sight for accounts: whoever changed one was its owner or an admin, and must be so still."""

    async def sees(self, actor: Actor, ids: Collection[UUID], *, deleted: bool) -> bool:  # noqa: ARG002  (see ports.Sight)
        """See ports.Sight."""
        return actor.is_admin or {*ids} == {actor.id}
