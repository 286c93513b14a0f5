"""What operators and monitors are told."""

from msgspec import Struct


class Health(Struct):
    """That the service runs, and which version."""

    status: str
    version: str


class Readiness(Struct):
    """Whether requests should be sent here, and what is missing if not."""

    status: str
    database: bool
    migrations: bool
    draining: bool


class Limits(Struct):
    """The bounds that a client meets."""

    body_bytes: int
    nesting: int
    page_size: int
    offset: int


class Info(Struct):
    """What this instance is and allows."""

    version: str
    api: str
    registration: str
    password_min_length: int
    limits: Limits


class ProblemDescription(Struct):
    """What a problem type means."""

    code: str
    title: str
    status: int
    description: str
