"""The departures feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.features.accounts.one_time_repository import PiccoloOneTimeTokens
from service.features.accounts.ports import Users
from service.features.accounts.reauthentication import Reauthentication
from service.features.accounts.throttling import LoginThrottle
from service.features.accounts.use_cases import Kit
from service.features.departures.purging import UserPurges
from service.features.departures.repository import PiccoloDepartures
from service.features.departures.use_cases import AccountRemovals, AccountRestorations
from service.features.tasks.unassigning import Unassigning
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What the handlers of accounts have injected."""
    departures = PiccoloDepartures(ports.database)
    users = provided["users", Users]  # type: ignore[type-abstract]
    kit = Kit(ports.database, users, ports.outbox, ports.clock, ports.ids)
    return {
        "removals": AccountRemovals(
            kit,
            departures,
            PiccoloOneTimeTokens(ports.database),
            provided["login_throttle", LoginThrottle],
            provided["reauthentication", Reauthentication],
            provided["unassigning", Unassigning],
        ),
        "restorations": AccountRestorations(kit, departures),
    }


def jobs(ports: Ports, _provided: Provided) -> Sequence[Job]:
    """What the worker does for accounts that were deleted."""
    departures = PiccoloDepartures(ports.database)
    purges = UserPurges(ports.database, departures, ports.outbox, ports.clock, ports.ids, ports.settings.deleted_kept)
    return (Job("purge_users", timedelta(days=1), purges.run),)


FEATURE = Feature("departures", (), provide, jobs)
