"""A real mail server on the loopback, in a thread of its own, that keeps what it is sent."""

from __future__ import annotations

import re
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """What came, in its order, and how the next mail is answered."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"
        # Called before a mail is kept; False: it is not.
        self.on_mail: Callable[[], bool] = lambda: True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://127.0.0.1:{self.port}"

    def addresses(self) -> list[str]:
        """Whom each mail went to."""
        return [str(mail["To"]) for mail in self.mails]

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name and arguments)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        if self.on_mail() and self.answer.startswith("2"):
            self.mails.append(message_from_bytes(envelope.content, EmailMessage, policy=SMTPUTF8))
        return self.answer


class _Listening(Controller):
    def _trigger_server(self) -> None:
        # aiosmtpd 1.4 connects to the port it was told, and 0 is none.
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_server(server: MailServer | None = None, **options: Any) -> Iterator[MailServer]:
    """A server that runs; given one that ran before, it comes back on its old port."""
    server = server or MailServer()
    controller = _Listening(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text


def token_in(mail: EmailMessage) -> str:
    """The token of the link in a mail, the same in both of its forms."""
    html = mail.get_body(("html",))
    assert html is not None
    found = {token for text in (text_of(mail), html.get_content()) for token in re.findall(r"\?token=([\w-]+)", text)}
    (token,) = found
    return str(token)
