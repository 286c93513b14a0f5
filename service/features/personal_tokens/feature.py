"""The personal tokens feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.reauthentication import Reauthentication
from service.features.personal_tokens.authenticator import PersonalTokenAuthenticator
from service.features.personal_tokens.controller import PersonalTokenController
from service.features.personal_tokens.repository import PiccoloPersonalTokens
from service.features.personal_tokens.use_cases import PersonalTokenWrites
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided

# How long a token that is good no more is kept for whoever looks into what happened.
KEPT = timedelta(days=30)


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    tokens = PiccoloPersonalTokens(ports.database)
    reauthentication = provided["reauthentication", Reauthentication]
    return {
        "personal_tokens": tokens,
        "personal_token_writes": PersonalTokenWrites(
            ports.database, tokens, reauthentication, ports.outbox, ports.clock, ports.ids
        ),
        "personal_token_authenticator": PersonalTokenAuthenticator(ports.database, tokens, ports.outbox, ports.clock),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for personal tokens."""
    tokens = PiccoloPersonalTokens(ports.database)
    return (Job("prune_personal_tokens", timedelta(hours=1), lambda: tokens.prune(ports.clock.now() - KEPT)),)


FEATURE = Feature("personal_tokens", (PersonalTokenController,), provide, jobs)
