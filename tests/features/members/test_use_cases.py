"""Giving roles, removing, leaving and handing over, on fakes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.members.domain import MemberNotFound, OwnerMustTransfer
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound, ProjectRole
from service.features.tasks.domain import Status
from service.kernel.errors import Invalid
from service.kernel.events import Change
from tests.support.factories import SOME_DAY
from tests.support.fake_members import changed
from tests.support.member_house import ADMIN, MAINTAINER, MEMBER, OTHER, OUTSIDER, OWNER, VIEWER, House

if TYPE_CHECKING:
    from service.kernel.actor import Actor

pytestmark = pytest.mark.anyio


@pytest.fixture
def house() -> House:
    return House()


async def test_a_role_is_changed_and_told(house: House) -> None:
    member = await house.writes.set_role(MAINTAINER, house.key, str(VIEWER.id), ProjectRole.MEMBER)
    assert (member.id, member.role, member.since, member.version) == (VIEWER.id, "member", SOME_DAY, 2)
    assert house.roles[VIEWER.id] == "member"
    event = house.event
    assert (event.type, event.audited, event.project_id) == ("member.role_changed", True, house.project.id)
    assert (event.changes, event.data) == ({"role": Change("viewer", "member")}, {"user_id": str(VIEWER.id)})
    assert event.subject_version == 2


async def test_the_role_that_is_there_already_changes_nothing(house: House) -> None:
    member = await house.writes.set_role(OWNER, house.key, str(VIEWER.id), ProjectRole.VIEWER)
    assert (member.role, member.version) == ("viewer", 1)
    assert not house.outbox.events


async def test_an_admin_makes_a_member_of_whom_is_none(house: House) -> None:
    member = await house.writes.set_role(ADMIN, house.key, str(OUTSIDER.id), ProjectRole.MAINTAINER)
    assert (member.id, member.role, member.since, member.version) == (OUTSIDER.id, "maintainer", house.clock.now(), 1)
    assert house.roles[OUTSIDER.id] == "maintainer"
    assert (house.event.type, house.event.data) == ("member.added", {"user_id": str(OUTSIDER.id), "role": "maintainer"})


@pytest.mark.parametrize("actor", [OWNER, MAINTAINER, MEMBER, VIEWER])
@pytest.mark.parametrize("user", [str(OUTSIDER.id), str(UUID(int=404)), "nobody"])
async def test_others_add_nobody_and_do_not_learn_who_exists(house: House, actor: Actor, user: str) -> None:
    with pytest.raises(MemberNotFound):
        await house.writes.set_role(actor, house.key, user, ProjectRole.VIEWER)
    with pytest.raises(MemberNotFound):
        await house.writes.remove(actor, house.key, user)
    assert not house.outbox.events


@pytest.mark.parametrize("user", [str(UUID(int=404)), "nobody"])
async def test_an_admin_adds_only_who_exists(house: House, user: str) -> None:
    with pytest.raises(MemberNotFound):
        await house.writes.set_role(ADMIN, house.key, user, ProjectRole.VIEWER)


async def test_a_stranger_finds_no_project(house: House) -> None:
    for reference in (house.key, "NONE"):
        with pytest.raises(ProjectNotFound):
            await house.writes.set_role(OUTSIDER, reference, str(VIEWER.id), ProjectRole.VIEWER)
        with pytest.raises(ProjectNotFound):
            await house.writes.remove(OUTSIDER, reference, str(VIEWER.id))
        with pytest.raises(ProjectNotFound):
            await house.writes.transfer(OUTSIDER, reference, VIEWER.id)


@pytest.mark.parametrize(
    ("actor", "target", "role"),
    [
        (MAINTAINER, VIEWER, "maintainer"),
        (MAINTAINER, MAINTAINER, "viewer"),
        (MAINTAINER, OWNER, "viewer"),
        (MEMBER, MEMBER, "maintainer"),
        (MEMBER, VIEWER, "member"),
        (VIEWER, VIEWER, "member"),
    ],
)
async def test_nobody_gives_or_takes_a_role_at_or_above_his_own(house: House, actor: Actor, target: Actor, role: str) -> None:
    with pytest.raises(InsufficientRole):
        await house.writes.set_role(actor, house.key, str(target.id), ProjectRole(role))
    assert not house.outbox.events


@pytest.mark.parametrize("actor", [OWNER, ADMIN])
async def test_the_owner_is_never_lowered_or_removed(house: House, actor: Actor) -> None:
    with pytest.raises(OwnerMustTransfer):
        await house.writes.set_role(actor, house.key, str(OWNER.id), ProjectRole.MAINTAINER)
    with pytest.raises(OwnerMustTransfer):
        await house.writes.remove(actor, house.key, str(OWNER.id))
    assert house.roles[OWNER.id] == "owner"


async def test_in_an_archived_project_nothing_changes_hands(house: House) -> None:
    house.archive()
    for refused in (
        lambda: house.writes.set_role(OWNER, house.key, str(VIEWER.id), ProjectRole.MEMBER),
        lambda: house.writes.remove(OWNER, house.key, str(OWNER.id)),
        lambda: house.writes.remove(VIEWER, house.key, str(VIEWER.id)),
        lambda: house.writes.transfer(OWNER, house.key, VIEWER.id),
    ):
        with pytest.raises(ProjectArchived):
            await refused()
    house.forget_locks()
    with pytest.raises(ProjectArchived):
        await house.writes.set_role(ADMIN, house.key, str(OUTSIDER.id), ProjectRole.MEMBER)


@pytest.mark.parametrize("actor", [MAINTAINER, MEMBER, VIEWER])
async def test_whoever_leaves_says_so(house: House, actor: Actor) -> None:
    await house.writes.remove(actor, house.key, str(actor.id))
    assert actor.id not in house.roles
    assert (house.event.type, house.event.audited) == ("member.left", True)
    assert house.event.data["user_id"] == str(actor.id)
    assert house.event.subject_version == 2


@pytest.mark.parametrize(("actor", "target"), [(MAINTAINER, MEMBER), (OWNER, MAINTAINER), (ADMIN, MAINTAINER)])
async def test_whoever_is_removed_is_told_of_as_removed(house: House, actor: Actor, target: Actor) -> None:
    role = house.roles[target.id]
    await house.writes.remove(actor, house.key, str(target.id))
    assert target.id not in house.roles
    assert (house.event.type, house.event.data) == ("member.removed", {"user_id": str(target.id), "role": role})


@pytest.mark.parametrize(("actor", "target"), [(MAINTAINER, OWNER), (MEMBER, VIEWER), (VIEWER, MEMBER), (MEMBER, OWNER)])
async def test_nobody_removes_who_stands_as_high(house: House, actor: Actor, target: Actor) -> None:
    with pytest.raises(InsufficientRole):
        await house.writes.remove(actor, house.key, str(target.id))


async def test_a_maintainer_does_not_remove_another(house: House) -> None:
    house.roles[OTHER.id] = ProjectRole.MAINTAINER
    with pytest.raises(InsufficientRole):
        await house.writes.remove(MAINTAINER, house.key, str(OTHER.id))


async def test_the_open_tasks_of_who_goes_are_left_to_nobody(house: House) -> None:
    todo, doing = house.a_task(MEMBER, number=1), house.a_task(MEMBER, number=2, status=Status.IN_PROGRESS)
    done = house.a_task(MEMBER, number=3, status=Status.DONE, completed_at=SOME_DAY)
    cancelled, others = house.a_task(MEMBER, number=4, status=Status.CANCELLED), house.a_task(VIEWER, number=5)
    await house.writes.remove(MAINTAINER, house.key, str(MEMBER.id))
    for task in (todo, doing):
        after = house.tasks.rows[task.id]
        assert (after.assignee_id, after.version) == (None, 2)
        assert (after.title, after.status, after.completed_at) == (task.title, task.status, None)
    for task in (done, cancelled, others):
        assert house.tasks.rows[task.id] == task
    removed, *updates = house.outbox.events
    assert removed.type == "member.removed"
    assert {event.subject_id for event in updates} == {todo.id, doing.id}
    for event in updates:
        assert (event.type, event.changes, event.project_id, event.subject_version) == (
            "task.updated", {"assignee_id": Change(MEMBER.id, None)}, house.project.id, 2,
        )  # fmt: skip
    assert house.unit_of_work.committed == 1


@pytest.mark.parametrize("actor", [OWNER, ADMIN])
async def test_a_project_is_handed_over(house: House, actor: Actor) -> None:
    project = await house.writes.transfer(actor, house.key, VIEWER.id)
    assert (project.owner.id, project.version) == (VIEWER.id, 2)
    assert (house.roles[OWNER.id], house.roles[VIEWER.id]) == ("maintainer", "owner")
    transferred, *changes = house.outbox.events
    assert (transferred.type, transferred.subject_id, transferred.subject_version) == (
        "project.transferred", house.project.id, 2,
    )  # fmt: skip
    assert transferred.changes == {"owner_id": Change(str(OWNER.id), str(VIEWER.id))}
    assert [(event.type, event.data["user_id"], event.changes["role"]) for event in changes] == [
        ("member.role_changed", str(OWNER.id), Change("owner", "maintainer")),
        ("member.role_changed", str(VIEWER.id), Change("viewer", "owner")),
    ]
    assert all(event.audited for event in house.outbox.events)


async def test_to_the_owner_itself_it_changes_nothing(house: House) -> None:
    assert (await house.writes.transfer(OWNER, house.key, OWNER.id)).version == 1
    assert not house.outbox.events


@pytest.mark.parametrize("actor", [MAINTAINER, MEMBER, VIEWER])
async def test_only_the_owner_hands_over(house: House, actor: Actor) -> None:
    with pytest.raises(InsufficientRole):
        await house.writes.transfer(actor, house.key, actor.id)


async def test_only_a_member_who_can_log_in_becomes_the_owner(house: House) -> None:
    house.members.people[VIEWER.id] = changed(house.members.people[VIEWER.id], is_active=False)
    for user_id, code in ((OUTSIDER.id, "not_a_member"), (UUID(int=404), "not_a_member"), (VIEWER.id, "inactive")):
        with pytest.raises(Invalid) as caught:
            await house.writes.transfer(OWNER, house.key, user_id)
        assert [(error.pointer, error.code) for error in caught.value.errors] == [("/user_id", code)]
    assert house.roles[OWNER.id] == "owner"


async def test_a_narrowed_token_reaches_its_own_project_only(house: House) -> None:
    elsewhere = replace(OWNER, project_ids=frozenset({UUID(int=1)}))
    with pytest.raises(ProjectNotFound):
        await house.writes.remove(elsewhere, house.key, str(VIEWER.id))
    house.clock.advance(timedelta(seconds=1))
    await house.writes.remove(replace(OWNER, project_ids=frozenset({house.project.id})), house.key, str(VIEWER.id))
    assert VIEWER.id not in house.roles
