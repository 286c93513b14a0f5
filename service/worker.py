"""The worker: what the service does without being asked, deliveries of events and the features' periodic jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from service.adapters.database.listen import NotificationHub
from service.adapters.logs import configure_logs
from service.adapters.outbox.relay import Relay
from service.adapters.outbox.statements import CHANNEL
from service.composition import compose
from service.features import FEATURES
from service.kernel.errors import Unavailable
from service.wiring import Provided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.adapters.outbox.relay import Handler
    from service.settings import Settings
    from service.wiring import Job, Ports

log = structlog.get_logger("worker")

# A database that is away is tried again so often, whatever the job's own pace.
_RETRY_SECONDS = 5.0


async def run(settings: Settings) -> None:
    """Deliver events as they come and do every job at its pace until cancelled; a missing database is waited for."""
    configure_logs(settings.log_level)
    ports = compose(settings)
    relay, jobs = work(ports)
    hub = NotificationHub(settings.database)
    hub.listen(CHANNEL, relay.wake)
    await ports.database.open()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(hub.run())
            for job in jobs:
                group.create_task(_repeat(job))
    finally:
        await ports.database.close()
        ports.passwords.close()


def work(ports: Ports) -> tuple[Relay, Sequence[Job]]:
    """The relay to the subscribers of all features, and the jobs of all features."""
    provided = Provided()
    handlers: dict[str, Handler] = {}
    jobs: list[Job] = []
    for feature in FEATURES:
        provided.update(feature.provide(ports, provided))
        handlers |= {name: each.handler(ports, provided) for name, each in feature.subscriptions.items()}
        jobs += feature.jobs(ports, provided)
    return Relay(ports.database, ports.clock, handlers), jobs


async def _repeat(job: Job) -> None:
    while True:
        seconds = job.every.total_seconds()
        try:
            await job.run()
        except Unavailable as refusal:
            log.warning("job_postponed", job=job.name, reason=refusal.detail)
            seconds = min(seconds, _RETRY_SECONDS)
        except Exception as error:
            log.exception("job_failed", job=job.name, exc_info=error)
        await asyncio.sleep(seconds)
