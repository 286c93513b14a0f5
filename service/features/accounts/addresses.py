"""E-mail addresses: which are accepted, how one is kept, and when two are one mailbox."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from service.kernel.errors import FieldError, Invalid

if TYPE_CHECKING:
    from service.kernel.ports import Vault


class UnusableEmail(Invalid):
    """The text is no e-mail address that mail could be sent to."""

    def __init__(self, reason: str) -> None:
        super().__init__(FieldError("body", "/email", "wrong_format", reason))
        # Of one field the reason says more than "see errors", on the command line above all.
        self.detail = reason
        self.args = (reason,)


def canonical_email(text: str) -> tuple[str, str]:
    """An address as it is kept and mailed to, and as it is compared; nothing else decides whether two are the same.

    The compared form is NFKC and lower-cased before the @ (so that a full-width letter or the Kelvin sign makes no second
    account) and IDNA 2008 after it. PostgreSQL's lower(), ILIKE and citext differ from Python on `İ`, so none of them is asked.

    Raises:
        UnusableEmail: no mail could be sent there.
    """
    address = _parse(text)
    local = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address.local_part).lower())
    canonical = f"{local}@{address.ascii_domain}"
    if not address.local_part.isascii():
        # Some letters turn into spaces, quotes or another @.
        _parse(canonical)
    return address.normalized, canonical


def address_digest(vault: Vault, canonical: str) -> bytes:
    """What stands for an address wherever it must not be readable; the same everywhere, so that one finds all rows about it."""
    return vault.digest("login throttle", canonical)


def email_problem(text: str) -> str | None:
    """What is wrong with an address."""
    try:
        canonical_email(text)
    except UnusableEmail as refusal:
        return refusal.detail
    return None


def _parse(text: str) -> ValidatedEmail:
    try:
        # The test environment is what lets *.test in (RFC 6761 §6.2), which people use to try a service out.
        address = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise UnusableEmail(str(error)) from error
    if "." not in address.ascii_domain:
        raise UnusableEmail("The part after the @-sign is not valid. It should have a period.")
    return address
