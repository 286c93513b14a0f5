"""The accounts feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.adapters.common_passwords import common_passwords
from service.adapters.tokens import new_secret
from service.features.accounts.administration import UserAdministration
from service.features.accounts.controller import RegistrationController, UserAdministrationController, UserController
from service.features.accounts.invitations import UserInvitations
from service.features.accounts.password_rules import PasswordRules
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.repository import PiccoloOneTimeTokens, PiccoloUsers
from service.features.accounts.use_cases import Administrators, Kit, PasswordLinks, UserWrites
from service.features.accounts.verification import EmailVerification
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    kit = _kit(ports)
    tokens = PiccoloOneTimeTokens(ports.database)
    rules = PasswordRules(ports.settings.passwords.min_length, common_passwords())
    is_open = ports.settings.registration == "open"
    return {
        "users": kit.users,
        "reauthentication": Reauthentication(kit.users, ports.passwords),
        "user_writes": UserWrites(kit, ports.passwords, rules, registration_is_open=is_open),
        "password_links": PasswordLinks(kit, tokens, ports.passwords, rules),
        "email_verification": EmailVerification(kit, tokens, new_secret),
        "user_invitations": UserInvitations(kit, tokens, new_secret),
        "user_administration": UserAdministration(kit),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for accounts."""
    tokens = PiccoloOneTimeTokens(ports.database)
    return (Job("prune_one_time_tokens", timedelta(hours=1), lambda: tokens.prune(ports.clock.now())),)


def administrators(ports: Ports) -> Administrators:
    """What `worklane admin` works with."""
    return Administrators(_kit(ports), PiccoloOneTimeTokens(ports.database), new_secret, ports.settings.base_url)


def _kit(ports: Ports) -> Kit:
    return Kit(ports.database, PiccoloUsers(ports.database), ports.outbox, ports.clock, ports.ids)


FEATURE = Feature("accounts", (RegistrationController, UserController, UserAdministrationController), provide, jobs)
