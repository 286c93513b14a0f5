"""What operators and monitors are told."""

from typing import Literal

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
    password_min_length: int


class Features(Struct):
    """What this instance is set to."""

    registration: Literal["open", "conceal", "closed"]
    email_verification: Literal["optional", "required"]


class Info(Struct):
    """What this instance is and allows."""

    version: str
    api: str
    limits: Limits
    features: Features


class ProblemDescription(Struct):
    """What a problem type means."""

    code: str
    title: str
    status: int
    description: str
