"""The second factors feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.adapters.tokens import new_secret
from service.features.accounts.ports import Users
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.throttling import LoginThrottle
from service.features.accounts.use_cases import Kit
from service.features.second_factors.challenges import Challenges
from service.features.second_factors.controller import SecondFactorController, SecondFactorResetController
from service.features.second_factors.repository import PiccoloMfaChallenges, PiccoloSecondFactors
from service.features.second_factors.use_cases import Codes, OwnSecondFactor, SecondFactorResets
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    users = provided["users", Users]  # type: ignore[type-abstract]
    kit = Kit(ports.database, users, ports.outbox, ports.clock, ports.ids)
    codes = Codes(PiccoloSecondFactors(ports.database), ports.vault, ports.clock)
    return {
        "mfa_challenges": Challenges(PiccoloMfaChallenges(ports.database), codes, ports.outbox, ports.clock, new_secret),
        "own_second_factor": OwnSecondFactor(
            kit, codes, provided["reauthentication", Reauthentication], provided["login_throttle", LoginThrottle]
        ),
        "second_factor_resets": SecondFactorResets(kit),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for second factors."""
    challenges = PiccoloMfaChallenges(ports.database)
    return (Job("prune_mfa_challenges", timedelta(hours=1), lambda: challenges.prune(ports.clock.now())),)


FEATURE = Feature("second_factors", (SecondFactorController, SecondFactorResetController), provide, jobs)
