"""What a mail is, and the port that sends it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from msgspec import Struct


class Mail(Struct, frozen=True):
    """A mail to one address; `kind` is a word of ours for logs and file names, which must not tell more."""

    to: str
    subject: str
    text: str
    html: str
    kind: str


@runtime_checkable
class Mailer(Protocol):
    """Sends mail; slow, so never inside a unit of work and never in a request."""

    async def send(self, mail: Mail) -> None:
        """Hand it over to whoever delivers it.

        Raises:
            Unavailable: nobody took it.
            ValueError: the address is none, or a line break is where none may be.
        """
        ...
