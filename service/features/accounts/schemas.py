"""Accounts on the wire."""

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.accounts.addresses import email_problem
from service.features.accounts.domain import PublicUser, Role, User
from service.kernel.text import one_line, searchable

# What owners and admins may know of an account is what the domain's User holds, and likewise for others.
UserResponse = User
PublicUserResponse = PublicUser


# Reading the time zone database walks a folder of some 600 files.
@cache
def _time_zones() -> frozenset[str]:
    # What this machine calls its own is no zone that PostgreSQL, or anybody else, knows.
    return frozenset(available_timezones() - {"localtime"})


def _zone_problem(name: str) -> str | None:
    return None if name in _time_zones() else "This is no IANA time zone name, such as Europe/Berlin or UTC."


Email = Annotated[str, Meta(max_length=254, description="An e-mail address.", extra={"check": email_problem})]
FullName = Annotated[str, Meta(min_length=1, max_length=200, description="A line of text.", extra={"check": one_line})]
# The shortest that any setting allows; the rules know the instance's own, and count after Unicode's NFC step.
NewPassword = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=512,
        description="Any text of at least 8 characters (or more, see /info) and at most 128; no common password.",
        extra={"check": searchable},
    ),
]
TimeZone = Annotated[str, Meta(max_length=64, description="An IANA time zone name.", extra={"check": _zone_problem})]
Locale = Annotated[
    str,
    Meta(
        pattern="^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$",
        description="A BCP 47 language tag of language, script and region: en, pt-BR, zh-Hant-TW.",
        # A pattern's $ also matches before a line break at the end.
        extra={"check": one_line},
    ),
]
OneTimeToken = Annotated[str, Meta(min_length=1, max_length=200, description="What the link carries as `token`.")]


class Registration(Struct, forbid_unknown_fields=True):
    """An account to make."""

    email: Email
    password: NewPassword
    full_name: FullName | None = None


class UserPatch(Struct, forbid_unknown_fields=True):
    """What to change of your profile; what is absent stays."""

    full_name: FullName | UnsetType | None = UNSET
    timezone: TimeZone | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET


class UserInvitation(Struct, forbid_unknown_fields=True):
    """An account to make for somebody else."""

    email: Email
    role: Role
    full_name: FullName | None = None


class RoleChange(Struct, forbid_unknown_fields=True):
    """What somebody shall be on the instance."""

    role: Role


class PasswordConfirmation(Struct, forbid_unknown_fields=True):
    """A one-time token and the password that it sets."""

    token: OneTimeToken
    new_password: NewPassword


class EmailConfirmation(Struct, forbid_unknown_fields=True):
    """The one-time token of a verification mail."""

    token: OneTimeToken


class VerificationWish(Struct, forbid_unknown_fields=True):
    """The address that should get another verification mail."""

    email: Email


class Confirmation(Struct, forbid_unknown_fields=True):
    """The password, again, for what a stolen session must not do."""

    password: Annotated[str, Meta(max_length=512, description="The account's password.")] | None = None


class PasswordResetWish(Struct, forbid_unknown_fields=True):
    """The address whose account should get another password."""

    email: Email


class PasswordChange(Struct, forbid_unknown_fields=True):
    """The present password, and the one to set."""

    new_password: NewPassword
    current_password: Annotated[str, Meta(max_length=512, description="The account's present password.")] | None = None
    revoke_tokens: Annotated[bool, Meta(description="Whether your personal access tokens end too; they stay otherwise.")] = False


class EmailChange(Struct, forbid_unknown_fields=True):
    """The address that the account should get, and the password, again."""

    new_email: Email
    password: Annotated[str, Meta(max_length=512, description="The account's password.")] | None = None


class EmailChangeConfirmation(Struct, forbid_unknown_fields=True):
    """The one-time token of a mail to the new address."""

    token: OneTimeToken


class Message(Struct):
    """What was done, in words."""

    message: str
