"""What a request may ask its write to be wrapped in: an idempotency key, or a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.http.dry_run import DryRunQuery, rehearse, without_new
from service.http.idempotency import Repetitions, encode, key_of
from service.http.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from service.http.requests import ApiRequest
    from service.http.routes import Writing
    from service.kernel.ports import KeptAnswers, Sight, UnitOfWork

    Work = Callable[[], Awaitable[Any]]
    Safeguard = Callable[[Work], Awaitable[Response[bytes]]]


class Safeguards:
    """Chooses for each request; almost all ask for none, and are run as they are."""

    def __init__(self, unit_of_work: UnitOfWork, answers: KeptAnswers, sights: Mapping[str, Sight]) -> None:
        self._unit_of_work = unit_of_work
        self._repetitions = Repetitions(unit_of_work, answers, sights)

    def choose(self, request: ApiRequest, writing: Writing) -> Safeguard | None:
        """What the handler is run by; None: as it is.

        Raises:
            Invalid: the key is no key, or the route takes none.
        """
        key = key_of(request.scope, supported=writing.keyed)
        if writing.validate_only and request.query(DryRunQuery).validate_only:
            # Nothing happens, so there is nothing to keep under a key.
            return lambda work: self._try_out(request, writing.fresh, work)
        if key is not None:
            return lambda work: self._repetitions.answer(request, key, work)
        return None

    async def _try_out(self, request: ApiRequest, fresh: tuple[str, ...], work: Work) -> Response[bytes]:
        try:
            tried = await rehearse(self._unit_of_work, lambda: encode(request, work))
        finally:
            # What is undone has no place in the sequence of changes.
            request.trace.change_cursor = None
        return Response(without_new(tried.body, fresh), status_code=tried.status)
