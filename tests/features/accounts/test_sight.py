"""Whose accounts somebody may still see whole."""

from __future__ import annotations

import pytest

from service.features.accounts.sight import UserSight
from tests.support.fakes import an_actor

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("deleted", [True, False])
async def test_a_person_sees_the_own_account_and_an_admin_all(*, deleted: bool) -> None:
    sight = UserSight()
    ann, bob, root = an_actor(1), an_actor(2), an_actor(3, is_admin=True)
    assert await sight.sees(ann, [ann.id], deleted=deleted)
    assert not await sight.sees(ann, [bob.id], deleted=deleted)
    assert not await sight.sees(ann, [ann.id, bob.id], deleted=deleted)
    assert await sight.sees(root, [ann.id, bob.id], deleted=deleted)
