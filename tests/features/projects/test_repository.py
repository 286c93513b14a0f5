"""Projects in PostgreSQL: who sees which, how lists are narrowed and ordered, and what writes lock and leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from service.adapters.database.failures import Duplicate
from service.features.projects.domain import ProjectNotFound, ProjectRole
from service.features.projects.ports import ProjectFilter
from service.features.projects.repository import PiccoloProjects
from service.kernel.paging import Window
from tests.support.factories import SOME_DAY
from tests.support.plans import rows_read
from tests.support.stored import a_stored_project, a_stored_user, lockable, the_row

if TYPE_CHECKING:
    from service.adapters.database import Database
    from service.features.projects.domain import Project
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice

pytestmark = pytest.mark.anyio

EVERYTHING = Window(50, 0, ("key",))
MANY = """
WITH added AS (
    INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, version, field_versions)
    SELECT gen_random_uuid(), 'P' || n, 'Project ' || n, false, 0, now() - n * interval '1 minute', now(), 1, '{}'
    FROM generate_series(1, 3000) AS n RETURNING id
)
INSERT INTO memberships (id, project_id, user_id, role, created_at) SELECT gen_random_uuid(), id, $1, 'owner', now() FROM added
"""


@pytest.fixture
def projects(database: Database) -> PiccoloProjects:
    return PiccoloProjects(database)


@pytest.fixture
async def ann(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Ann")


@pytest.fixture
async def bob(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Bob")


@pytest.fixture
async def admin(connection: asyncpg.Connection[Any]) -> Actor:
    return await a_stored_user(connection, "Root", is_admin=True)


def keys(found: Slice[Project]) -> list[str]:
    """The keys of a list, in its order."""
    return [project.key for project in found.items]


async def test_a_project_is_found_by_its_id_and_by_its_key(
    projects: PiccoloProjects, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    project_id = await a_stored_project(connection, ann, "WEB", name="Web Site", description="# Plan")
    project = await projects.find(ann, "WEB")
    assert project == await projects.find(ann, str(project_id))
    assert (project.id, project.key, project.name, project.description) == (project_id, "WEB", "Web Site", "# Plan")
    assert (project.owner.id, project.owner.full_name, project.owner.email) == (ann.id, "Ann", ann.email)
    assert project.owner.is_active
    assert (project.is_archived, project.archived_at, project.require_if_match) == (False, None, False)
    assert (project.created_at, project.updated_at, project.deleted_at, project.version) == (SOME_DAY, SOME_DAY, None, 1)


async def test_everybody_sees_the_owner_and_a_role_of_his_own(
    projects: PiccoloProjects, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, admin: Actor
) -> None:
    await a_stored_project(connection, ann, "WEB", viewer=bob)
    seen = [await projects.find(actor, "WEB") for actor in (ann, bob, admin)]
    assert [project.my_role for project in seen] == [ProjectRole.OWNER, ProjectRole.VIEWER, None]
    assert {project.owner.id for project in seen} == {ann.id}


@pytest.mark.parametrize("reference", ["WEB", "web", "NONE", "", "'", "00000000-0000-7000-8000-000000000000"])
async def test_a_project_of_others_is_not_there(
    projects: PiccoloProjects, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, reference: str
) -> None:
    await a_stored_project(connection, ann, "WEB")
    with pytest.raises(ProjectNotFound):
        await projects.find(bob, reference)


async def test_a_deleted_project_is_not_there_for_anyone(
    projects: PiccoloProjects, connection: asyncpg.Connection[Any], ann: Actor, admin: Actor
) -> None:
    project_id = await a_stored_project(connection, ann, "WEB", deleted_at=SOME_DAY)
    for actor in (ann, admin):
        for reference in ("WEB", str(project_id)):
            with pytest.raises(ProjectNotFound):
                await projects.find(actor, reference)
        assert keys(await projects.page(actor, ProjectFilter(archived=True), EVERYTHING)) == []
    with pytest.raises(ProjectNotFound):
        await projects.lock("WEB")


@pytest.fixture
async def several(connection: asyncpg.Connection[Any], ann: Actor, bob: Actor) -> None:
    """Four projects whose every sort key puts them into another order."""
    rows: list[tuple[Actor, str, str, dict[str, Any]]] = [
        (ann, "B1", "apple", {"viewer": bob}),
        (ann, "C1", "Zoo 100%", {}),
        (bob, "A1", "École_2", {"member": ann}),
        (ann, "D1", "old", {"archived_at": SOME_DAY}),
    ]
    for days, (owner, key, name, fields) in enumerate(rows):
        changed = SOME_DAY - timedelta(days=days % 2, hours=days)
        await a_stored_project(
            connection, owner, key, name=name, created_at=SOME_DAY + timedelta(days=days), updated_at=changed, **fields
        )


async def test_a_list_holds_the_projects_that_one_belongs_to(
    projects: PiccoloProjects, several: None, ann: Actor, bob: Actor, admin: Actor
) -> None:
    assert keys(await projects.page(ann, ProjectFilter(), EVERYTHING)) == ["A1", "B1", "C1"]
    assert keys(await projects.page(bob, ProjectFilter(), EVERYTHING)) == ["A1", "B1"]
    assert keys(await projects.page(admin, ProjectFilter(), EVERYTHING)) == ["A1", "B1", "C1"]
    assert keys(await projects.page(admin, ProjectFilter(mine=True), EVERYTHING)) == []
    assert keys(await projects.page(bob, ProjectFilter(mine=True), EVERYTHING)) == ["A1", "B1"]


async def test_archived_projects_are_listed_on_demand(projects: PiccoloProjects, several: None, ann: Actor) -> None:
    found = await projects.page(ann, ProjectFilter(archived=True), EVERYTHING)
    assert keys(found) == ["A1", "B1", "C1", "D1"]
    assert [project.is_archived for project in found.items] == [False, False, False, True]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("app", ["B1"]),
        ("APP", ["B1"]),
        ("ÉCOLE", ["A1"]),
        ("c1", ["C1"]),
        ("%", ["C1"]),
        ("_", ["A1"]),
        ("\\", []),
        ("o", ["A1", "C1"]),
        ("old", []),
        ("", ["A1", "B1", "C1"]),
    ],
)
async def test_search_finds_parts_of_names_and_keys_as_they_stand(
    projects: PiccoloProjects, several: None, ann: Actor, search: str, found: list[str]
) -> None:
    assert keys(await projects.page(ann, ProjectFilter(search=search), EVERYTHING)) == found


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("created_at", ["B1", "C1", "A1", "D1"]),
        ("updated_at", ["D1", "C1", "A1", "B1"]),
        ("name", ["C1", "B1", "D1", "A1"]),
        ("key", ["A1", "B1", "C1", "D1"]),
    ],
)
async def test_a_list_is_sorted_by_every_key_in_both_directions(
    projects: PiccoloProjects, several: None, ann: Actor, key: str, order: list[str]
) -> None:
    everything = ProjectFilter(archived=True)
    assert keys(await projects.page(ann, everything, Window(50, 0, (key,)))) == order
    assert keys(await projects.page(ann, everything, Window(50, 0, (f"-{key}",)))) == order[::-1]


async def test_a_window_passes_over_rows_and_the_total_counts_them_all(
    projects: PiccoloProjects, several: None, ann: Actor
) -> None:
    found = await projects.page(ann, ProjectFilter(), Window(1, 1, ("key",)))
    assert (keys(found), found.total, found.total_is_exact) == (["B1"], 3, True)
    found = await projects.page(ann, ProjectFilter(), Window(1, 7, ("key",), "exact"))
    assert (keys(found), found.total, found.total_is_exact) == ([], 3, True)
    found = await projects.page(ann, ProjectFilter(), Window(1, 1, ("key",), "none"))
    assert (keys(found), found.total, found.total_is_exact) == (["B1"], None, None)


async def test_a_write_keeps_others_from_the_project_and_from_the_membership(
    projects: PiccoloProjects, database: Database, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor
) -> None:
    project_id = await a_stored_project(connection, ann, "WEB", member=bob)
    membership = await connection.fetchval("SELECT id FROM memberships WHERE user_id = $1", bob.id)

    async def work() -> None:
        state = await projects.lock("WEB")
        assert state == await projects.lock(str(project_id))
        assert (state.id, state.key, state.name, state.version) == (project_id, "WEB", "Project WEB", 1)
        assert await projects.lock_role(bob, project_id) is ProjectRole.MEMBER
        assert not await lockable(connection, "SHARE", "projects", project_id)
        assert await lockable(connection, "KEY SHARE", "projects", project_id)
        assert not await lockable(connection, "NO KEY UPDATE", "memberships", membership)
        assert await lockable(connection, "SHARE", "memberships", membership)

    await database.run(work)
    assert await lockable(connection, "UPDATE", "projects", project_id)


async def test_an_admin_acts_as_owner_and_an_outsider_has_no_role(
    projects: PiccoloProjects, database: Database, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor, admin: Actor
) -> None:
    project_id = await a_stored_project(connection, ann)
    assert await projects.lock_role(admin, project_id) is ProjectRole.OWNER
    assert await projects.lock_role(bob, project_id) is None


async def test_a_key_that_is_taken_spoils_no_transaction(
    projects: PiccoloProjects, database: Database, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    await a_stored_project(connection, ann, "WEB")
    await a_stored_project(connection, ann, "OLD", deleted_at=SOME_DAY)
    project_id = uuid7()

    async def work() -> None:
        assert not await projects.add(project_id, "WEB", "Web", None, SOME_DAY)
        assert await projects.add(project_id, "OLD", "New", "# Plan", SOME_DAY)
        await projects.add_member(uuid7(), project_id, ann.id, ProjectRole.OWNER, SOME_DAY)

    await database.run(work)
    project = await projects.find(ann, "OLD")
    assert (project.id, project.name, project.description, project.version) == (project_id, "New", "# Plan", 1)
    assert (project.created_at, project.updated_at, project.my_role) == (SOME_DAY, SOME_DAY, ProjectRole.OWNER)


async def test_a_project_has_one_owner_and_a_person_one_role(
    projects: PiccoloProjects, database: Database, connection: asyncpg.Connection[Any], ann: Actor, bob: Actor
) -> None:
    project_id = await a_stored_project(connection, ann)
    for person, role in ((bob, ProjectRole.OWNER), (ann, ProjectRole.VIEWER)):

        async def work(person: Actor = person, role: ProjectRole = role) -> None:
            await projects.add_member(uuid7(), project_id, person.id, role, SOME_DAY)

        with pytest.raises(Duplicate):
            await database.run(work)


async def test_a_change_stores_the_named_fields_and_the_version_of_each(
    projects: PiccoloProjects, database: Database, connection: asyncpg.Connection[Any], ann: Actor
) -> None:
    project_id = await a_stored_project(connection, ann, description="Stays")
    later = SOME_DAY + timedelta(days=1)

    async def work() -> None:
        state = await projects.lock("WEB")
        assert await projects.change(state, {"name": "New"}, SOME_DAY) == 2
        state = await projects.lock("WEB")
        assert await projects.change(state, {"description": None, "archived_at": later}, later) == 3

    before = await the_row(connection, "projects", project_id)
    await database.run(work)
    after = await the_row(connection, "projects", project_id)
    assert {name: value for name, value in after.items() if before[name] != value} == {
        "name": "New",
        "description": None,
        "archived_at": later,
        "updated_at": later,
        "version": 3,
        "field_versions": {"name": 2, "description": 3, "archived_at": 3},
    }


async def test_the_newest_of_all_projects_are_found_without_looking_at_the_others(
    database: Database, projects: PiccoloProjects, connection: asyncpg.Connection[Any], ann: Actor, admin: Actor
) -> None:
    await connection.execute(MANY, ann.id)
    await connection.execute("ANALYZE projects, memberships, users")
    window = Window(50, 0, ("-created_at",), "none")
    # One more tells that the page is not the last.
    assert await rows_read(database, connection, "projects", lambda: projects.page(admin, ProjectFilter(), window)) == 51
