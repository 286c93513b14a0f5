"""A whole run of a real server at debug level, faults included: no secret that was sent or issued is in what it printed."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx
import pytest

from service.adapters.clock import SystemClock
from tests.support.http import Api, made, refused
from tests.support.second_factors import shown
from tests.support.serving import serve, until
from tests.support.smtp import token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

pytestmark = pytest.mark.anyio

PASSWORD, WRONG = "Correct-horse-7-battery", "Wrong-horse-8-battery"
NEW, NEWER = "Newer-horse-9-battery", "Newest-horse-5-battery"
ANN, BOB = "ann-in-no-log@example.com", "bob-in-no-log@example.com"
BREAK = """
CREATE FUNCTION break_login() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$;
CREATE TRIGGER break_login BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION break_login();
"""


@asynccontextmanager
async def broken_logins(connection: asyncpg.Connection[Any]) -> AsyncIterator[None]:
    """A fault that nobody foresaw."""
    await connection.execute(BREAK)
    try:
        yield
    finally:
        await connection.execute("DROP FUNCTION break_login CASCADE")


class Run:
    """A server that is used in every way that a secret passes through, and what these secrets were."""

    def __init__(self, api: Api, folder: Path, connection: asyncpg.Connection[Any]) -> None:
        self.api = api
        self.folder = folder
        self.connection = connection
        self.secrets: set[str] = {PASSWORD, WRONG, NEW, NEWER}

    def mails(self) -> dict[str, Path]:
        """The mails that were written, by their subject and address."""
        found = {}
        for path in (self.folder / "mail").glob("*.eml"):
            mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8)
            found[f"{mail['To']}: {mail['Subject']}"] = path
        return found

    def mailed_token(self, address: str, subject: str = "") -> str:
        """That of the only mail to somebody, of this subject."""
        until(lambda: any(name.startswith(f"{address}: {subject}") for name in self.mails()))
        (path,) = [path for name, path in self.mails().items() if name.startswith(f"{address}: {subject}")]
        token = token_in(message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8))
        self.secrets.add(token)
        return token

    async def tokens(self, path: str, body: dict[str, str]) -> dict[str, str]:
        """What a login or a refresh hands out."""
        tokens = made(await self.api.post(path, body))
        self.secrets |= {tokens["access_token"], tokens["refresh_token"], tokens["device_token"] or PASSWORD}
        return tokens

    async def arm(self, account: dict[str, str]) -> None:
        """A personal access token that is used, and a second factor that the next login takes."""
        ann = self.api.as_user((await self.tokens("/auth/login", account))["access_token"], {})
        until_then = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        wish = {"password": PASSWORD, "name": "Nightly", "scopes": ["tasks:read"], "expires_at": until_then}
        token = made(await ann.post("/auth/tokens", wish))["token"]
        made(await self.api.as_user(token, {}).get("/tasks"))
        seed = made(await ann.post("/auth/mfa/totp", {"password": PASSWORD}))
        codes = made(await ann.post("/auth/mfa/totp/confirm", {"code": shown(seed["secret"], SystemClock())}))["recovery_codes"]
        challenge = made(await self.api.post("/auth/login", account))["mfa_token"]
        self.secrets |= {token, seed["secret"], challenge, *codes}
        refused(await self.api.post("/auth/mfa/verify", {"mfa_token": challenge, "code": "no such code"}), 401, "mfa_failed")
        await self.tokens("/auth/mfa/verify", {"mfa_token": challenge, "code": codes[0]})

    async def play(self) -> None:
        """Register, verify, log in, go on, be copied, log out; be invited; forget and change a password; and meet a fault."""
        account = {"email": ANN, "password": PASSWORD}
        ann = made(await self.api.post("/auth/register", account))
        refused(await self.api.post("/auth/login", account | {"password": WRONG}), 401, "login_failed")
        refused(await self.api.post("/auth/verify-email", {"token": WRONG}), 400, "invalid_token")
        verified = await self.api.post("/auth/verify-email", {"token": self.mailed_token(ANN)})
        assert verified.status_code == 204
        first = await self.tokens("/auth/login", account)
        second = await self.tokens("/auth/refresh", {"refresh_token": first["refresh_token"]})
        await self.tokens("/auth/refresh", {"refresh_token": second["refresh_token"]})
        refused(await self.api.post("/auth/refresh", {"refresh_token": first["refresh_token"]}), 401, "token_reused")
        refused(await self.api.as_user(first["access_token"], ann).get("/users/me"), 401, "session_ended")
        await self.invite(ann, account)
        await self.forget()
        async with broken_logins(self.connection):
            refused(await self.api.post("/auth/login", account), 500, "internal_error")
        await self.arm(account)

    async def invite(self, ann: dict[str, Any], account: dict[str, str]) -> None:
        """A password that is set by a link, as by one that resets it."""
        await self.connection.execute("UPDATE users SET role = 'admin' WHERE id = $1::uuid", ann["id"])
        admin = self.api.as_user((await self.tokens("/auth/login", account))["access_token"], ann)
        made(await admin.post("/users", {"email": BOB, "full_name": "Bob", "role": "user"}))
        confirmation = {"token": self.mailed_token(BOB), "new_password": NEW}
        made(await self.api.post("/auth/password-reset/confirm", confirmation))
        refused(await self.api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")
        await self.tokens("/auth/login", {"email": BOB, "password": NEW})
        refused(await admin.post("/auth/logout-all", {"password": WRONG}), 403, "password_required")
        assert (await admin.post("/auth/logout")).status_code == 204

    async def forget(self) -> None:
        """A password that is forgotten, and another one in place of what was set by the link."""
        made(await self.api.post("/auth/password-reset", {"email": BOB}))
        confirmation = {"token": self.mailed_token(BOB, "Set a new password"), "new_password": NEWER}
        made(await self.api.post("/auth/password-reset/confirm", confirmation))
        bob = self.api.as_user((await self.tokens("/auth/login", {"email": BOB, "password": NEWER}))["access_token"], {})
        change = {"current_password": WRONG, "new_password": NEW}
        refused(await bob.post("/auth/password-change", change), 403, "password_required")
        changed = await bob.post("/auth/password-change", change | {"current_password": NEWER})
        assert changed.status_code == 204


def of_the_machine(url: str, key_file: Path) -> set[str]:
    """The secrets that the server was started with."""
    ring = json.loads(key_file.read_bytes())
    found = {key["secret"] for key in (*ring["keys"], *ring["storage_keys"])}
    return found | ({password} if (password := urlsplit(url).password) else set())


async def test_what_a_server_prints_holds_no_secret_and_mails_are_for_its_account_only(
    worker_database: str, key_file: Path, tmp_path: Path, connection: asyncpg.Connection[Any]
) -> None:
    folder = tmp_path / "data"
    settings = {"DATABASE_URL": worker_database, "WORKLANE_KEYS_FILE": str(key_file), "WORKLANE_LOG_LEVEL": "debug"}
    with serve(folder, **settings) as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            run = Run(Api(cast("Any", client), cast("Any", None)), folder, connection)
            await run.play()
    # It has ended, so nothing more is to come.
    log = (tmp_path / f"serve-{server.port}.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {"mail_written", "fault"} <= {line["event"] for line in lines}
    assert "broken on purpose" in log
    secrets = run.secrets | of_the_machine(worker_database, key_file)
    assert len(secrets) >= 20
    # Nor is the half of one there.
    assert not [secret for secret in secrets if secret[len(secret) // 2 :] in log]
    for word in ("token=", "/verify-email?", "/reset-password?", ANN, BOB, "Bearer ey"):
        assert word not in log
    assert [oct(path.stat().st_mode & 0o777) for path in run.mails().values()] == ["0o600"] * len(run.mails())
    assert len(run.mails()) >= 3
