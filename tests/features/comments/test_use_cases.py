"""What people do with comments, through fakes: the events told, what is counted, and the order of refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.features.comments.domain import AuthorRequired, Comment, CommentNotFound
from service.features.projects.domain import InsufficientRole, ProjectArchived
from service.features.tasks.domain import TaskNotFound
from service.kernel.actor import Actor
from service.kernel.events import Change
from tests.support.comment_house import MAINTAINER, CommentHouse
from tests.support.factories import SOME_DAY
from tests.support.task_house import ADMIN, MEMBER, OUTSIDER, OWNER, VIEWER

pytestmark = pytest.mark.anyio

MISSING = str(UUID(int=404))

Write = Callable[[CommentHouse, Actor, Comment], Awaitable[Any]]


async def edit(house: CommentHouse, actor: Actor, comment: Comment) -> Any:
    return await house.comment_writes.update(actor, str(comment.id), {"body": "Better."})


async def delete(house: CommentHouse, actor: Actor, comment: Comment) -> Any:
    return await house.comment_writes.delete(actor, str(comment.id))


async def restore(house: CommentHouse, actor: Actor, comment: Comment) -> Any:
    return await house.comment_writes.restore(actor, str(comment.id))


WRITES = pytest.mark.parametrize("write", [edit, delete, restore])


@pytest.fixture
def house() -> CommentHouse:
    return CommentHouse()


@pytest.mark.parametrize("actor", [VIEWER, MEMBER, MAINTAINER, OWNER, ADMIN], ids=lambda actor: str(actor.full_name))
async def test_whoever_belongs_to_the_project_comments_on_its_tasks(house: CommentHouse, actor: Actor) -> None:
    comment = await house.comment_writes.create(actor, "WEB-12", "# Hello")
    assert (comment.task_id, comment.author.id, comment.author.full_name) == (house.task.id, actor.id, actor.full_name)
    assert (comment.body, comment.version, comment.created_at) == ("# Hello", 1, house.clock.now())
    assert (comment.edited_at, comment.deleted_at) == (None, None)
    assert house.stored(comment) == comment
    assert house.count == 1
    assert house.tasks.project_lock == "shared"


async def test_commenting_tells_what_was_said_and_where(house: CommentHouse) -> None:
    comment = await house.comment_writes.create(VIEWER, "WEB-12", "# Hello")
    event = house.event
    assert (event.type, event.subject_type, event.subject_id) == ("comment.created", "comment", comment.id)
    assert (event.subject_version, event.project_id, event.about_id) == (1, house.project.id, house.task.id)
    assert event.changes == {"body": Change(None, "# Hello")}
    assert event.data == {"task_id": str(house.task.id), "task_key": "WEB-12"}
    assert not event.audited


@pytest.mark.parametrize("reference", ["WEB-13", MISSING, "nonsense"])
async def test_a_task_that_is_not_there_gets_no_comment(house: CommentHouse, reference: str) -> None:
    with pytest.raises(TaskNotFound):
        await house.comment_writes.create(MEMBER, reference, "Hello")
    assert house.untouched()


async def test_to_outsiders_the_task_is_not_there(house: CommentHouse) -> None:
    with pytest.raises(TaskNotFound):
        await house.comment_writes.create(OUTSIDER, "WEB-12", "Hello")
    assert house.untouched()


async def test_a_task_that_is_deleted_at_that_moment_gets_no_comment(house: CommentHouse) -> None:
    house.tasks.meanwhile = lambda: house.tasks.deleted.add(house.task.id)
    with pytest.raises(TaskNotFound):
        await house.comment_writes.create(MEMBER, "WEB-12", "Hello")
    assert house.untouched()


async def test_an_archived_project_takes_no_comment(house: CommentHouse) -> None:
    house.archive()
    with pytest.raises(ProjectArchived):
        await house.comment_writes.create(MEMBER, "WEB-12", "Hello")
    assert house.untouched()


async def test_its_author_edits_a_comment(house: CommentHouse) -> None:
    comment = await house.comment()
    house.clock.advance(timedelta(minutes=1))
    edited = await edit(house, VIEWER, comment)
    assert (edited.body, edited.version, edited.created_at) == ("Better.", 2, comment.created_at)
    assert edited.edited_at == edited.updated_at == house.clock.now()
    assert house.stored(comment) == edited
    assert house.told() == {"type": "comment.updated", "version": 2, "changes": {"body": Change("Looks good.", "Better.")}}
    assert house.event.about_id == house.task.id
    assert house.count == 1


@pytest.mark.parametrize("wanted", [{}, {"body": "Looks good."}], ids=["nothing", "the same"])
async def test_an_edit_that_changes_nothing_leaves_the_comment_alone(house: CommentHouse, wanted: dict[str, str]) -> None:
    comment = await house.comment()
    house.clock.advance(timedelta(minutes=1))
    assert await house.comment_writes.update(VIEWER, str(comment.id), wanted) == comment
    assert house.stored(comment) == comment
    assert not house.outbox.events


@pytest.mark.parametrize("actor", [MEMBER, MAINTAINER, OWNER, ADMIN], ids=lambda actor: str(actor.full_name))
async def test_nobody_else_edits_it(house: CommentHouse, actor: Actor) -> None:
    comment = await house.comment()
    with pytest.raises(AuthorRequired, match="write one of your own"):
        await edit(house, actor, comment)
    assert house.stored(comment) == comment


@pytest.mark.parametrize("actor", [VIEWER, MAINTAINER, OWNER, ADMIN], ids=lambda actor: str(actor.full_name))
async def test_authors_and_maintainers_delete(house: CommentHouse, actor: Actor) -> None:
    comment = await house.comment()
    await delete(house, actor, comment)
    stored = house.stored(comment)
    assert stored.deleted_at == stored.updated_at == house.clock.now()
    assert (stored.body, stored.edited_at, stored.version) == (comment.body, None, 2)
    assert house.told() == {
        "type": "comment.deleted",
        "version": 2,
        "changes": {"deleted_at": Change(None, house.clock.now())},
    }
    assert house.count == 0


async def test_members_do_not_delete_what_others_wrote(house: CommentHouse) -> None:
    comment = await house.comment()
    with pytest.raises(InsufficientRole) as refusal:
        await delete(house, MEMBER, comment)
    assert refusal.value.members == {"required_role": "maintainer"}
    assert house.count == 1


@pytest.mark.parametrize("actor", [MAINTAINER, OWNER, ADMIN], ids=lambda actor: str(actor.full_name))
async def test_maintainers_restore_a_deleted_comment(house: CommentHouse, actor: Actor) -> None:
    comment = await house.deleted()
    restored = await restore(house, actor, comment)
    assert (restored.deleted_at, restored.body, restored.version) == (None, "Looks good.", 3)
    assert house.stored(comment) == restored
    changes = {"deleted_at": Change(comment.deleted_at, None)}
    assert house.told() == {"type": "comment.restored", "version": 3, "changes": changes}
    assert house.count == 1


async def test_restoring_what_is_there_changes_nothing(house: CommentHouse) -> None:
    comment = await house.comment()
    assert await restore(house, MAINTAINER, comment) == comment
    assert not house.outbox.events
    assert house.count == 1


async def test_a_deleted_comment_is_gone_for_its_author(house: CommentHouse) -> None:
    comment = await house.deleted()
    for write in (edit, delete, restore):
        with pytest.raises(CommentNotFound):
            await write(house, VIEWER, comment)
    assert house.stored(comment) == comment


async def test_a_deleted_comment_is_neither_edited_nor_deleted_by_a_maintainer_who_wrote_it(house: CommentHouse) -> None:
    comment = await house.deleted(MAINTAINER)
    for write in (edit, delete):
        with pytest.raises(CommentNotFound):
            await write(house, MAINTAINER, comment)


async def test_authors_who_are_no_maintainers_restore_nothing(house: CommentHouse) -> None:
    comment = await house.comment()
    with pytest.raises(InsufficientRole) as refusal:
        await restore(house, VIEWER, comment)
    assert refusal.value.members == {"required_role": "maintainer"}


@WRITES
async def test_to_outsiders_a_comment_is_not_there(house: CommentHouse, write: Write) -> None:
    comment = await house.comment()
    with pytest.raises(CommentNotFound):
        await write(house, OUTSIDER, comment)
    assert house.stored(comment) == comment


@WRITES
async def test_its_author_who_left_the_project_finds_it_no_more(house: CommentHouse, write: Write) -> None:
    comment = await house.comment()
    del house.projects.roles[house.project.id][VIEWER.id]
    with pytest.raises(CommentNotFound):
        await write(house, VIEWER, comment)


@WRITES
async def test_in_an_archived_project_comments_stay_as_they_are(house: CommentHouse, write: Write) -> None:
    comment = await house.comment(MAINTAINER)
    house.archive()
    with pytest.raises(ProjectArchived):
        await write(house, MAINTAINER, comment)
    assert house.stored(comment) == comment
    assert not house.outbox.events


@WRITES
async def test_who_may_not_is_told_so_before_the_archive(house: CommentHouse, write: Write) -> None:
    comment = await house.comment()
    house.projects.put(house.project, owner=OWNER, member=MEMBER)
    house.archive()
    with pytest.raises((AuthorRequired, InsufficientRole)):
        await write(house, MEMBER, comment)


@WRITES
async def test_a_comment_on_a_task_that_is_deleted_at_that_moment_is_gone(house: CommentHouse, write: Write) -> None:
    comment = await house.comment(MAINTAINER)
    house.tasks.meanwhile = lambda: house.tasks.deleted.add(house.task.id)
    with pytest.raises(CommentNotFound):
        await write(house, MAINTAINER, comment)
    assert house.stored(comment) == comment


@WRITES
async def test_an_unknown_comment_is_not_found(house: CommentHouse, write: Write) -> None:
    comment = await house.comment()
    house.comments.rows.clear()
    with pytest.raises(CommentNotFound):
        await write(house, OWNER, comment)


async def test_comments_have_their_own_times(house: CommentHouse) -> None:
    house.clock.time = SOME_DAY
    first = await house.comment()
    house.clock.advance(timedelta(hours=1))
    second = await house.comment()
    assert (first.created_at, second.created_at) == (SOME_DAY, SOME_DAY + timedelta(hours=1))
    assert house.count == 2
