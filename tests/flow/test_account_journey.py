"""Everything that happens to an account, once: what the audit keeps of it, and what its owner is mailed."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

import service
from service.app import create_app
from service.composition import compose
from service.features.accounts.feature import administrators
from service.features.notifications.feature import NOTICES
from service.features.notifications.letters import FALLBACK, Letters
from service.kernel.actor import Actor
from service.kernel.events import Event
from service.worker import work
from tests.support.http import Api, made, refused
from tests.support.mailing import Post, relay_of
from tests.support.scenes import PASSWORD, a_personal_token, a_user, an_admin
from tests.support.second_factors import armed, first_step, wrong
from tests.support.smtp import text_of, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

FEATURES = ("accounts", "sessions", "second_factors", "personal_tokens", "departures")
NEW_PASSWORD, NEWER_PASSWORD = "wandering-otter-38", "sleeping-heron-51"
AGENT = "Journey/1 <b>"
FROM = "127.0.0.1"


def events() -> set[type[Event]]:
    """Every kind of event that these features tell."""
    found: set[type[Event]] = set()
    for feature in FEATURES:
        module = import_module(f"service.features.{feature}.events")
        found |= {each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Event)} - {Event}
    return found


def failures() -> set[str]:
    """Every action that these features record beside events, as their source names it."""
    folder = Path(service.__file__).parent / "features"
    text = "\n".join(path.read_text(encoding="utf-8") for feature in FEATURES for path in (folder / feature).glob("*.py"))
    actions = re.findall(r'"((?:login|mfa|registration|one_time_token|personal_token)\.[a-z_]+)"', text)
    return set(actions) - {event.type for event in events()}


def test_the_audit_keeps_every_event_of_accounts_sessions_and_tokens() -> None:
    # What is asked for by naming an address is recorded with the digest of that address: see MailDesk.file.
    assert {event.type for event in events() if not event.audited} == {
        "verification.requested", "password_reset.requested", "registration.requested", "email_change.requested"
    }  # fmt: skip
    assert len(events()) >= 24


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Mails of this test are files of its own."""
    return replace(settings, data_dir=tmp_path)


@pytest.fixture
async def post(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Post]:
    async with relay_of(settings, clock) as relay:
        yield Post(settings, relay)


class Journey:
    """An account, and all that is done to it."""

    def __init__(self, api: Api, post: Post, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
        self.api = api
        self.post = post
        self.connection = connection
        self.clock = clock
        self.password = PASSWORD
        self.mails: list[EmailMessage] = []
        self.began = clock.now()

    async def begin(self) -> None:
        """Somebody registers, logs in and verifies the address; an admin is there too."""
        self.admin = await an_admin(self.api, self.connection)
        self.ann = await a_user(self.api)
        self.email = self.ann.user["email"]
        again = {"email": self.email.upper(), "password": PASSWORD}
        refused(await self.api.post("/auth/register", again), 409, "email_taken")
        (mail,) = [mail for mail in await self.post.delivered() if mail["To"] == self.email]
        refused(await self.api.post("/auth/verify-email", {"token": "never-issued"}), 400, "invalid_token")
        await self.ok("/auth/verify-email", {"token": token_in(mail)})

    @property
    def id(self) -> UUID:
        """The account's."""
        return UUID(self.ann.user["id"])

    async def ok(self, path: str, body: Any = None, person: Api | None = None) -> Any:
        response = await (person or self.api).post(path, body)
        assert response.status_code in {200, 201, 202, 204}, response.text
        return response.json() if response.content else None

    async def login(self, **fields: Any) -> dict[str, Any]:
        return made(await self.api.post("/auth/login", {"email": self.email, "password": self.password, **fields}))

    async def mailed(self, *subjects: str) -> list[EmailMessage]:
        """What the owner is mailed by all that was done since; exactly this."""
        mails = [mail for mail in await self.post.delivered() if mail["To"] == self.email]
        assert sorted(str(mail["Subject"]) for mail in mails) == sorted(subjects)
        self.mails += mails
        return mails

    async def sessions(self) -> None:
        """Logins of known and unknown devices, a copied token, a logout."""
        device = (await self.login())["device_token"]
        await self.mailed("A login from a new device")
        tokens = await self.login(device_token=device)
        await self.mailed()
        first = tokens["refresh_token"]
        second = made(await self.api.post("/auth/refresh", {"refresh_token": first}))["refresh_token"]
        made(await self.api.post("/auth/refresh", {"refresh_token": second}))
        refused(await self.api.post("/auth/refresh", {"refresh_token": first}), 401, "token_reused")
        refused(await self.api.post("/auth/refresh", {"refresh_token": first}), 401, "token_reused")
        await self.mailed("A session of your account was ended")
        ended = self.api.as_user((await self.login(device_token=device))["access_token"], {})
        await self.ok("/auth/logout", person=ended)
        await self.mailed()

    async def second_factors(self) -> None:
        """Turned on after a wrong code, recovered, turned off, and taken away by an admin."""
        begun = made(await self.ann.post("/auth/mfa/totp", {"password": PASSWORD}))
        code = wrong(begun["secret"], self.clock)
        refused(await self.ann.post("/auth/mfa/totp/confirm", {"code": code}), 403, "mfa_code_wrong")
        ann = await armed(self.ann, self.clock)
        await self.mailed("A second factor was turned on for your account")
        made(await self.ann.post("/auth/mfa/recovery-codes", {"password": PASSWORD}))
        await self.mailed("New recovery codes for your account")
        await self.ok("/auth/mfa/totp/remove", {"password": PASSWORD}, self.ann)
        await self.mailed("The second factor of your account was turned off")
        ann = await armed(self.ann, self.clock)
        token = await first_step(self.api, ann)
        refused(await self.api.post("/auth/mfa/verify", {"mfa_token": token, "code": "x"}), 401, "mfa_failed")
        made(await self.api.post("/auth/mfa/verify", {"mfa_token": token, "code": ann.recovery_codes[0]}))
        await self.mailed(
            "A second factor was turned on for your account",
            "A recovery code of your account was used",
            "A login from a new device",
        )
        await self.ok(f"/users/{self.ann.user['id']}/mfa-reset", person=self.admin)
        await self.mailed("An admin has turned the second factor of your account off")

    async def personal_tokens(self) -> None:
        """One that is made, revoked and used all the same."""
        script = await a_personal_token(self.ann, "tasks:read")
        await self.mailed("A personal access token was made for your account")
        (token,) = made(await self.ann.get("/auth/tokens"))["items"]
        assert (await self.ann.delete(f"/auth/tokens/{token['id']}")).status_code == 204
        refused(await script.get("/tasks"), 401, "personal_token_refused")
        await self.mailed()

    async def lock(self) -> None:
        """Five wrong passwords and one more; an admin helps."""
        body = {"email": self.email, "password": "Wrong-horse-7"}
        for _ in range(5):
            refused(await self.api.post("/auth/login", body), 401, "login_failed")
        refused(await self.api.post("/auth/login", body), 401, "login_locked")
        (announce,) = [job for job in work(self.api.app.state.ports)[1] if job.name == "announce_locks"]
        await announce.run()
        await announce.run()
        await self.mailed("Logging in to your account is locked for a while")
        await self.ok(f"/users/{self.ann.user['id']}/unlock", person=self.admin)

    async def credentials(self) -> None:
        """Another password, by the present one and by a link, and another address."""
        change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        await self.ok("/auth/password-change", change, self.ann)
        await self.mailed("The password of your account was changed")
        await self.ok("/auth/verify-email/resend", {"email": self.email})
        await self.ok("/auth/password-reset", {"email": self.email})
        (mail,) = await self.post.delivered()
        await self.ok("/auth/password-reset/confirm", {"token": token_in(mail), "new_password": NEWER_PASSWORD})
        await self.mailed("The password of your account was changed")
        self.password = NEWER_PASSWORD
        tokens = await self.login()
        await self.mailed("A login from a new device")
        ann = self.api.as_user(tokens["access_token"], self.ann.user)
        assert (await ann.patch("/users/me", {"full_name": "Ann <Other>"})).status_code == 200
        await self.ok("/auth/email-change", {"new_email": "ann.new@example.org", "password": NEWER_PASSWORD}, ann)
        (mail,) = await self.post.delivered()
        await self.ok("/auth/email-change/confirm", {"token": token_in(mail)})
        await self.mailed("The e-mail address of your account was changed")
        self.email = "ann.new@example.org"

    async def administration(self, settings: Settings) -> None:
        """What admins and the operator decide, and a registration whose answer tells nothing."""
        path = f"/users/{self.ann.user['id']}"
        await self.ok("/users", {"email": "bob@example.org", "full_name": "Bob", "role": "user"}, self.admin)
        for act in ("deactivate", "activate"):
            await self.ok(f"{path}/{act}", person=self.admin)
        for role in ("admin", "user"):
            made(await self.admin.call("PUT", f"{path}/role", {"role": role}))
        await administrators(self.api.app.state.ports).create(Actor.system("cli-1"), self.email, promote=True)
        concealing = replace(settings, registration="conceal")
        app = create_app(concealing, compose(concealing, clock=self.clock))
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            client.headers["User-Agent"] = AGENT
            concealed = Api(cast("Any", client), app)
            await self.ok("/auth/register", {"email": "eve@example.org", "password": PASSWORD}, concealed)

    async def departure(self) -> None:
        """Deleted by an admin, brought back, deleted by the owner, and purged when nobody can bring it back any more."""
        path = f"/users/{self.ann.user['id']}"
        assert (await self.admin.delete(path)).status_code == 204
        await self.mailed("Your account was deleted")
        await self.ok(f"{path}/restore", person=self.admin)
        # Who was made an admin on the server has to set a password first.
        await self.ok("/auth/password-reset", {"email": self.email})
        (mail,) = await self.post.delivered()
        await self.ok("/auth/password-reset/confirm", {"token": token_in(mail), "new_password": self.password})
        await self.mailed("The password of your account was changed")
        ann = self.api.as_user((await self.login())["access_token"], self.ann.user)
        await self.ok("/users/me/delete", {"password": self.password}, ann)
        # Nothing but the deletion is told to who is gone.
        await self.mailed("Your account was deleted")
        self.clock.advance(timedelta(days=31))
        (purge,) = [job for job in work(self.api.app.state.ports)[1] if job.name == "purge_users"]
        await purge.run()
        await self.mailed()


@pytest.fixture
async def journey(crowd: Api, post: Post, connection: asyncpg.Connection[Any], clock: FakeClock, settings: Settings) -> Journey:
    """All of it, one after the other."""
    crowd.client.headers["User-Agent"] = AGENT
    journey = Journey(crowd, post, connection, clock)
    await journey.begin()
    await journey.sessions()
    await journey.second_factors()
    await journey.personal_tokens()
    await journey.lock()
    await journey.credentials()
    await journey.administration(settings)
    await journey.departure()
    return journey


async def test_every_act_and_every_failure_leaves_its_row(journey: Journey, connection: asyncpg.Connection[Any]) -> None:
    rows = await connection.fetch("SELECT * FROM audit_events WHERE time >= $1 AND user_agent = $2", journey.began, AGENT)
    done = {row["action"] for row in rows if row["outcome"] == "success"}
    # The worker's and the operator's own acts come from nowhere.
    assert {event.type for event in events()} - done == {"user.locked", "user.admin_appointed", "user.purged"}
    assert {row["action"] for row in rows if row["outcome"] == "failure"} == failures()
    for row in rows:
        assert (row["ip"], row["user_agent"]) == (FROM, AGENT)
        assert row["request_id"]
        assert row["target_id"] or row["target_digest"] or row["action"] == "one_time_token.refused", row
        assert row["reason"] if row["outcome"] == "failure" else row["reason"] is None
        assert row["event_id"] or row["outcome"] == "failure" or row["action"].endswith(".requested"), row
    signed_in = {"user.mfa_enabled", "user.password_changed", "personal_token.created", "session.ended", "user.updated"}
    assert {row["actor_id"] for row in rows if row["action"] in signed_in} == {journey.id}


async def test_the_worker_s_and_the_operator_s_acts_are_kept_too(journey: Journey, connection: asyncpg.Connection[Any]) -> None:
    rows = await connection.fetch(
        "SELECT action FROM audit_events WHERE time >= $1 AND target_id = $2 AND actor_kind = 'system' ORDER BY sequence",
        journey.began, journey.id,
    )  # fmt: skip
    assert [row["action"] for row in rows] == ["user.locked", "user.admin_appointed", "user.purged"]


async def test_the_owner_is_told_when_and_from_where_and_nothing_that_a_stranger_wrote(journey: Journey) -> None:
    subjects = {Letters("x").write(kind, FALLBACK, "", when="", ip="", until="").subject for kind in NOTICES.values()}
    told = Counter(str(mail["Subject"]) for mail in journey.mails)
    assert subjects <= told.keys()
    for mail in journey.mails:
        html = mail.get_body(("html",))
        assert html is not None
        for form in (text_of(mail), html.get_content()):
            if mail["Subject"] in subjects and "locked" not in mail["Subject"]:
                assert re.search(rf"at \d{{4}}-\d\d-\d\d \d\d:\d\d UTC, from {FROM}\.", form), form
            assert "http://127.0.0.1:8000" in form
            assert not {word for word in ("Journey/1", "Ann Example", "token=", PASSWORD) if word in form}


async def test_an_address_that_nobody_has_proven_gets_twelve_notices_in_an_hour(api: Api, post: Post, clock: FakeClock) -> None:
    somebody = await a_user(api)
    await post.delivered()
    for told in (12, 0):
        for _ in range(13):
            made(await api.post("/auth/login", {"email": somebody.user["email"], "password": PASSWORD}))
        assert len(await post.delivered()) == told
    # They take nothing from what can be asked for.
    made(await api.post("/auth/password-reset", {"email": somebody.user["email"]}))
    assert len(await post.delivered()) == 1
    clock.advance(timedelta(hours=1))
    made(await api.post("/auth/login", {"email": somebody.user["email"], "password": PASSWORD}))
    assert len(await post.delivered()) == 1
