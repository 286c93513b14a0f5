"""Logins on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

from service.features.accounts.schemas import Email
from service.features.sessions.domain import Tokens

TokensResponse = Tokens

Password = Annotated[str, Meta(min_length=1, max_length=512, description="The account's password.")]


class Login(Struct, forbid_unknown_fields=True):
    """Who wants in; `device_token` is what an earlier login on this device answered."""

    email: Email
    password: Password
    device_token: Annotated[str, Meta(max_length=200)] | None = None
