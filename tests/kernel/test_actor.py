"""Who acts."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from service.kernel.actor import Actor, Trace
from tests.support.fakes import an_actor


def test_somebody_signed_in_has_an_id() -> None:
    actor = an_actor(3)
    assert actor.id == actor.user_id


def test_nobody_and_the_system_have_none() -> None:
    for actor in (Actor.anonymous(Trace("request-0001")), Actor.system("request-0001")):
        assert actor.user_id is None
        with pytest.raises(LookupError, match=f"a {actor.kind} actor has no user"):
            _ = actor.id


def test_the_system_may_do_what_admins_may_and_nobody_may_not() -> None:
    system, nobody = Actor.system("admin-create"), Actor.anonymous(Trace("request-0001"))
    assert (system.is_admin, system.trace.request_id, system.scopes) == (True, "admin-create", None)
    assert not nobody.is_admin


def test_an_actor_reaches_every_project_unless_a_token_is_narrowed() -> None:
    assert an_actor().reaches(UUID(int=1))
    narrowed = replace(an_actor(), project_ids=frozenset({UUID(int=1)}))
    assert [narrowed.reaches(UUID(int=number)) for number in (1, 2)] == [True, False]
