"""Mail through a real SMTP server and as files: what arrives, what is refused, and what the log tells."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.adapters import mail as module
from service.adapters.mail import FileMailer, MailNotTaken, SmtpMailer, mailer
from service.kernel.mail import Mail
from service.settings import Settings, SmtpUrl
from tests.support.fakes import FakeClock
from tests.support.log_lines import logged
from tests.support.smtp import MailServer, mail_server, text_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.anyio

SENDER = "Worklane <worklane@example.org>"
LETTER = Mail("ann@example.com", "A subject", f"Open {'x' * 100}\n", "<p>Open</p>\n", "some-kind")


def a_mail(**changes: str) -> Mail:
    return Mail(
        **{"to": LETTER.to, "subject": LETTER.subject, "text": LETTER.text, "html": LETTER.html, "kind": LETTER.kind} | changes
    )


def written(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def smtp(server: MailServer, url: str | None = None) -> SmtpMailer:
    return SmtpMailer(url or server.url, SENDER, FakeClock())


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def tls(folder: Path) -> tuple[Path, ssl.SSLContext]:
    public, private = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


async def test_a_mail_arrives_with_both_its_forms() -> None:
    with mail_server() as server, logged() as logs:
        await smtp(server).send(LETTER)
    (mail,) = server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("ann@example.com", SENDER, "A subject")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert text_of(mail).splitlines() == LETTER.text.splitlines()
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert [(line["event"], line["kind"]) for line in logs] == [("mail_sent", "some-kind")]
    assert "ann" not in str(logs)


async def test_letters_beyond_ascii_and_domains_of_other_scripts_arrive() -> None:
    letter = a_mail(to="ann@bücher.example", subject="Grüße", text="Grüße aus Köln\n")
    with mail_server(enable_SMTPUTF8=False) as server:
        await smtp(server).send(letter)
    (mail,) = server.mails
    assert (mail["To"], mail["Subject"]) == ("ann@xn--bcher-kva.example", "Grüße")
    assert text_of(mail).strip() == "Grüße aus Köln"


async def test_a_mailbox_of_another_script_gets_its_mail_where_the_server_can() -> None:
    with mail_server() as server:
        await smtp(server).send(a_mail(to="jörg@example.com"))
    assert server.addresses() == ["jörg@example.com"]
    with mail_server(enable_SMTPUTF8=False) as old, pytest.raises(MailNotTaken, match="SMTPNotSupported"):
        await smtp(old).send(a_mail(to="jörg@example.com"))


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ann@example.com\r\nBcc: eve@example.com"},
        {"to": "ann@example.com, eve@example.com"},
        {"to": "Ann <ann@example.com>"},
        {"to": ""},
        {"subject": "Hello\r\nBcc: eve@example.com"},
        {"subject": "Hello\nBcc: eve@example.com"},
    ],
)
async def test_no_header_can_be_slipped_in(changes: dict[str, str], tmp_path: Path) -> None:
    with mail_server() as server:
        for each in (smtp(server), FileMailer(tmp_path, SENDER, FakeClock())):
            with pytest.raises(ValueError, match=r"."):
                await each.send(a_mail(**changes))
    assert server.mails == []
    assert written(tmp_path) == []


async def test_the_url_s_user_and_password_are_shown_to_the_server() -> None:
    shown: list[Any] = []

    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: LoginPassword) -> AuthResult:
        shown.append((data.login, data.password))
        return AuthResult(success=True)

    with mail_server(authenticator=authenticate, auth_require_tls=False) as server:
        await smtp(server, f"smtp://a%40b:p%2Fw@127.0.0.1:{server.port}").send(LETTER)
    assert shown == [(b"a@b", b"p/w")]
    assert len(server.mails) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_connection_is_encrypted_when_the_server_can(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    options: dict[str, Any] = (
        {"ssl_context": context} if scheme == "smtps" else {"tls_context": context, "require_starttls": True}
    )
    with mail_server(**options) as server:
        await smtp(server, f"{scheme}://127.0.0.1:{server.port}").send(LETTER)
    assert len(server.mails) == 1


async def test_a_server_that_proves_nothing_gets_no_mail(tmp_path: Path) -> None:
    _, context = tls(tmp_path)
    with mail_server(tls_context=context) as server, pytest.raises(MailNotTaken) as caught:
        await smtp(server).send(LETTER)
    assert str(server.port) in caught.value.detail
    assert server.mails == []


@pytest.mark.parametrize(
    ("which", "answer", "told"),
    [
        ("recipient_answer", "550 5.1.1 <ann@example.com> unknown", "refuses the address with code 550"),
        ("answer", "452 4.2.2 mailbox of ann@example.com is full", "answers code 452"),
    ],
)
async def test_a_refusal_is_told_by_its_code_and_never_by_the_server_s_words(which: str, answer: str, told: str) -> None:
    with mail_server() as server:
        setattr(server, which, answer)
        with pytest.raises(MailNotTaken) as caught:
            await smtp(server).send(LETTER)
    assert told in caught.value.detail
    assert "ann" not in caught.value.detail


async def test_a_missing_server_is_told_by_name() -> None:
    with mail_server() as server:
        gone = smtp(server)
    with pytest.raises(MailNotTaken, match=rf"127\.0\.0\.1:{server.port} can't be used \(SMTPConnectError\)"):
        await gone.send(LETTER)


async def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STEP_SECONDS", 0.05)
    ended = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(MailNotTaken, match="doesn't answer in time"):
            await SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER, FakeClock()).send(LETTER)
        await ended.wait()


async def test_without_a_server_a_mail_is_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    with logged() as logs:
        await FileMailer(tmp_path / "mail", SENDER, FakeClock()).send(a_mail(to="jörg@bücher.example"))
    (path,) = written(tmp_path / "mail")
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8)
    assert mail["To"] == "jörg@xn--bcher-kva.example"
    # Whoever reads the file finds a link in one piece.
    assert LETTER.text.strip() in path.read_text(encoding="utf-8")
    assert logs == [{"event": "mail_written", "log_level": "info", "file": str(path)}]
    assert "bücher" not in path.name


async def test_mails_of_the_same_instant_are_files_apart(tmp_path: Path) -> None:
    each = FileMailer(tmp_path, SENDER, FakeClock())
    for _ in range(3):
        await each.send(LETTER)
    assert len(written(tmp_path)) == 3


async def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("no folder", encoding="utf-8")
    with pytest.raises(MailNotTaken, match="takes no mail"):
        await FileMailer(tmp_path / "mail", SENDER, FakeClock()).send(LETTER)


async def test_the_settings_say_which_of_the_two_it_is(tmp_path: Path) -> None:
    assert isinstance(mailer(Settings(data_dir=tmp_path), FakeClock()), FileMailer)
    with mail_server() as server:
        await mailer(Settings(smtp_url=SmtpUrl(server.url), public_url="https://track.example.org/"), FakeClock()).send(LETTER)
    assert server.mails[0]["From"] == "Worklane <worklane@track.example.org>"
