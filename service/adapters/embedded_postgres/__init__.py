"""A real PostgreSQL that `worklane serve` runs for itself in the data folder: `start`, `stop`, `describe`."""

from service.adapters.embedded_postgres.cluster import Server, describe, running, start, stop
from service.adapters.embedded_postgres.failure import EmbeddedPostgresFailed

__all__ = ["EmbeddedPostgresFailed", "Server", "describe", "running", "start", "stop"]
