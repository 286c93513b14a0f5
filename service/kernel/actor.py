"""Who acts, and in which request."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Scope(StrEnum):
    """What a token may be used for; a session has every scope."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    WEBHOOKS_WRITE = "webhooks:write"
    USERS_READ = "users:read"
    ADMIN = "admin"


class Trace(Struct):
    """The request that an act belongs to, and the place in the sequence of changes that its writes reached."""

    request_id: str
    ip: str | None = None
    user_agent: str | None = None
    change_cursor: str | None = None
    # What the writes were about, as (kind, id); None where nobody asks. See ports.Sight.
    touched: set[tuple[str, UUID]] | None = None


class Actor(Struct, frozen=True):
    """Who acts, by its kind.

    `user`: a person in a session. `token`: a personal access token of a person's. `anonymous`: nobody yet (registration, login).
    `system`: the service itself (command line, worker).
    """

    kind: str
    trace: Trace
    user_id: UUID | None = None
    session_id: UUID | None = None
    is_admin: bool = False
    email: str | None = None
    full_name: str | None = None
    # None: a session, which may use every scope.
    scopes: frozenset[str] | None = None
    # Of a personal access token: which, and the projects that it is narrowed to (None: all that its owner sees).
    token_id: UUID | None = None
    project_ids: frozenset[UUID] | None = None

    @classmethod
    def anonymous(cls, trace: Trace) -> Actor:
        """A caller that has shown no token."""
        return cls("anonymous", trace)

    @classmethod
    def system(cls, request_id: str) -> Actor:
        """The service itself, for `worklane admin` and the worker."""
        return cls("system", Trace(request_id), is_admin=True)

    def reaches(self, project_id: UUID) -> bool:
        """Whether the project is none that a token is narrowed away from; who may see it is another question."""
        return self.project_ids is None or project_id in self.project_ids

    @property
    def id(self) -> UUID:
        """The user behind the act.

        Raises:
            LookupError: nobody is signed in; a route that needs a user declares a policy that asks for one.
        """
        if self.user_id is None:
            message = f"a {self.kind} actor has no user"
            raise LookupError(message)
        return self.user_id
