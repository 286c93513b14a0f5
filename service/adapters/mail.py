"""Mail: through the SMTP server of the settings, or each one a file that only its owner may read."""

from __future__ import annotations

import asyncio
import os
import secrets
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import make_msgid, parseaddr
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog
from email_validator import validate_email

from service.kernel.errors import Unavailable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from service.kernel.mail import Mail, Mailer
    from service.kernel.ports import Clock
    from service.settings import Settings

log = structlog.get_logger("mail")

# For each step of the talk with a server, connecting included, and for all of it.
_STEP_SECONDS = 8.0
_SEND_SECONDS = 15.0
# RFC 6409 §3.1 and RFC 8314 §3.3: where a server takes mail from programs.
_SUBMISSION_PORT = 587
_TLS_PORT = 465


class MailNotTaken(Unavailable):
    """The mail server can't be reached, or refuses."""


def mailer(settings: Settings, clock: Clock) -> Mailer:
    """What the settings say that mail goes by."""
    if settings.smtp_url is None:
        return FileMailer(settings.data_dir / "mail", settings.mail_sender, clock)
    return SmtpMailer(settings.smtp_url, settings.mail_sender, clock)


class SmtpMailer:
    """Fills mail.Mailer with an SMTP server."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        """`url` is `smtp://user:password@host:port`, where STARTTLS is used if the server offers it, or `smtps://…`."""
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (_TLS_PORT if self._tls else _SUBMISSION_PORT)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """See mail.Mailer."""
        message = _message(mail, self._sender, self._clock.now())
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await aiosmtplib.send(
                    message,
                    hostname=self._host,
                    port=self._port,
                    username=self._user,
                    password=self._password,
                    use_tls=self._tls,
                    # Without it the machine's name is looked up, which may take long and tells it to others.
                    local_hostname=_domain(self._sender),
                    timeout=_STEP_SECONDS,
                )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailNotTaken(f"The mail server {self._host}:{self._port} {_why(error)}.") from error
        log.info("mail_sent", kind=mail.kind)


class FileMailer:
    """Fills mail.Mailer with a folder."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """See mail.Mailer."""
        now = self._clock.now()
        path = self._folder / f"{now:%Y%m%dT%H%M%S}-{mail.kind}-{secrets.token_hex(4)}.eml"
        octets = _message(mail, self._sender, now).as_bytes(policy=SMTPUTF8)
        try:
            await asyncio.to_thread(_write, path, octets)
        except OSError as error:
            raise MailNotTaken(f"{self._folder} takes no mail: {error.strerror}.") from error
        log.info("mail_written", file=str(path))


def _message(mail: Mail, sender: str, now: datetime) -> EmailMessage:
    """The mail as RFC 5322 wants it; this policy refuses a line break in any header."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = mail.subject
    message["From"] = sender
    message["To"] = _deliverable(mail.to)
    message["Date"] = now
    message["Message-ID"] = make_msgid(domain=_domain(sender))
    # RFC 3834 §5: no out-of-office replies, please.
    message["Auto-Submitted"] = "auto-generated"
    # 7bit or 8bit: the other encodings break links in two, which matters to who reads the file.
    message.set_content(mail.text, cte=_encoding(mail.text))
    message.add_alternative(mail.html, subtype="html", cte=_encoding(mail.html))
    return message


def _encoding(text: str) -> str:
    return "7bit" if text.isascii() else "8bit"


def _deliverable(address: str) -> Address:
    """The address with its domain in ASCII, which servers without SMTPUTF8 (RFC 6531) take too."""
    found = validate_email(address, check_deliverability=False, test_environment=True)
    return Address(username=found.local_part, domain=found.ascii_domain)


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


def _why(error: Exception) -> str:
    """In words of ours: a server's may hold the address."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return f"refuses the address with code {error.recipients[0].code}"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"answers code {error.code}"
    if isinstance(error, TimeoutError):
        return "doesn't answer in time"
    return f"can't be used ({type(error).__name__})"


def _write(path: Path, octets: bytes) -> None:
    """Write the whole file or none: its name appears when it is complete."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
