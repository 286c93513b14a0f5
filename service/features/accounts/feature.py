"""The accounts feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.adapters.common_passwords import common_passwords
from service.adapters.tokens import new_secret
from service.features.accounts.administration import UserAdministration
from service.features.accounts.controller import RegistrationController, UserAdministrationController, UserController
from service.features.accounts.credentials_controller import CredentialsController
from service.features.accounts.email_changes import EmailChanges, EmailLinks
from service.features.accounts.invitations import UserInvitations
from service.features.accounts.mail_repository import PiccoloMailRequests
from service.features.accounts.mail_requests import MailDesk
from service.features.accounts.one_time_links import OneTimeLinks
from service.features.accounts.one_time_repository import PiccoloOneTimeTokens
from service.features.accounts.password_changes import PasswordChanges
from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.password_resets import PasswordResets
from service.features.accounts.password_rules import PasswordRules
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.registrations import ConcealedRegistrations
from service.features.accounts.repository import PiccoloUsers
from service.features.accounts.sight import UserSight
from service.features.accounts.throttle_repository import PiccoloDeviceTokens, PiccoloThrottles
from service.features.accounts.throttling import LoginThrottle, ThrottleKit
from service.features.accounts.use_cases import Administrators, Kit, PasswordLinks, UserWrites
from service.features.accounts.verification import EmailVerification, VerificationRequests
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.kernel.ports import Sight
    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    kit = _kit(ports)
    passwords, settings = ports.passwords, ports.settings
    tokens = PiccoloOneTimeTokens(ports.database)
    links = OneTimeLinks(kit.unit_of_work, kit.users, tokens, kit.outbox, kit.clock)
    desk = MailDesk(kit, PiccoloMailRequests(ports.database), ports.vault)
    rules = PasswordRules(settings.passwords.min_length, common_passwords())
    throttle = _throttle(ports)
    checks = PasswordChecks(kit.users, passwords, throttle)
    reauthentication = Reauthentication(kit.users, checks, throttle)
    verification = EmailVerification(kit, tokens, links, desk, new_secret)
    writes = UserWrites(kit, passwords, rules, ports.vault, registration_is_open=settings.registration == "open")
    concealed = ConcealedRegistrations(kit, desk, passwords, rules)
    return {
        "users": kit.users,
        "reauthentication": reauthentication,
        "login_throttle": throttle,
        "password_checks": checks,
        "user_writes": writes,
        "concealed_registrations": concealed,
        "registrar": concealed if settings.registration == "conceal" else writes,
        "mail_desk": desk,
        "password_links": PasswordLinks(kit, tokens, links, passwords, rules, throttle),
        "password_resets": PasswordResets(kit, tokens, desk, new_secret),
        "password_changes": PasswordChanges(kit, tokens, passwords, rules, reauthentication, throttle),
        "email_changes": EmailChanges(kit, tokens, desk, reauthentication, new_secret),
        "email_links": EmailLinks(kit, tokens, links, throttle),
        "email_verification": verification,
        "verification_requests": VerificationRequests(kit, desk, verification),
        "user_invitations": UserInvitations(kit, tokens, new_secret),
        "user_administration": UserAdministration(kit, throttle),
    }


def jobs(ports: Ports, provided: Provided) -> Sequence[Job]:
    """What the worker does for accounts."""
    tokens, requests = PiccoloOneTimeTokens(ports.database), PiccoloMailRequests(ports.database)
    throttle = provided["login_throttle", LoginThrottle]
    return (
        Job("prune_one_time_tokens", timedelta(hours=1), lambda: tokens.prune(ports.clock.now())),
        Job("prune_mail_requests", timedelta(hours=1), lambda: requests.prune(ports.clock.now())),
        Job("prune_logins", timedelta(hours=1), throttle.prune),
        Job("announce_locks", timedelta(seconds=5), throttle.announce_locks),
    )


def sights(_ports: Ports) -> Mapping[str, Sight]:
    """Who may still see an account whole."""
    return {"user": UserSight()}


def administrators(ports: Ports) -> Administrators:
    """What `worklane admin` works with."""
    return Administrators(_kit(ports), PiccoloOneTimeTokens(ports.database), new_secret, ports.settings.base_url)


def _kit(ports: Ports) -> Kit:
    return Kit(ports.database, PiccoloUsers(ports.database), ports.outbox, ports.clock, ports.ids)


def _throttle(ports: Ports) -> LoginThrottle:
    database = ports.database
    kit = ThrottleKit(
        database, PiccoloUsers(database), PiccoloThrottles(database), PiccoloDeviceTokens(database), ports.vault, ports.outbox,
        ports.clock, ports.ids, new_secret,
    )  # fmt: skip
    # 5 s, unless the queue for the hashing is set longer: a try must not lose its place while it waits there.
    return LoginThrottle(kit, timedelta(seconds=max(3.0, ports.settings.passwords.queue_seconds) + 2))


CONTROLLERS = (RegistrationController, CredentialsController, UserController, UserAdministrationController)

FEATURE = Feature("accounts", CONTROLLERS, provide, jobs, sights=sights)
