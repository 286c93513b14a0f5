"""Requests that carry an Idempotency-Key: what they do is done once, however often they come."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from service.http.dry_run import rehearse
from service.http.problems import NOTHING_HERE
from service.http.responses import Encoded, Response
from service.kernel.answers import KeptAnswer
from service.kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Refusal, Unavailable, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any
    from uuid import UUID

    from litestar.types import Scope

    from service.http.requests import ApiRequest
    from service.kernel.actor import Actor
    from service.kernel.ports import KeptAnswers, Sight, UnitOfWork

REPLAYED = "Idempotency-Replayed"
_NAME = b"idempotency-key"
_POINTER = "/Idempotency-Key"
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")


class IdempotencyInFlight(Conflict):
    """A request with the same Idempotency-Key is being answered right now."""

    code = "idempotency_in_flight"
    retryable = True
    title = "The same request is being answered right now"


class IdempotencyKeyReused(Invalid):
    """The Idempotency-Key came before with another body or query string."""

    code = "idempotency_key_reused"
    title = "The key belongs to another request"


class IdempotencyNotSupported(Invalid):
    """An answer that holds a secret is never kept, and a password is never checked inside a transaction."""

    code = "idempotency_not_supported"
    title = "This takes no Idempotency-Key"


def key_of(scope: Scope, *, supported: bool) -> bytes | None:
    """The request's key, None where it has none.

    Raises:
        Invalid: it is no key.
        IdempotencyNotSupported: the route takes none.
    """
    given = [value for name, value in scope["headers"] if name == _NAME]
    if not given:
        return None
    if not supported:
        message = "Leave the Idempotency-Key out: the answer would hold a secret, or a password is asked for."
        raise IdempotencyNotSupported(FieldError("header", _POINTER, "not_supported", message))
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise invalid(_POINTER, "not_allowed", "Send one key of 1 to 255 printable ASCII characters.", "header")
    return given[0]


class Repetitions:
    """Runs a request and keeps its answer in one transaction, or answers what is kept."""

    def __init__(self, unit_of_work: UnitOfWork, answers: KeptAnswers, sights: Mapping[str, Sight]) -> None:
        """`sights` say by the kind of subject who may still see what an earlier request was about."""
        self._unit_of_work = unit_of_work
        self._answers = answers
        self._sights = sights

    async def answer(self, request: ApiRequest, key: bytes, work: Callable[[], Awaitable[Any]]) -> Response[bytes]:
        """The answer to the first such request.

        Raises:
            IdempotencyInFlight: the first one is not answered yet.
            IdempotencyKeyReused: the first one was another request.
            NotFound: the caller may not see any more what the first one was about.
        """
        place = _place(request, key)
        fingerprint = _fingerprint(request)

        async def once() -> tuple[KeptAnswer, bool]:
            if not await self._answers.hold(place):
                message = "A request with this Idempotency-Key is being answered; repeat it in a moment."
                raise IdempotencyInFlight(message, retry_after=1)
            kept = await self._answers.find(place)
            if kept is not None:
                await self._admit(request.actor, kept, fingerprint)
                return kept, True
            kept = await _answered(request, fingerprint, work)
            await self._answers.keep(place, kept)
            return kept, False

        try:
            kept, again = await self._unit_of_work.run(once)
        except BaseException:
            # What the undone writes had reached is no place in the sequence of changes.
            request.trace.change_cursor = None
            raise
        if not again:
            return Response(kept.body, status_code=kept.status, headers=kept.headers)
        if not kept.touched:
            await self._see(request, work)
        request.trace.change_cursor = kept.change_cursor
        return Response(kept.body, status_code=kept.status, headers={**kept.headers, REPLAYED: "true"})

    async def _admit(self, actor: Actor, kept: KeptAnswer, fingerprint: bytes) -> None:
        if kept.fingerprint != fingerprint:
            message = "This key came with another body or query string before; send a new key for a new request."
            raise IdempotencyKeyReused(FieldError("header", _POINTER, "reused", message))
        touched: dict[str, list[UUID]] = {}
        for kind, id_ in kept.touched:
            touched.setdefault(kind, []).append(id_)
        for kind, ids in touched.items():
            sight = self._sights.get(kind)
            # Whoever has deleted something may hear so again; an answer with a body shows what must still be there.
            if sight is not None and not await sight.sees(actor, ids, deleted=not kept.body):
                raise NotFound(NOTHING_HERE)

    async def _see(self, request: ApiRequest, work: Callable[[], Awaitable[Any]]) -> None:
        # The first request changed nothing, so nothing tells what it was about; but it can be tried again, which does.
        try:
            await rehearse(self._unit_of_work, work)
        except (NotFound, Forbidden, Invalid, Unavailable):
            raise
        except Refusal:
            # That it clashes with something by now says nothing of what the caller may see.
            return
        finally:
            request.trace.change_cursor = None


async def encode(request: ApiRequest, work: Callable[[], Awaitable[Any]]) -> Encoded:
    """The answer to a request as it would go out."""
    response = await request.route_handler.to_response(app=request.app, data=await work(), request=request)
    assert isinstance(response, Encoded)  # noqa: S101  (every handler answers by http/responses.py)
    return response


async def _answered(request: ApiRequest, fingerprint: bytes, work: Callable[[], Awaitable[Any]]) -> KeptAnswer:
    trace = request.trace
    # Anew for every attempt of the unit.
    trace.touched, trace.change_cursor = set(), None
    encoded = await encode(request, work)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in encoded.headers if name != b"content-length"}
    return KeptAnswer(fingerprint, encoded.status, headers, encoded.body, trace.change_cursor, tuple(sorted(trace.touched)))


def _place(request: ApiRequest, key: bytes) -> bytes:
    actor = request.actor
    owner = ("user", actor.id) if actor.token_id is None else ("token", actor.token_id)
    return _digest(*owner, request.scope["method"], request.scope["path"], key)


def _fingerprint(request: ApiRequest) -> bytes:
    return _digest(request.scope["method"], request.scope["path"], request.scope["query_string"], request.sent)


def _digest(*parts: object) -> bytes:
    # As a list of JSON, since parts put one behind the other could be split in several ways.
    return hashlib.sha256(msgspec.json.encode(parts)).digest()
