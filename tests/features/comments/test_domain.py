"""The rules of comments: who edits, deletes and restores."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.features.comments.domain import (
    AuthorRequired,
    CommentNotFound,
    require_author,
    require_deleter,
    require_restorer,
    written,
)
from service.features.projects.domain import InsufficientRole, ProjectRole
from service.features.tasks.domain import PersonRef, parse_key
from tests.support.factories import SOME_DAY

AUTHOR, OTHER = UUID(int=1), UUID(int=2)
COMMENT = written(UUID(int=3), UUID(int=4), PersonRef(AUTHOR, "Ann"), "Hello", SOME_DAY)
DELETED = structs.replace(COMMENT, deleted_at=SOME_DAY)
BELOW = (ProjectRole.VIEWER, ProjectRole.MEMBER)


def expected(refusal: type[Exception] | None) -> AbstractContextManager[Any]:
    """That this is raised, or nothing."""
    return pytest.raises(refusal) if refusal else nullcontext()


def test_a_new_comment_was_never_edited() -> None:
    assert (COMMENT.created_at, COMMENT.updated_at, COMMENT.edited_at) == (SOME_DAY, SOME_DAY, None)
    assert (COMMENT.version, COMMENT.deleted_at, COMMENT.purge_at) == (1, None, None)


def test_only_its_author_edits() -> None:
    require_author(COMMENT, AUTHOR)
    with pytest.raises(AuthorRequired):
        require_author(COMMENT, OTHER)


@pytest.mark.parametrize("role", ProjectRole)
def test_its_author_deletes_as_whatever_he_acts(role: ProjectRole) -> None:
    require_deleter(COMMENT, AUTHOR, role)


@pytest.mark.parametrize("role", ProjectRole)
def test_of_others_those_from_maintainer_up_delete(role: ProjectRole) -> None:
    with expected(InsufficientRole if role in BELOW else None):
        require_deleter(COMMENT, OTHER, role)


@pytest.mark.parametrize("role", ProjectRole)
def test_those_from_maintainer_up_restore_and_others_see_nothing_that_is_deleted(role: ProjectRole) -> None:
    with expected(InsufficientRole if role in BELOW else None):
        require_restorer(COMMENT, role)
    with expected(CommentNotFound if role in BELOW else None):
        require_restorer(DELETED, role)


@pytest.mark.parametrize(
    ("reference", "key"),
    [("WEB-12", ("WEB", 12)), ("A1-999999999", ("A1", 999_999_999)), ("WEB-0", None), ("web-1", None), ("WEB-9999999999", None)],
)
def test_a_task_s_key_is_read_apart(reference: str, key: tuple[str, int] | None) -> None:
    assert parse_key(reference) == key
