"""A forgotten password, another password and another address, from the request to the mail and the link in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.mailing import Post, dumped, relay_of
from tests.support.scenes import PASSWORD, a_personal_token, a_user
from tests.support.smtp import text_of, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "wandering-otter-38"
NEW_EMAIL = "Ann.New@example.org"
# Where each kind of token is used, and what is sent beside it.
USES: dict[str, dict[str, str]] = {
    "/auth/password-reset/confirm": {"new_password": NEW_PASSWORD},
    "/auth/verify-email": {},
    "/auth/email-change/confirm": {},
}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Mails of this test are files of its own."""
    return replace(settings, data_dir=tmp_path)


@pytest.fixture
async def post(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Post]:
    """The worker's own relay, in the test's event loop."""
    async with relay_of(settings, clock) as relay:
        yield Post(settings, relay)


@pytest.fixture
async def ann(api: Api, post: Post) -> Api:
    """Somebody signed in, whose verification mail is out of the way."""
    ann = await a_user(api)
    await post.delivered()
    return ann


async def login(api: Api, email: str, password: str = PASSWORD) -> Any:
    return await api.post("/auth/login", {"email": email, "password": password})


async def audited(connection: asyncpg.Connection[Any], action: str, person: Api) -> list[tuple[str, str | None]]:
    """How it went and who did it, of what the audit keeps of this being done to a person."""
    rows = await connection.fetch(
        "SELECT outcome, actor_id::text FROM audit_events WHERE action = $1 AND target_id = $2::uuid", action, person.user["id"]
    )
    return [tuple(row) for row in rows]


async def ok(api: Api, path: str, body: dict[str, Any]) -> None:
    response = await api.post(path, body)
    assert response.status_code in {200, 202, 204}, response.text


async def test_a_mailed_link_sets_the_password_within_half_an_hour(api: Api, ann: Api, post: Post, clock: FakeClock) -> None:
    await ok(api, "/auth/password-reset", {"email": ann.user["email"].upper()})
    (mail,) = await post.delivered()
    assert (mail["To"], mail["Subject"]) == (ann.user["email"], "Set a new password")
    assert "within 30 minutes" in text_of(mail)
    assert f"http://127.0.0.1:8000/reset-password?token={token_in(mail)}" in text_of(mail).splitlines()
    clock.advance(timedelta(minutes=29))
    other = api.as_user(made(await login(api, ann.user["email"]))["access_token"], {})
    await ok(api, "/auth/password-reset/confirm", {"token": token_in(mail), "new_password": NEW_PASSWORD})
    refused(await other.get("/users/me"), 401, "session_ended")
    refused(await login(api, ann.user["email"]), 401, "login_failed")
    tokens = made(await login(api, ann.user["email"], NEW_PASSWORD))
    me = made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
    assert me["email_verified_at"] is not None


async def test_a_link_of_half_an_hour_ago_is_refused(api: Api, ann: Api, post: Post, clock: FakeClock) -> None:
    await ok(api, "/auth/password-reset", {"email": ann.user["email"]})
    token = await post.token()
    clock.advance(timedelta(minutes=30))
    confirmation = {"token": token, "new_password": NEW_PASSWORD}
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")


async def test_nobody_without_an_active_account_is_mailed(
    api: Api, ann: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute("UPDATE users SET is_active = false")
    for address in (ann.user["email"], "nobody@example.com"):
        await ok(api, "/auth/password-reset", {"email": address})
    assert await post.delivered() == []
    assert await connection.fetchval("SELECT count(*) FROM mail_requests") == 0


async def test_an_address_gets_at_most_three_mails_in_an_hour(api: Api, post: Post, clock: FakeClock) -> None:
    ann = await a_user(api)
    email = {"email": ann.user["email"]}
    for path in ("/auth/verify-email/resend", "/auth/password-reset", "/auth/password-reset", "/auth/verify-email/resend"):
        await ok(api, path, email)
    assert len(await post.delivered()) == 3
    await ok(api, "/auth/password-reset", {"email": "bob@example.com"})
    await ok(api, "/auth/password-reset", email)
    assert await post.delivered() == []
    clock.advance(timedelta(hours=1))
    await ok(api, "/auth/password-reset", email)
    assert len(await post.delivered()) == 1


async def test_another_password_ends_the_other_sessions_and_no_link_works_any_more(
    api: Api, ann: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    other = api.as_user(made(await login(api, ann.user["email"]))["access_token"], {})
    await post.delivered()
    tokens = {}
    for path in ("/auth/password-reset", "/auth/verify-email/resend"):
        await ok(api, path, {"email": ann.user["email"]})
        tokens[path] = await post.token()
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    tokens["email"] = await post.token()
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await ann.post("/auth/password-change", change)).status_code == 204
    refused(await other.get("/users/me"), 401, "session_ended")
    made(await ann.get("/users/me"))
    refused(await login(api, ann.user["email"]), 401, "login_failed")
    made(await login(api, ann.user["email"], NEW_PASSWORD))
    # Nor does what was asked for before, and is only mailed now: nothing but notices is.
    subjects = {mail["Subject"] for mail in await post.delivered()}
    assert subjects == {"The password of your account was changed", "A login from a new device"}
    confirmation = {"token": tokens["/auth/password-reset"], "new_password": PASSWORD}
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")
    refused(await api.post("/auth/verify-email", {"token": tokens["/auth/verify-email/resend"]}), 400, "invalid_token")
    refused(await api.post("/auth/email-change/confirm", {"token": tokens["email"]}), 400, "invalid_token")
    assert await audited(connection, "user.password_changed", ann) == [("success", ann.user["id"])]


@pytest.mark.parametrize(("wish", "status"), [({"revoke_tokens": True}, 401), ({"revoke_tokens": False}, 200), ({}, 200)])
async def test_personal_tokens_end_with_the_password_where_that_is_wished(ann: Api, wish: dict[str, bool], status: int) -> None:
    script = await a_personal_token(ann, "projects:read")
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, **wish}
    assert (await ann.post("/auth/password-change", change)).status_code == 204
    assert (await script.get("/projects")).status_code == status


@pytest.mark.parametrize("current", [{"current_password": "another"}, {}, {"current_password": None}])
async def test_another_password_takes_the_present_one(api: Api, ann: Api, current: dict[str, Any]) -> None:
    response = await ann.post("/auth/password-change", {**current, "new_password": NEW_PASSWORD})
    refused(response, 403, "password_required")
    made(await login(api, ann.user["email"]))


async def test_another_password_is_as_good_as_the_first_had_to_be(ann: Api) -> None:
    response = await ann.post("/auth/password-change", {"current_password": PASSWORD, "new_password": "password123"})
    assert wrong_fields(refused(response, 422, "validation_failed")) == {"/new_password": "too_common"}


@pytest.mark.parametrize("path", ["/auth/password-change", "/auth/email-change"])
async def test_only_who_is_signed_in_changes_them(api: Api, path: str) -> None:
    body = {"new_password": NEW_PASSWORD} if "password" in path else {"new_email": NEW_EMAIL}
    refused(await api.post(path, body), 401, "unauthenticated")


async def test_an_address_changes_once_its_owner_opens_the_link_and_the_old_one_is_told(
    api: Api, ann: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    old = ann.user["email"]
    response = await ann.post("/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    assert response.status_code == 202
    (mail,) = await post.delivered()
    assert (mail["To"], mail["Subject"]) == (NEW_EMAIL, "Confirm your new e-mail address")
    assert made(await ann.get("/users/me"))["email"] == old
    response = await api.post("/auth/email-change/confirm", {"token": token_in(mail)})
    assert (response.status_code, response.content) == (204, b"")
    me = made(await ann.get("/users/me"))
    assert (me["email"], me["email_verified_at"] is not None, me["version"]) == (NEW_EMAIL, True, 2)
    made(await login(api, NEW_EMAIL.lower()))
    refused(await login(api, old), 401, "login_failed")
    (told,) = [mail for mail in await post.delivered() if mail["To"] == old]
    assert (told["To"], told["Subject"]) == (old, "The e-mail address of your account was changed")
    assert NEW_EMAIL not in told.as_string()
    refused(await api.post("/auth/email-change/confirm", {"token": token_in(mail)}), 400, "invalid_token")
    changes = await connection.fetchval("SELECT changes->'email' FROM events WHERE type = 'user.email_changed'")
    assert changes == f'{{"new": "{NEW_EMAIL}", "old": "{old}"}}'
    assert await audited(connection, "user.email_changed", ann) == [("success", None)]
    made(await api.post("/auth/register", {"email": old, "password": PASSWORD}))


async def test_the_links_that_went_to_the_old_address_die_with_it(api: Api, ann: Api, post: Post) -> None:
    await ok(api, "/auth/password-reset", {"email": ann.user["email"]})
    reset = await post.token()
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    await ok(api, "/auth/email-change/confirm", {"token": await post.token()})
    confirmation = {"token": reset, "new_password": NEW_PASSWORD}
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")


@pytest.mark.parametrize("password", [{"password": "another"}, {}])
async def test_another_address_takes_the_password(ann: Api, post: Post, password: dict[str, str]) -> None:
    refused(await ann.post("/auth/email-change", {"new_email": NEW_EMAIL, **password}), 403, "password_required")
    assert await post.delivered() == []


async def test_that_an_address_is_taken_is_told_to_who_reads_its_mail_only(api: Api, ann: Api, post: Post) -> None:
    bob = await a_user(api, "Bob")
    await post.delivered()
    answers = [
        await ann.post("/auth/email-change", {"new_email": address, "password": PASSWORD})
        for address in (bob.user["email"], NEW_EMAIL)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    await post.delivered()
    await ok(ann, "/auth/email-change", {"new_email": bob.user["email"].upper(), "password": PASSWORD})
    token = await post.token()
    for _ in range(2):
        refused(await api.post("/auth/email-change/confirm", {"token": token}), 409, "email_taken")
    assert made(await ann.get("/users/me"))["email"] == ann.user["email"]


async def test_no_token_does_what_another_is_for(api: Api, ann: Api, post: Post) -> None:
    await ok(api, "/auth/password-reset", {"email": ann.user["email"]})
    reset = await post.token()
    await ok(api, "/auth/verify-email/resend", {"email": ann.user["email"]})
    verify = await post.token()
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    email = await post.token()
    for path, own in zip(USES, (reset, verify, email), strict=True):
        for token in {reset, verify, email} - {own}:
            refused(await api.post(path, {"token": token, **USES[path]}), 400, "invalid_token")
    await ok(api, "/auth/verify-email", {"token": verify})
    await ok(api, "/auth/email-change/confirm", {"token": email})


async def test_a_refused_token_leaves_its_trace(api: Api, ann: Api, post: Post, connection: asyncpg.Connection[Any]) -> None:
    before = await connection.fetchval("SELECT max(sequence) FROM audit_events")
    for path, body in USES.items():
        response = await api.post(path, {"token": "never-issued", **body}, headers={"User-Agent": "Guess/1"})
        refused(response, 400, "invalid_token")
    rows = await connection.fetch("SELECT * FROM audit_events WHERE sequence > $1 ORDER BY sequence", before)
    assert {(row["action"], row["outcome"], row["reason"], row["user_agent"]) for row in rows} == {
        ("one_time_token.refused", "failure", "invalid_token", "Guess/1")
    }
    assert len(rows) == len(USES)


async def test_no_token_and_no_password_is_anywhere_in_the_database(
    api: Api, ann: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    await ok(api, "/auth/password-reset", {"email": ann.user["email"]})
    await ok(api, "/auth/verify-email/resend", {"email": ann.user["email"]})
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    found = await post.delivered()
    secrets = [*(token_in(mail) for mail in found), PASSWORD, str(ann.token)]
    assert len(secrets) == 5
    everything = await dumped(connection)
    assert "reset" in everything
    assert not [secret for secret in secrets if secret in everything]
    # What was asked for is handled, so the address that no account has is gone too.
    assert await connection.fetchval("SELECT count(*) FROM mail_requests") == 0
    assert NEW_EMAIL not in "\n".join(row[0] for row in await connection.fetch("SELECT e::text FROM events e"))


async def test_the_reset_of_an_address_that_was_never_verified_leaves_nothing_of_who_had_it_before(api: Api, post: Post) -> None:
    stranger = await a_user(api, "Ann")
    await ok(stranger, "/auth/email-change", {"new_email": "stranger@example.org", "password": PASSWORD})
    mine = {str(mail["To"]): token_in(mail) for mail in await post.delivered()}
    await ok(stranger, "/auth/email-change", {"new_email": "stranger@example.org", "password": PASSWORD})
    await ok(api, "/auth/password-reset", {"email": stranger.user["email"]})
    reset = {mail["Subject"]: token_in(mail) for mail in await post.delivered()}["Set a new password"]
    await ok(api, "/auth/password-reset/confirm", {"token": reset, "new_password": NEW_PASSWORD})
    refused(await stranger.get("/users/me"), 401, "session_ended")
    refused(await login(api, stranger.user["email"]), 401, "login_failed")
    refused(await api.post("/auth/email-change/confirm", {"token": mine["stranger@example.org"]}), 400, "invalid_token")
    refused(await api.post("/auth/verify-email", {"token": mine[stranger.user["email"]]}), 400, "invalid_token")


async def test_a_link_to_a_new_address_is_too_old_after_a_day(api: Api, ann: Api, post: Post, clock: FakeClock) -> None:
    await ok(ann, "/auth/email-change", {"new_email": NEW_EMAIL, "password": PASSWORD})
    token = await post.token()
    clock.advance(timedelta(hours=24))
    refused(await api.post("/auth/email-change/confirm", {"token": token}), 400, "invalid_token")


async def test_where_addresses_must_be_verified_nobody_logs_in_before(
    settings: Settings, clock: FakeClock, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    required = replace(settings, email_verification="required")
    app = create_app(required, compose(required, clock=clock))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
        api = Api(client, app)
        made(await api.post("/auth/register", {"email": NEW_EMAIL, "password": PASSWORD}))
        problem = refused(await login(api, NEW_EMAIL), 403, "email_not_verified")
        assert "/auth/verify-email/resend" in problem["detail"]
        refused(await login(api, NEW_EMAIL, NEW_PASSWORD), 401, "login_failed")
        await ok(api, "/auth/verify-email", {"token": await post.token()})
        made(await login(api, NEW_EMAIL))
