"""The sessions feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.ports import Users
from service.features.sessions.authenticator import SessionAuthenticator
from service.features.sessions.controller import SessionController
from service.features.sessions.repository import PiccoloSessions
from service.features.sessions.use_cases import Kit, Logins
from service.wiring import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    sessions = PiccoloSessions(ports.database)
    users = provided["users", Users]  # type: ignore[type-abstract]
    kit = Kit(
        ports.database, users, sessions, ports.passwords, ports.access_tokens, ports.outbox, ports.clock, ports.ids
    )  # fmt: skip
    lifetimes = ports.settings.sessions
    return {
        "authenticator": SessionAuthenticator(ports.access_tokens, sessions, ports.clock),
        "logins": Logins(kit, lifetimes.lifetime, lifetimes.idle_lifetime),
    }


FEATURE = Feature("sessions", (SessionController,), provide)
