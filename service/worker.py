"""The worker: what the service does without being asked, the features' periodic jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from service.adapters.logs import configure_logs
from service.composition import compose
from service.features import FEATURES
from service.kernel.errors import Unavailable
from service.wiring import Provided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.settings import Settings
    from service.wiring import Job, Ports

log = structlog.get_logger("worker")

# A database that is away is tried again so often, whatever the job's own pace.
_RETRY_SECONDS = 5.0


async def run(settings: Settings) -> None:
    """Do every job at its pace until cancelled; a missing database is waited for."""
    configure_logs(settings.log_level)
    ports = compose(settings)
    await ports.database.open()
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs(ports):
                group.create_task(_repeat(job))
    finally:
        await ports.database.close()
        ports.passwords.close()


def jobs(ports: Ports) -> Sequence[Job]:
    """The jobs of all features."""
    provided = Provided()
    found: list[Job] = []
    for feature in FEATURES:
        provided.update(feature.provide(ports, provided))
        found += feature.jobs(ports, provided)
    return found


async def _repeat(job: Job) -> None:
    while True:
        seconds = job.every.total_seconds()
        try:
            await job.run()
        except Unavailable as refusal:
            log.warning("job_postponed", job=job.name, reason=refusal.detail)
            seconds = min(seconds, _RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001  (one job's fault must not stop the others)
            log.error("job_failed", job=job.name, exc_info=error)
        await asyncio.sleep(seconds)
