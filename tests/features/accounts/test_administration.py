"""What admins decide about accounts, on fakes of the ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.features.accounts.administration import UserAdministration
from service.features.accounts.domain import LastAdmin, Role, User, UserNotFound
from service.features.accounts.events import UserActivated, UserDeactivated, UserRoleChanged
from service.features.accounts.throttle_domain import Attempt
from service.features.accounts.use_cases import Kit
from service.kernel.errors import Forbidden
from service.kernel.events import Change
from tests.support.accounts import FakeUsers, a_stored_user
from tests.support.fakes import FakeClock, FakeIds, FakeOutbox, FakeUnitOfWork, an_actor
from tests.support.throttles import FakeThrottling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

ROOT = an_actor(1, is_admin=True)


class Scene:
    """An instance with one admin, and Ann."""

    def __init__(self) -> None:
        self.unit_of_work = FakeUnitOfWork()
        self.users = FakeUsers()
        self.outbox = FakeOutbox()
        self.clock = FakeClock()
        self.throttle = FakeThrottling(self.unit_of_work, self.users, self.outbox, self.clock).throttle
        kit = Kit(self.unit_of_work, self.users, self.outbox, self.clock, FakeIds())
        self.administration = UserAdministration(kit, self.throttle)
        self.root = self.somebody("root@example.com", id=ROOT.id, role=Role.ADMIN)
        self.ann = self.somebody("ann@example.com")

    def somebody(self, email: str, **fields: Any) -> User:
        return a_stored_user(self.users, email, "hash", self.clock.now(), **fields)

    def now_stored(self, user: User) -> User:
        return self.users.users[user.id]


ACTS: dict[str, Callable[[Scene, str], Awaitable[User]]] = {
    "activate": lambda scene, reference: scene.administration.activate(ROOT, reference),
    "deactivate": lambda scene, reference: scene.administration.deactivate(ROOT, reference),
    "demote": lambda scene, reference: scene.administration.set_role(ROOT, reference, Role.USER),
    "promote": lambda scene, reference: scene.administration.set_role(ROOT, reference, Role.ADMIN),
}
every_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
taking_away = pytest.mark.parametrize("act", [ACTS["deactivate"], ACTS["demote"]], ids=["deactivate", "demote"])


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_deactivating_ends_all_sessions_and_tells_of_it(scene: Scene) -> None:
    user = await scene.administration.deactivate(ROOT, str(scene.ann.id))
    assert user == scene.now_stored(scene.ann)
    assert (user.is_active, user.version) == (False, 2)
    assert scene.users.sessions_ended_at == {user.id: scene.clock.now()}
    changes = {"is_active": Change(old=True, new=False)}
    assert scene.outbox.events == [UserDeactivated(subject_id=user.id, subject_version=2, changes=changes)]


async def test_activating_brings_no_session_back(scene: Scene) -> None:
    bob = scene.somebody("bob@example.com", is_active=False)
    user = await scene.administration.activate(ROOT, str(bob.id))
    assert (user.is_active, user.version) == (True, 2)
    assert scene.users.sessions_ended_at == {}
    changes = {"is_active": Change(old=False, new=True)}
    assert scene.outbox.events == [UserActivated(subject_id=bob.id, subject_version=2, changes=changes)]


async def test_a_role_changes_and_sessions_stay(scene: Scene) -> None:
    user = await scene.administration.set_role(ROOT, str(scene.ann.id), Role.ADMIN)
    assert (user.role, user.version) == (Role.ADMIN, 2)
    assert scene.users.sessions_ended_at == {}
    changes = {"role": Change(Role.USER, Role.ADMIN)}
    assert scene.outbox.events == [UserRoleChanged(subject_id=user.id, subject_version=2, changes=changes)]


async def test_what_is_so_already_moves_no_version_and_is_not_told(scene: Scene) -> None:
    bob = scene.somebody("bob@example.com", is_active=False)
    for user, act in ((scene.ann, "activate"), (bob, "deactivate"), (scene.ann, "demote"), (scene.root, "promote")):
        assert await ACTS[act](scene, str(user.id)) == user
    assert scene.outbox.events == []


@taking_away
async def test_the_last_active_admin_stays(scene: Scene, act: Any) -> None:
    scene.somebody("inactive@example.com", role=Role.ADMIN, is_active=False)
    with pytest.raises(LastAdmin):
        await act(scene, str(scene.root.id))
    assert scene.now_stored(scene.root) == scene.root
    assert scene.users.sessions_ended_at == {}
    assert scene.outbox.events == []
    assert scene.unit_of_work.rolled_back == 1


@taking_away
async def test_an_admin_may_go_while_another_stays(scene: Scene, act: Any) -> None:
    scene.somebody("other@example.com", role=Role.ADMIN)
    assert (await act(scene, str(scene.root.id))).version == 2


@every_act
async def test_who_was_an_admin_when_the_request_began_and_is_none_now_decides_nothing(scene: Scene, act: Any) -> None:
    scene.somebody("other@example.com", role=Role.ADMIN)
    await scene.administration.deactivate(ROOT, str(scene.root.id))
    before = len(scene.outbox.events)
    with pytest.raises(Forbidden) as refused:
        await act(scene, str(scene.ann.id))
    assert refused.value.members == {"required_role": "admin"}
    assert scene.now_stored(scene.ann) == scene.ann
    assert len(scene.outbox.events) == before


@every_act
@pytest.mark.parametrize("reference", [str(UUID(int=9)), "me", ""])
async def test_nobody_else_is_there_to_decide_about(scene: Scene, act: Any, reference: str) -> None:
    with pytest.raises(UserNotFound):
        await act(scene, reference)


async def test_an_admin_lifts_a_lock_which_is_told_where_there_was_one(scene: Scene) -> None:
    reference = str(scene.ann.id)
    assert await scene.administration.unlock(ROOT, reference) == scene.ann
    assert not scene.outbox.events
    for _ in range(5):
        attempt = await scene.throttle.admit(ROOT, scene.ann.email)
        assert isinstance(attempt, Attempt)
        await scene.throttle.fail(ROOT, attempt, scene.ann.id, "login_failed")
    await scene.administration.unlock(ROOT, reference)
    assert [(event.type, event.subject_id) for event in scene.outbox.events] == [("user.unlocked", scene.ann.id)]
    assert isinstance(await scene.throttle.admit(ROOT, scene.ann.email), Attempt)


async def test_who_is_no_admin_any_more_unlocks_nobody(scene: Scene) -> None:
    with pytest.raises(Forbidden):
        await scene.administration.unlock(an_actor(7, is_admin=True), str(scene.ann.id))
    with pytest.raises(UserNotFound):
        await scene.administration.unlock(ROOT, "ann")
