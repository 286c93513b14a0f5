"""Memberships and invitations in a real PostgreSQL: what is locked, what is stored, and how fast rows are found."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.adapters.tokens import digest
from service.features.members.invitation_domain import LIFETIME, NewInvitation
from service.features.members.invitation_repository import PiccoloInvitations
from service.features.members.repository import PiccoloMembers
from service.features.projects.domain import ProjectRole
from service.features.projects.repository import PiccoloProjects
from service.features.tasks.bulk_repository import PiccoloBulkTasks
from service.features.tasks.domain import Status
from tests.support.factories import SOME_DAY
from tests.support.stored import a_stored_project, a_stored_task, a_stored_user, lockable

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def members(database: Database) -> PiccoloMembers:
    return PiccoloMembers(database, PiccoloProjects(database))


@pytest.fixture
def invitations(database: Database, clock: FakeClock) -> PiccoloInvitations:
    return PiccoloInvitations(database, PiccoloProjects(database), clock)


def new_invitation(clock: FakeClock, project_id: UUID, inviter: Actor, email: str = "eve@example.com") -> NewInvitation:
    now = clock.now()
    return NewInvitation(uuid4(), project_id, email, email, ProjectRole.MEMBER, inviter.id, now, now + LIFETIME)


async def test_people_are_locked_and_deleted_ones_left_out(
    members: PiccoloMembers, database: Database, connection: asyncpg.Connection[Any]
) -> None:
    ann, root = await a_stored_user(connection), await a_stored_user(connection, "Root", is_admin=True)
    gone = await a_stored_user(connection, "Gone")
    await connection.execute("UPDATE users SET deleted_at = now() WHERE id = $1", gone.id)
    await connection.execute("UPDATE users SET email_verified_at = now(), is_active = false WHERE id = $1", root.id)

    async def work() -> None:
        people = await members.lock_people([ann.id, gone.id, root.id, uuid4()])
        assert {id_: (each.is_admin, each.is_active, each.is_verified) for id_, each in people.items()} == {
            ann.id: (False, True, False),
            root.id: (True, False, True),
        }
        assert people[ann.id].canonical_email == ann.email
        assert not await lockable(connection, "NO KEY UPDATE", "users", ann.id)
        assert await lockable(connection, "SHARE", "users", ann.id)

    await database.run(work)


async def test_seats_are_locked_the_owner_s_among_them(
    members: PiccoloMembers, database: Database, connection: asyncpg.Connection[Any]
) -> None:
    ann, bob, cid, eve = [await a_stored_user(connection, name) for name in ("Ann", "Bob", "Cid", "Eve")]
    project_id = await a_stored_project(connection, ann, member=bob, viewer=cid)

    async def work() -> None:
        seats = await members.lock(project_id, [bob.id, eve.id])
        assert {id_: seat.member.role for id_, seat in seats.items()} == {ann.id: "owner", bob.id: "member"}
        assert list(seats) == sorted(seats)
        assert not await lockable(connection, "SHARE", "memberships", seats[bob.id].id)
        await members.change_role(seats[bob.id], ProjectRole.MAINTAINER)
        await members.remove((await members.lock(project_id, [cid.id]))[cid.id])
        after = await members.lock(project_id, [bob.id, cid.id])
        assert (after[bob.id].member.role, after[bob.id].member.version) == ("maintainer", 2)
        assert cid.id not in after

    await database.run(work)


async def test_whether_an_address_belongs_to_the_project(members: PiccoloMembers, connection: asyncpg.Connection[Any]) -> None:
    ann, bob = await a_stored_user(connection), await a_stored_user(connection, "Bob")
    project_id = await a_stored_project(connection, ann)
    assert await members.has_address(project_id, str(ann.email))
    assert not await members.has_address(project_id, str(bob.email))
    assert not await members.has_address(uuid4(), str(ann.email))


async def test_the_open_tasks_of_a_member_are_locked_in_one_order(
    database: Database, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    tasks = PiccoloBulkTasks(database, clock)
    ann, bob = await a_stored_user(connection), await a_stored_user(connection, "Bob")
    project_id, other_id = [await a_stored_project(connection, ann, key, member=bob) for key in ("WEB", "APP")]
    wanted = [
        await a_stored_task(connection, project_id, ann, assignee_id=bob.id, status=status)
        for status in (Status.TODO, Status.IN_PROGRESS)
    ]
    for status in (Status.DONE, Status.CANCELLED):
        await a_stored_task(connection, project_id, ann, assignee_id=bob.id, status=status)
    await a_stored_task(connection, project_id, ann, assignee_id=ann.id)
    # It may be restored.
    wanted.append(await a_stored_task(connection, project_id, ann, assignee_id=bob.id, deleted_at=SOME_DAY))
    await a_stored_task(connection, other_id, ann, assignee_id=bob.id)

    async def work() -> None:
        found = await tasks.lock_open_of(project_id, bob.id)
        assert [task.id for task in found] == sorted(wanted)
        assert not await lockable(connection, "NO KEY UPDATE", "tasks", wanted[0])

    await database.run(work)


async def test_an_invitation_is_taken_once_and_in_time(
    invitations: PiccoloInvitations, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await a_stored_user(connection)
    project_id = await a_stored_project(connection, ann)
    first, second = [new_invitation(clock, project_id, ann, f"{name}@example.com") for name in ("eve", "dan")]
    assert await invitations.add(first)
    assert await invitations.add(second)
    assert await invitations.take(first.id)
    assert not await invitations.take(first.id)
    clock.advance(LIFETIME)
    assert not await invitations.take(second.id)
    assert await invitations.offer(str(second.id)) is None
    await invitations.prune(clock.now())
    assert await connection.fetchval("SELECT count(*) FROM invitations") == 0


async def test_an_address_is_invited_once_until_the_invitation_is_over(
    invitations: PiccoloInvitations, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await a_stored_user(connection)
    project_id, other_id = [await a_stored_project(connection, ann, key) for key in ("WEB", "APP")]
    assert await invitations.add(new_invitation(clock, project_id, ann))
    assert await invitations.add(new_invitation(clock, other_id, ann))
    assert not await invitations.add(new_invitation(clock, project_id, ann))
    clock.advance(LIFETIME)
    again = new_invitation(clock, project_id, ann)
    assert await invitations.add(again)
    offer = await invitations.offer(str(again.id))
    assert offer is not None
    assert (offer.project_id, offer.canonical_email, offer.role, offer.invited_by) == (
        project_id, "eve@example.com", ProjectRole.MEMBER, ann.id,
    )  # fmt: skip


async def test_a_token_is_stored_as_its_digest_and_the_next_one_replaces_it(
    invitations: PiccoloInvitations, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann, eve = await a_stored_user(connection), await a_stored_user(connection, "Eve")
    await connection.execute("UPDATE users SET locale = 'de' WHERE id = $1", eve.id)
    project_id = await a_stored_project(connection, ann)
    invitation = new_invitation(clock, project_id, ann, str(eve.email))
    await invitations.add(invitation)
    link = await invitations.issue(invitation.id, "first")
    assert link is not None
    assert (link.email, link.locale, link.project_key, link.token) == (eve.email, "de", "WEB", "first")
    assert link.expires_at == invitation.expires_at
    assert await invitations.issue(invitation.id, "second") is not None
    assert await connection.fetchval("SELECT token_hash FROM invitations") == digest("second")
    assert await invitations.offer_by_token("first") is None
    offer = await invitations.offer_by_token("second")
    assert offer is not None
    assert offer.id == invitation.id
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert await invitations.issue(invitation.id, "third") is not None
    clock.advance(timedelta(seconds=1))
    assert await invitations.issue(invitation.id, "fourth") is None
    assert await invitations.offer_by_token("third") is None
    assert await invitations.issue(uuid4(), "fifth") is None


async def test_a_stranger_s_mail_is_in_english(
    invitations: PiccoloInvitations, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    ann = await a_stored_user(connection)
    invitation = new_invitation(clock, await a_stored_project(connection, ann), ann, "nobody@example.com")
    await invitations.add(invitation)
    link = await invitations.issue(invitation.id, "secret")
    assert link is not None
    assert link.locale == "en"
