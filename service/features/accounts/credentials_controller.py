"""What one logs in with, over HTTP: another password, another e-mail address."""

from __future__ import annotations

from litestar import Controller
from litestar.params import JSONBody

from service.features.accounts.domain import EmailTaken, InvalidToken, PasswordRequired
from service.features.accounts.email_changes import EmailChanges, EmailLinks
from service.features.accounts.password_changes import PasswordChanges
from service.features.accounts.password_resets import PasswordResets
from service.features.accounts.schemas import (
    EmailChange,
    EmailChangeConfirmation,
    Message,
    PasswordChange,
    PasswordConfirmation,
    PasswordResetWish,
)
from service.features.accounts.use_cases import PasswordLinks
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, post
from service.wiring import Injected

EVERYONE = Access(Policy.PUBLIC)
OWNER = Access(Policy.SESSION)


class CredentialsController(Controller):
    """Changing the password and the address, with the present password or by a mailed link."""

    path = "/auth"
    tags = ("accounts",)

    @post("/password-reset", EVERYONE, status_code=200)
    async def request_password_reset(
        self, data: JSONBody[PasswordResetWish], request: ApiRequest, password_resets: Injected[PasswordResets]
    ) -> Message:
        """Ask for a link that sets a new password and works for 30 minutes; the answer is the same for every address."""
        await password_resets.request(request.actor, data.email)
        return Message("If there is an account with this address, a mail with a link is on its way.")

    @post("/password-reset/confirm", EVERYONE, raises=(InvalidToken,), status_code=200)
    async def confirm_password_reset(
        self, data: JSONBody[PasswordConfirmation], request: ApiRequest, password_links: Injected[PasswordLinks]
    ) -> Message:
        """Set a password by a one-time token; ends every session and personal token of the account, and starts none."""
        await password_links.confirm(request.actor, data.token, data.new_password)
        return Message("The password is set; log in with it.")

    @post("/password-change", OWNER, raises=(PasswordRequired,), status_code=204)
    async def change_password(
        self, data: JSONBody[PasswordChange], request: ApiRequest, password_changes: Injected[PasswordChanges]
    ) -> None:
        """Set another password; ends your other sessions, voids every link that was mailed to you, and forgets your devices."""
        await password_changes.change(request.actor, data.current_password, data.new_password, revoke_tokens=data.revoke_tokens)

    @post("/email-change", OWNER, raises=(PasswordRequired,), status_code=202)
    async def request_email_change(
        self, data: JSONBody[EmailChange], request: ApiRequest, email_changes: Injected[EmailChanges]
    ) -> Message:
        """Ask for a link to a new address, which works for 24 hours; your address stays as it is until it is opened."""
        await email_changes.request(request.actor, data.new_email, data.password)
        return Message("A mail is on its way to the new address; its link replaces earlier ones.")

    @post("/email-change/confirm", EVERYONE, raises=(InvalidToken, EmailTaken), status_code=204)
    async def confirm_email_change(
        self, data: JSONBody[EmailChangeConfirmation], request: ApiRequest, email_links: Injected[EmailLinks]
    ) -> None:
        """Make the address that the token was mailed to the account's; the old address is told."""
        await email_links.confirm(request.actor, data.token)
