"""The rules about admins."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.features.accounts.domain import LastAdmin, require_admin, require_another_admin
from service.kernel.errors import Forbidden

ANN, BOB = UUID(int=1), UUID(int=2)


def test_an_active_admin_decides() -> None:
    require_admin(ANN, frozenset({ANN, BOB}))


@pytest.mark.parametrize("admins", [frozenset[UUID](), frozenset({BOB})])
@pytest.mark.parametrize("user_id", [ANN, None])
def test_whoever_is_no_active_admin_does_not(user_id: UUID | None, admins: frozenset[UUID]) -> None:
    with pytest.raises(Forbidden, match="no active admin any more"):
        require_admin(user_id, admins)


@pytest.mark.parametrize("admins", [frozenset({BOB}), frozenset({ANN, BOB}), frozenset[UUID]()])
def test_whoever_is_not_the_only_admin_may_go(admins: frozenset[UUID]) -> None:
    require_another_admin(ANN, admins)


def test_the_only_admin_may_not() -> None:
    with pytest.raises(LastAdmin, match="make somebody else one first"):
        require_another_admin(ANN, frozenset({ANN}))
