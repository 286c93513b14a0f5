"""The sessions feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.password_checks import PasswordChecks
from service.features.accounts.ports import Users
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.throttling import LoginThrottle
from service.features.second_factors.challenges import Challenges
from service.features.sessions.authenticator import SessionAuthenticator
from service.features.sessions.controller import SessionController
from service.features.sessions.domain import LoginTerms, Unverified
from service.features.sessions.refreshing import Refreshes
from service.features.sessions.repository import PiccoloSessions
from service.features.sessions.second_step import SecondStep
from service.features.sessions.use_cases import Kit, Logins, Logouts, PublicKeys
from service.kernel.ports import Authenticator
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.settings import Settings
    from service.wiring import Ports, Provided

# How long an ended session is kept for whoever looks into what happened.
KEPT = timedelta(days=30)


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    sessions = PiccoloSessions(ports.database, ports.clock)
    users = provided["users", Users]  # type: ignore[type-abstract]
    kit = Kit(
        ports.database, users, sessions, ports.passwords, ports.access_tokens, ports.outbox, ports.clock, ports.ids
    )  # fmt: skip
    personal_tokens = provided["personal_token_authenticator", Authenticator]  # type: ignore[type-abstract]
    checks = provided["password_checks", PasswordChecks]
    throttle = provided["login_throttle", LoginThrottle]
    lifetimes = ports.settings.sessions
    challenges = provided["mfa_challenges", Challenges]
    terms = LoginTerms(lifetimes.lifetime, lifetimes.idle_lifetime, unverified(ports.settings))
    logins = Logins(kit, checks, throttle, challenges, terms)
    return {
        "authenticator": SessionAuthenticator(ports.access_tokens, sessions, ports.clock, personal_tokens),
        "sessions": sessions,
        "logins": logins,
        "second_step": SecondStep(kit, throttle, challenges, logins),
        "logouts": Logouts(kit, provided["reauthentication", Reauthentication]),
        "refreshes": Refreshes(kit, lifetimes.idle_lifetime),
        "public_keys": PublicKeys(ports.access_tokens, ports.clock),
    }


def unverified(settings: Settings) -> Unverified:
    """What the settings say of who has not verified the address."""
    if settings.registration == "conceal":
        return Unverified.CONCEALED
    return Unverified.REFUSED if settings.email_verification == "required" else Unverified.ADMITTED


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for sessions."""
    sessions = PiccoloSessions(ports.database, ports.clock)
    return (Job("prune_sessions", timedelta(hours=1), lambda: sessions.prune(ports.clock.now() - KEPT)),)


FEATURE = Feature("sessions", (SessionController,), provide, jobs)
