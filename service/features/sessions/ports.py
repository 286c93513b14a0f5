"""What the sessions feature needs from storage and from the maker of access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from service.features.sessions.domain import Holder, Session


class Claims(Protocol):
    """Whom a verified access token stands for."""

    @property
    def user_id(self) -> UUID:
        """The user."""
        ...

    @property
    def session_id(self) -> UUID:
        """The session."""
        ...


@runtime_checkable
class AccessTokens(Protocol):
    """Short-lived tokens that requests carry."""

    lifetime: timedelta

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        """A token for one session of one user."""
        ...

    def verify(self, token: str, now: datetime) -> Claims:
        """Whom the token stands for.

        Raises:
            Unauthenticated: anything about it is wrong.
        """
        ...


@runtime_checkable
class Sessions(Protocol):
    """Stored sessions."""

    async def add(self, session: Session, refresh_secret: str) -> None:
        """Store a new one; of the secret, only a digest."""
        ...

    async def holder(self, session_id: UUID, user_id: UUID, now: datetime) -> Holder | None:
        """The user, if the session lives and the account may be used; asked on every request."""
        ...

    async def end(self, session_id: UUID, now: datetime) -> bool:
        """End it; False where it has ended already."""
        ...
