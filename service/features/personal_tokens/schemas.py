"""Personal access tokens on the wire."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from service.features.personal_tokens.domain import NewPersonalToken, PersonalToken
from service.kernel.actor import Scope
from service.kernel.text import Instant, one_line

PersonalTokenResponse = PersonalToken
NewPersonalTokenResponse = NewPersonalToken

_PROJECTS = "Only these projects, that you belong to; such a token never acts as an instance admin. Absent: all that you see."


class PersonalTokenCreate(Struct, forbid_unknown_fields=True):
    """The token to make, and the password, again: a stolen session must not outlive itself."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="What it is for.", extra={"check": one_line})]
    scopes: Annotated[
        list[Scope],
        Meta(min_length=1, max_length=50, description="What it may do; without `admin` an admin's token sees what others see."),
    ]
    expires_at: Instant
    password: Annotated[str, Meta(max_length=512, description="The account's password.")] | None = None
    project_ids: Annotated[list[UUID], Meta(min_length=1, max_length=100, description=_PROJECTS)] | None = None
