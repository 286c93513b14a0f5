"""The one failure of the embedded PostgreSQL."""

from __future__ import annotations


class EmbeddedPostgresFailed(Exception):
    """The embedded PostgreSQL can't be used; the message is one line that says why and what to do."""
