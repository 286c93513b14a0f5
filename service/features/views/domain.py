"""Saved views: what they are, who may change one, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from service.features.projects.domain import ProjectRole
from service.features.tasks.domain import PersonRef, ProjectRef
from service.kernel.errors import Forbidden, NotFound, invalid

if TYPE_CHECKING:
    from service.kernel.actor import Actor


class ViewNotFound(NotFound):
    """There is no such view, or none that the caller made or that is shared in a project of the caller's."""

    code = "view_not_found"
    title = "There is no such view"


class ViewOfAnother(Forbidden):
    """Only whoever made a view may take it back from the project."""

    code = "view_of_another"
    title = "The view belongs to somebody else"


class View(Struct, frozen=True):
    """A view as its readers see it; `filter` is in its normal form, and of a view of a project means that one's tasks alone."""

    id: UUID
    name: str
    filter: str
    sort: str
    project: ProjectRef | None
    shared: bool
    owner: PersonRef
    created_at: datetime
    updated_at: datetime
    version: int


class ViewDraft(Struct, frozen=True):
    """A view that is about to be created."""

    name: str
    filter: str
    sort: str
    project_id: UUID | None
    shared: bool


class ViewState(Struct, frozen=True):
    """The locked row that a write decides on."""

    id: UUID
    owner_id: UUID
    project_id: UUID | None
    name: str
    filter: str
    sort: str
    shared: bool
    version: int
    field_versions: Mapping[str, int] = {}

    def needed_role(self, actor: Actor, wanted: Mapping[str, Any]) -> ProjectRole:
        """The role in its project that a change of the view asks for."""
        if self.owner_id != actor.id:
            return ProjectRole.MAINTAINER
        return ProjectRole.MEMBER if self.shared or wanted.get("shared") else ProjectRole.VIEWER

    def refuse_taking_back(self, actor: Actor, wanted: Mapping[str, Any]) -> None:
        """Guard of making a shared view private: for everyone but its owner it would be gone.

        Raises:
            ViewOfAnother: the actor did not make it.
        """
        if self.owner_id != actor.id and wanted.get("shared") is False:
            message = "Only whoever made this view can make it private; delete it, or leave shared out."
            raise ViewOfAnother(message)


def refuse_sharing_nowhere(project_id: UUID | None, shared: object) -> None:
    """Guard of sharing.

    Raises:
        Invalid: a view of no project would be shared.
    """
    if shared and project_id is None:
        raise invalid("/shared", "not_allowed", "Only a view of a project can be shared; make one with a project_id.")
