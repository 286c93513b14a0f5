"""Departures: what is in the way of one, and what a deleted account is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.features.accounts.domain import OwnsProjects, UserState
from service.features.projects.domain import ProjectRole


class Account(Struct, frozen=True):
    """A locked account, deleted or not; one that was purged is no account any more."""

    state: UserState
    deleted_at: datetime | None


class Place(Struct, frozen=True):
    """What somebody is in one project, the membership locked."""

    membership_id: UUID
    project_id: UUID
    project_key: str
    role: ProjectRole
    is_deleted: bool
    # Of the membership.
    version: int


class Remains(Struct, frozen=True):
    """An account that was deleted long enough ago."""

    user_id: UUID
    version: int


def refuse_owner(places: Iterable[Place]) -> None:
    """Guard of a deletion, which would leave projects without an owner.

    Raises:
        OwnsProjects: the person owns a project that is not deleted.
    """
    keys = sorted(place.project_key for place in places if place.role is ProjectRole.OWNER and not place.is_deleted)
    if keys:
        message = f"Hand over or delete first what this person owns: {', '.join(keys)}."
        raise OwnsProjects(message, projects=keys)


def given_up(places: Iterable[Place]) -> list[Place]:
    """The memberships that end: all but those of an owner, without whom a deleted project could not be looked at."""
    return [place for place in places if place.role is not ProjectRole.OWNER]
