"""Going on with a session: a refresh token is exchanged for the next one, and one that was copied ends its session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from service.features.sessions.domain import InvalidRefreshToken, SessionEnded, TokenReused, Tokens, Verdict, judge
from service.features.sessions.events import ReuseDetected
from service.features.sessions.refresh_tokens import RefreshToken
from service.kernel.errors import Unavailable

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from service.features.sessions.domain import Presented
    from service.features.sessions.use_cases import Kit
    from service.kernel.actor import Actor


class _Outcome(Struct, frozen=True):
    """What is committed; refusals are raised from it afterwards, so that they leave their trace."""

    verdict: Verdict
    user_id: UUID
    newest_hash: str


class Refreshes:
    """Exchanging refresh tokens, each for one successor."""

    def __init__(self, kit: Kit, idle_lifetime: timedelta) -> None:
        self._kit = kit
        self._idle_lifetime = idle_lifetime

    async def refresh(self, actor: Actor, text: str) -> Tokens:
        """The next tokens of the session; the same ones for the same token within 10 s, while they are unused.

        Raises:
            InvalidRefreshToken: the token was never given out.
            SessionEnded: it is the newest, but its session has ended or expired, or the account may not be used.
            TokenReused: it was used before, or after the logout; the session has ended.
            Unavailable: the key that the next token was derived with is not here yet.
        """
        kit = self._kit
        token = RefreshToken.parse(text)
        nonce = None if token is None else await kit.sessions.nonce(token.session_id)
        if token is None or nonce is None or not token.is_genuine(nonce):
            message = "This is no refresh token of a session; log in again."
            raise InvalidRefreshToken(message)
        child = token.child(kit.access_tokens.refresh_keys()[0], nonce)
        outcome = await kit.unit_of_work.run(lambda: self._exchange(actor, token, child))
        if outcome is None or outcome.verdict is Verdict.ENDED:
            message = "The session of this token has ended; log in again."
            raise SessionEnded(message)
        if outcome.verdict is Verdict.REUSED:
            message = "This refresh token was used already, so its session has ended for everyone; log in again."
            raise TokenReused(message)
        return kit.tokens(outcome.user_id, self._find(outcome.newest_hash, token, nonce), kit.clock.now())

    async def _exchange(self, actor: Actor, token: RefreshToken, child: RefreshToken) -> _Outcome | None:
        sessions = self._kit.sessions
        now = self._kit.clock.now()
        winner = await sessions.rotate(token, child, now, now + self._idle_lifetime)
        if winner is not None:
            return _Outcome(Verdict.ROTATED, winner, child.hash)
        # A token that was not the newest of a live session will not be so again: what is judged now stays true.
        presented = await sessions.lock(token, now)
        if presented is None:
            return None
        verdict = judge(presented, now)
        # Told once, however often it is tried again.
        if verdict is Verdict.REUSED and not presented.reuse_is_known:
            await sessions.end_for_reuse(token.session_id, now)
            await self._kit.outbox.publish(actor, _told(token.session_id, presented))
        return _Outcome(verdict, presented.user_id, presented.newest_hash)

    def _find(self, newest_hash: str, token: RefreshToken, nonce: bytes) -> RefreshToken:
        # The winner may have derived it with another key than ours: with one of before a rotation, or of a moment ago.
        for key in self._kit.access_tokens.refresh_keys():
            child = token.child(key, nonce)
            if child.hash == newest_hash:
                return child
        message = "The signing keys are being rotated and have not reached every instance; send the request again."
        raise Unavailable(message)


def _told(session_id: UUID, presented: Presented) -> ReuseDetected:
    version = 3 if presented.has_ended else 2
    return ReuseDetected(subject_id=session_id, subject_version=version, data={"user_id": str(presented.user_id)})
