"""What people do with projects, through fakes: the events told, what is undone, and the order of refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from service.features.projects.domain import (
    InsufficientRole,
    KeyTaken,
    ProjectArchived,
    ProjectNotFound,
    ProjectRole,
    ProjectState,
    TokenNarrowed,
)
from service.features.projects.use_cases import ProjectWrites
from service.kernel.actor import Actor
from service.kernel.events import Change, Event
from tests.support.factories import SOME_DAY, ProjectStateFactory
from tests.support.fake_projects import FakeProjects
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor

pytestmark = pytest.mark.anyio

OWNER, MAINTAINER, MEMBER, VIEWER, OUTSIDER = (an_actor(number) for number in range(1, 6))
ADMIN = an_actor(6, is_admin=True)

Write = Callable[["House", Actor, str], Awaitable[Any]]


class House:
    """The use cases on fakes, with one project in them."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.projects = FakeProjects()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.writes = ProjectWrites(self.unit_of_work, self.projects, self.outbox, self.clock, FakeIds())

    def a_project(self, **fields: Any) -> ProjectState:
        """A stored project with a member of every role."""
        state = ProjectStateFactory.build(**{"name": "Web Site", "description": None, "require_if_match": False, **fields})
        return self.projects.put(state, owner=OWNER, maintainer=MAINTAINER, member=MEMBER, viewer=VIEWER)

    @property
    def event(self) -> Event:
        """The one event that was published."""
        (event,) = self.outbox.events
        return event

    def untouched(self) -> bool:
        """Whether the last unit was undone and nothing told."""
        return self.unit_of_work.rolled_back == 1 and not self.unit_of_work.committed and not self.outbox.events


@pytest.fixture
def house() -> House:
    return House()


async def test_whoever_creates_a_project_owns_it(house: House) -> None:
    project = await house.writes.create(OUTSIDER, "Web Site", None, "# Plan")
    assert (project.key, project.name, project.description, project.version) == ("WS", "Web Site", "# Plan", 1)
    assert project.my_role is ProjectRole.OWNER
    assert house.projects.roles[project.id] == {OUTSIDER.id: ProjectRole.OWNER}
    assert house.unit_of_work.committed == 1


async def test_creating_tells_of_the_project_and_of_its_owner(house: House) -> None:
    project = await house.writes.create(OUTSIDER, "Web Site", "WEB", None)
    assert house.outbox.types == ["project.created", "member.added"]
    created, joined = house.outbox.events
    assert created.data == {"name": "Web Site"}
    assert joined.data == {"user_id": str(OUTSIDER.id), "role": "owner"}
    assert (created.subject_id, created.subject_key, created.subject_type) == (project.id, "WEB", "project")
    assert (joined.subject_id not in {project.id, OUTSIDER.id}, joined.subject_type, joined.audited) == (True, "member", True)
    for event in (created, joined):
        assert (event.subject_version, event.project_id) == (1, project.id)


async def test_a_key_that_was_asked_for_and_is_taken_is_refused(house: House) -> None:
    house.a_project(key="WEB")
    with pytest.raises(KeyTaken, match="WEB"):
        await house.writes.create(OUTSIDER, "Another", "WEB", None)
    assert house.untouched()
    assert len(house.projects.rows) == 1


async def test_a_key_that_is_made_steps_aside_for_those_taken(house: House) -> None:
    for key in ("WS", "WS2"):
        house.a_project(key=key)
    assert (await house.writes.create(OUTSIDER, "Web Site", None, None)).key == "WS3"


async def test_an_update_stores_and_tells_what_changed_and_nothing_else(house: House) -> None:
    state = house.a_project(name="Old", description="Same")
    project = await house.writes.update(MAINTAINER, state.key, {"name": "New", "description": "Same"})
    assert (project.name, project.description, project.version) == ("New", "Same", 2)
    assert house.event.type == "project.updated"
    assert house.event.changes == {"name": Change("Old", "New")}
    assert (house.event.subject_version, house.event.project_id) == (2, state.id)


async def test_an_update_can_clear_and_switch(house: House) -> None:
    state = house.a_project(description="Gone soon")
    project = await house.writes.update(OWNER, str(state.id), {"description": None, "require_if_match": True})
    assert (project.description, project.require_if_match) == (None, True)
    assert house.event.changes == {"description": Change("Gone soon", None), "require_if_match": Change(old=False, new=True)}


@pytest.mark.parametrize("wanted", [{}, {"name": "Web Site"}, {"name": "Web Site", "description": None}])
async def test_an_update_to_what_is_there_already_keeps_the_version_and_tells_nothing(
    house: House, wanted: dict[str, Any]
) -> None:
    state = house.a_project()
    assert (await house.writes.update(OWNER, state.key, wanted)).version == 1
    assert not house.outbox.events
    assert house.unit_of_work.committed == 1


async def test_archiving_dates_it_and_happens_once(house: House) -> None:
    state = house.a_project()
    project = await house.writes.archive(OWNER, state.key)
    again = await house.writes.archive(OWNER, state.key)
    assert project == again
    assert (project.is_archived, project.archived_at, project.version) == (True, house.clock.now(), 2)
    assert house.event.type == "project.archived"
    assert house.event.changes == {"archived_at": Change(None, house.clock.now())}


async def test_unarchiving_happens_once(house: House) -> None:
    state = house.a_project(archived_at=SOME_DAY)
    project = await house.writes.unarchive(OWNER, state.key)
    again = await house.writes.unarchive(OWNER, state.key)
    assert project == again
    assert (project.is_archived, project.version) == (False, 2)
    assert house.event.type == "project.unarchived"
    assert house.event.changes == {"archived_at": Change(SOME_DAY, None)}


async def test_a_deleted_project_is_gone_and_its_key_is_free(house: House) -> None:
    state = house.a_project(key="WEB")
    await house.writes.delete(OWNER, "WEB")
    assert house.event.type == "project.deleted"
    assert house.event.changes == {"deleted_at": Change(None, house.clock.now())}
    assert (house.event.subject_id, house.event.subject_version) == (state.id, 2)
    with pytest.raises(ProjectNotFound):
        await house.projects.find(OWNER, "WEB")
    assert (await house.writes.create(OUTSIDER, "Next", "WEB", None)).key == "WEB"


WRITES: dict[str, Write] = {
    "update": lambda house, actor, reference: house.writes.update(actor, reference, {"name": "New"}),
    "archive": lambda house, actor, reference: house.writes.archive(actor, reference),
    "unarchive": lambda house, actor, reference: house.writes.unarchive(actor, reference),
    "delete": lambda house, actor, reference: house.writes.delete(actor, reference),
}


@pytest.mark.parametrize("write", WRITES)
async def test_who_does_not_belong_is_told_the_same_as_of_a_project_that_is_not_there(house: House, write: str) -> None:
    state = house.a_project(archived_at=SOME_DAY)
    details = []
    for reference in (str(state.id), state.key, "NONE"):
        with pytest.raises(ProjectNotFound) as caught:
            await WRITES[write](house, OUTSIDER, reference)
        details.append((caught.value.detail, caught.value.members))
    assert details == [(ProjectNotFound().detail, {})] * 3
    assert not house.outbox.events
    assert (house.unit_of_work.committed, house.unit_of_work.rolled_back) == (0, 3)


@pytest.mark.parametrize(
    ("write", "actor", "needed"),
    [
        ("update", VIEWER, "maintainer"),
        ("update", MEMBER, "maintainer"),
        ("archive", MAINTAINER, "owner"),
        ("unarchive", MAINTAINER, "owner"),
        ("delete", MAINTAINER, "owner"),
    ],
    ids=str,
)
@pytest.mark.parametrize("archived_at", [None, SOME_DAY], ids=["writable", "archived"])
async def test_a_role_too_low_is_refused_before_the_state_of_the_project(
    house: House, write: str, actor: Actor, needed: str, archived_at: Any
) -> None:
    state = house.a_project(archived_at=archived_at)
    with pytest.raises(InsufficientRole) as caught:
        await WRITES[write](house, actor, state.key)
    assert caught.value.members == {"required_role": needed}
    assert house.untouched()
    assert house.projects.rows[state.id] == state


@pytest.mark.parametrize("write", ["update", "delete"])
@pytest.mark.parametrize("actor", [OWNER, ADMIN], ids=["owner", "admin"])
async def test_an_archived_project_is_read_only(house: House, write: str, actor: Actor) -> None:
    state = house.a_project(archived_at=SOME_DAY)
    with pytest.raises(ProjectArchived):
        await WRITES[write](house, actor, state.key)
    assert house.untouched()
    assert house.projects.rows[state.id] == state


@pytest.mark.parametrize("write", WRITES)
async def test_an_instance_admin_acts_as_owner_without_belonging(house: House, write: str) -> None:
    state = house.a_project(archived_at=SOME_DAY if write == "unarchive" else None)
    await WRITES[write](house, ADMIN, state.key)
    assert house.event.subject_id == state.id
    assert ADMIN.id not in house.projects.roles[state.id]


async def test_an_unarchive_by_an_admin_shows_no_role(house: House) -> None:
    state = house.a_project(archived_at=SOME_DAY)
    assert (await house.writes.unarchive(ADMIN, state.key)).my_role is None


async def test_a_restored_project_is_there_again_and_told_of_once(house: House) -> None:
    web = house.a_project()
    house.projects.deleted.add(web.id)
    for _ in range(2):
        assert (await house.writes.restore(OWNER, str(web.id))).id == web.id
    assert house.projects.deleted == set()
    assert house.event.type == "project.restored"
    assert house.event.changes == {"deleted_at": Change(SOME_DAY, None)}
    assert (house.event.subject_version, house.projects.rows[web.id].version) == (2, 2)


@pytest.mark.parametrize("actor", [MAINTAINER, MEMBER, VIEWER])
async def test_only_its_owner_restores_a_project(house: House, actor: Actor) -> None:
    web = house.a_project()
    house.projects.deleted.add(web.id)
    with pytest.raises(InsufficientRole) as refusal:
        await house.writes.restore(actor, str(web.id))
    assert refusal.value.members == {"required_role": "owner"}
    with pytest.raises(ProjectNotFound):
        await house.writes.restore(OUTSIDER, str(web.id))
    assert (await house.writes.restore(ADMIN, str(web.id))).my_role is None


async def test_who_is_narrowed_to_some_projects_creates_none(house: House) -> None:
    web = house.a_project()
    with pytest.raises(TokenNarrowed, match="narrowed"):
        await house.writes.create(replace(OWNER, project_ids=frozenset({web.id})), "New", None, None)
    assert list(house.projects.rows) == [web.id]


async def test_who_is_narrowed_to_other_projects_finds_none(house: House) -> None:
    web = house.a_project()
    with pytest.raises(ProjectNotFound):
        await house.writes.update(replace(OWNER, project_ids=frozenset()), web.key, {"name": "Mine"})
    assert house.untouched()
