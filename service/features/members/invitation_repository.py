"""Invitations in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.lists import Condition, Key, ListStatements
from service.adapters.database.pruning import Pruning
from service.adapters.tokens import digest
from service.features.members.invitation_domain import Invitation, InvitationLink, InvitationNotFound, Offer
from service.features.members.invitation_ports import Invitations
from service.features.members.tables import InvitationRow
from service.features.projects.domain import ProjectRole, acting_role, require_role
from service.features.tasks.domain import ProjectRef, person_ref
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from piccolo.query import Select

    from service.features.members.invitation_domain import NewInvitation
    from service.features.projects.ports import Projects
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window
    from service.kernel.ports import Clock

_I = InvitationRow


# In the order of Invitation's fields.
def _select() -> Select[Any]:
    return _I.select(
        _I.id, _I.project.id, _I.project.key, _I.project.name, _I.email, _I.role, _I.inviter.id, _I.inviter.full_name,
        _I.inviter.deleted_at, _I.created_at, _I.expires_at,
    ).where(_I.project.deleted_at.is_null())  # fmt: skip


def _is_for(user: Param) -> QueryString:
    """Whether the invitation is for the address of this person, who has proved to read what is sent there."""
    return QueryString(
        "{} = (SELECT me.canonical_email FROM users me "
        "WHERE me.id = {} AND me.email_verified_at IS NOT NULL AND me.deleted_at IS NULL)",
        _I.canonical_email,
        user,
    )


def _maintains(user: Param) -> QueryString:
    return QueryString(
        "EXISTS (SELECT FROM memberships mine WHERE mine.project_id = {} AND mine.user_id = {} "
        "AND mine.role IN ('maintainer', 'owner'))",
        _I.project,
        user,
    )


FIND = Statement(
    lambda: (
        _select()
        .where(_I.id == Param(1))
        .where(_I.expires_at > Param(2))
        .where(QueryString("({}::boolean OR {} OR {})", Param(4), _maintains(Param(3)), _is_for(Param(3))))
    )
)

LIST = ListStatements(
    _select,
    {"created_at": Key(_I.created_at, datetime), "expires_at": Key(_I.expires_at, datetime), "email": Key(_I.email, str)},
    _I.id,
    counted=lambda: _I.select(_I.id).where(_I.project.deleted_at.is_null()),
)


# In the order of Offer's fields.
def _offer(condition: str) -> Statement:
    return Statement(
        lambda: QueryString(
            "SELECT id, project_id, canonical_email, role, inviter_id FROM invitations "
            f"WHERE {condition} = {{}} AND expires_at > {{}}",
            Param(1),
            Param(2),
        )
    )


OFFER_BY_ID = _offer("id")
OFFER_BY_TOKEN = _offer("token_hash")

# One that is past its time gives way without having been pruned.
ADD = Statement(
    lambda: QueryString(
        "INSERT INTO invitations (id, project_id, email, canonical_email, role, inviter_id, created_at, expires_at) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {}) "
        "ON CONFLICT ON CONSTRAINT invitations_address_unique DO UPDATE SET id = excluded.id, email = excluded.email, "
        "role = excluded.role, inviter_id = excluded.inviter_id, token_hash = NULL, created_at = excluded.created_at, "
        "expires_at = excluded.expires_at WHERE invitations.expires_at <= excluded.created_at RETURNING id",
        *(Param(number) for number in range(1, 9)),
    )
)

TAKE = Statement(
    lambda: QueryString("DELETE FROM invitations WHERE id = {} AND expires_at > {} RETURNING id", Param(1), Param(2))
)

# The language is that of the account with the address, if there is one.
ISSUE = Statement(
    lambda: QueryString(
        "UPDATE invitations SET token_hash = {} WHERE id = {} AND expires_at > {} RETURNING email, coalesce((SELECT locale "
        "FROM users WHERE users.canonical_email = invitations.canonical_email AND users.deleted_at IS NULL), 'en'), "
        "(SELECT key FROM projects WHERE projects.id = invitations.project_id), expires_at",
        Param(2), Param(1), Param(3),
    )
)  # fmt: skip

PRUNE = Pruning(InvitationRow, lambda now: _I.expires_at <= now)


class PiccoloInvitations(Invitations):
    """Fills invitation_ports.Invitations."""

    def __init__(self, database: Database, projects: Projects, clock: Clock) -> None:
        """`projects` tells who may see one, and as what."""
        self._database = database
        self._projects = projects
        self._clock = clock

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[Invitation]:
        """See invitation_ports.Invitations."""
        project = await self._projects.find(actor, reference)
        require_role(acting_role(actor, project.id, project.my_role), ProjectRole.MAINTAINER)
        conditions = [Condition("project", lambda id_: _I.project == id_, project.id), self._open()]
        return await LIST.page(self._database, conditions, window, _invitation)

    async def page_of_invited(self, actor: Actor, window: Window) -> Slice[Invitation]:
        """See invitation_ports.Invitations."""
        conditions = [Condition("invited", _is_for, actor.id), self._open()]
        if actor.project_ids is not None:
            within = [*actor.project_ids]
            conditions.append(Condition("within", lambda ids: QueryString("{} = ANY({}::uuid[])", _I.project, ids), within))
        return await LIST.page(self._database, conditions, window, _invitation)

    async def find(self, actor: Actor, reference: str) -> Invitation:
        """See invitation_ports.Invitations."""
        invitation_id = parse_id(reference)
        found = None
        if invitation_id is not None:
            found = await self._database.fetch_row(FIND, invitation_id, self._clock.now(), actor.id, actor.is_admin)
        if found is None or not actor.reaches(found[1]):
            raise InvitationNotFound
        return _invitation(found)

    async def offer(self, reference: str) -> Offer | None:
        """See invitation_ports.Invitations."""
        invitation_id = parse_id(reference)
        return None if invitation_id is None else await self._offered(OFFER_BY_ID, invitation_id)

    async def offer_by_token(self, secret: str) -> Offer | None:
        """See invitation_ports.Invitations."""
        return await self._offered(OFFER_BY_TOKEN, digest(secret))

    async def add(self, invitation: NewInvitation) -> bool:
        """See invitation_ports.Invitations."""
        new = invitation
        row = await self._database.fetch_row(
            ADD, new.id, new.project_id, new.email, new.canonical_email, new.role, new.invited_by, new.created_at, new.expires_at
        )
        return row is not None

    async def take(self, invitation_id: UUID) -> bool:
        """See invitation_ports.Invitations."""
        return await self._database.fetch_row(TAKE, invitation_id, self._clock.now()) is not None

    async def issue(self, invitation_id: UUID, secret: str) -> InvitationLink | None:
        """See invitation_ports.Invitations."""
        row = await self._database.fetch_row(ISSUE, invitation_id, digest(secret), self._clock.now())
        return None if row is None else InvitationLink(row[0], row[1], row[2], secret, row[3])

    async def prune(self, now: datetime) -> None:
        """See invitation_ports.Invitations."""
        await PRUNE.run(self._database, now)

    def _open(self) -> Condition:
        return Condition("open", lambda now: _I.expires_at > now, self._clock.now())

    async def _offered(self, statement: Statement, wanted: UUID | str) -> Offer | None:
        row = await self._database.fetch_row(statement, wanted, self._clock.now())
        return None if row is None else Offer(row[0], row[1], row[2], ProjectRole(row[3]), row[4])


def _invitation(row: Iterable[Any]) -> Invitation:
    id_, project_id, key, name, email, role, inviter_id, inviter_name, left_at, created_at, expires_at = row
    project = ProjectRef(project_id, key, name)
    inviter = person_ref(inviter_id, inviter_name, left_at)
    return Invitation(id_, project, email, ProjectRole(role), inviter, created_at, expires_at)
