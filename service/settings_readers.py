"""How the text of a setting becomes its value: durations, addresses, origins, lists."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, NewType, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

SmtpUrl = NewType("SmtpUrl", str)
Sender = NewType("Sender", str)
Origin = NewType("Origin", str)
Network = NewType("Network", str)
Retention = NewType("Retention", timedelta)

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", text)
    if match is None:
        message = "expected a duration such as 500ms, 5s, 10m, 12h or 30d"
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _retention(text: str) -> Retention:
    kept = _duration(text)
    if kept < timedelta(days=1):
        # Answers to requests with an Idempotency-Key are kept for so long, and may show what was deleted.
        message = "expected a day or more, such as 30d"
        raise ValueError(message)
    return Retention(kept)


def _smtp_url(text: str) -> SmtpUrl:
    expected = "expected smtp://user:password@host:port or smtps://…, with %XX for characters that have a meaning in addresses"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
    except ValueError as error:
        # It may quote the password.
        raise ValueError(expected) from error
    if not usable or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(expected)
    return SmtpUrl(text)


def _sender(text: str) -> Sender:
    expected = "expected one address, such as Worklane <worklane@example.org>"
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = text
    except (ValueError, IndexError) as error:
        # IndexError is what CPython 3.11 makes of `a@`.
        raise ValueError(expected) from error
    header = message["From"]
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise ValueError(expected)
    return Sender(text)


# What a browser leaves out of the Origin header (RFC 6454 §6.1).
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(text: str) -> Origin:
    """The origin as browsers send it: in lower case, without a default port."""
    if text == "*":
        message = "`*` would let every page in: list exact origins, such as https://app.example.org"
        raise ValueError(message)
    expected = f"expected scheme://host or scheme://host:port and nothing behind it, such as https://app.example.org, not {text}"
    match = re.fullmatch(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", text.lower())
    port = int(match[3] or 0) if match else 0
    if match is None or port > 65535 or (match[3] and not port):
        raise ValueError(expected)
    shown = f":{port}" if port and port != _DEFAULT_PORTS.get(match[1]) else ""
    return Origin(f"{match[1]}://{match[2]}{shown}")


def _origins(text: str) -> tuple[Origin, ...]:
    return tuple(_origin(part.strip()) for part in text.split(",") if part.strip())


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


def _network(text: str) -> Network:
    """The network in its usual form; a single address is one too."""
    try:
        return Network(str(ip_network(text)))
    except ValueError as error:
        message = f"expected addresses or networks such as 10.0.0.5, 10.0.0.0/8 or fd00::/8, not {text}"
        raise ValueError(message) from error


_READERS = {
    Retention: _retention,
    SmtpUrl | None: _smtp_url,
    Sender | None: _sender,
    tuple[Origin, ...]: _origins,
    tuple[Network, ...]: _networks,
}


def _postgres_url(text: str) -> str:
    parts = urlsplit(text)
    # Asked for here, since a port that is no number is only noticed when it is read.
    if parts.scheme not in ("postgresql", "postgres") or parts.port == 0:
        message = "expected postgresql://user:password@host:port/name"
        raise ValueError(message)
    return text


def parse(text: str, type_: Any, path: tuple[str, ...] = ()) -> Any:
    """The value of `text` as `type_`; lists are comma separated.

    Raises:
        ValueError: the text is not of that type (msgspec's ValidationError is one).
    """
    if get_origin(type_) is Annotated and get_args(type_)[0] is timedelta:
        type_ = timedelta
    if type_ is timedelta:
        return _duration(text)
    if type_ in _READERS:
        return _READERS[type_](text)
    if path == ("database", "url"):
        return _postgres_url(text)
    if type_ in (Path, Path | None):
        return Path(text).expanduser()
    if get_origin(type_) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return msgspec.convert(text, type_, strict=False)
