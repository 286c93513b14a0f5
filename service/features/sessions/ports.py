"""What the sessions feature needs from storage and from the maker of access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from service.features.sessions.domain import Holder, LiveSession, Presented, Session
    from service.features.sessions.refresh_tokens import RefreshToken
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window


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

    def refresh_keys(self) -> Sequence[bytes]:
        """What refresh tokens are derived with: the newest key first, then those whose children may be asked for again."""
        ...

    def public_keys(self, now: datetime) -> Sequence[tuple[str, bytes]]:
        """The kid and public Ed25519 key of each key that others may verify access tokens with."""
        ...


@runtime_checkable
class Sessions(Protocol):
    """Stored sessions."""

    async def page(self, actor: Actor, window: Window) -> Slice[LiveSession]:
        """A part of the actor's live sessions."""
        ...

    async def find(self, actor: Actor, reference: str) -> LiveSession:
        """The actor's live session with this id.

        Raises:
            SessionNotFound: there is none.
        """
        ...

    async def add(self, session: Session, first: RefreshToken) -> None:
        """Store a new one; of the token, only its hash."""
        ...

    async def holder(self, session_id: UUID, user_id: UUID, now: datetime) -> Holder | None:
        """The user, if the session lives and the account may be used; asked on every request."""
        ...

    async def nonce(self, session_id: UUID) -> bytes | None:
        """What the refresh tokens of a session, live or not, are derived with; it never changes."""
        ...

    async def rotate(self, newest: RefreshToken, child: RefreshToken, now: datetime, idle_expires_at: datetime) -> UUID | None:
        """Replace the newest token of a live session; its user's id, or None where that is not what was presented.

        Of any number of clients that present the same token at once, one wins.
        """
        ...

    async def lock(self, token: RefreshToken, now: datetime) -> Presented | None:
        """What its session knows of the token by now, locked until the unit of work ends; None where the session is gone."""
        ...

    async def end_for_reuse(self, session_id: UUID, now: datetime) -> None:
        """End it, unless it has ended, and keep when reuse was noticed."""
        ...

    async def log_out(self, session_id: UUID, now: datetime) -> bool:
        """End it as one whose tokens nobody means to use again; False where it has ended already."""
        ...

    async def end(self, user_id: UUID, session_id: UUID, now: datetime) -> bool:
        """End a live session of the user; False where there is none."""
        ...

    async def end_all(self, user_id: UUID, now: datetime) -> Sequence[UUID]:
        """End every live session of the user; their ids."""
        ...

    async def prune(self, before: datetime) -> None:
        """Forget those that ended or expired before that instant."""
        ...
