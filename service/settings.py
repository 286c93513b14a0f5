"""Every setting of the service: one frozen Struct per topic, and how the environment fills them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from service.kernel.retention import DELETED_KEPT
from service.settings_readers import Network, Origin, Retention, Sender, SmtpUrl, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "SECRETS",
    "Database",
    "InvalidSettings",
    "Limits",
    "Network",
    "Origin",
    "Passwords",
    "Sender",
    "Sessions",
    "Settings",
    "SmtpUrl",
    "load_settings",
    "variables",
]

PREFIX = "WORKLANE_"
# The one name that is not ours: every platform hands a database over under it.
DATABASE_URL = "DATABASE_URL"

Port = Annotated[int, Meta(ge=1, le=65535)]


class InvalidSettings(Exception):
    """The environment holds settings that can't be used; the message has one line per setting."""


class Database(Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach PostgreSQL, and how long to wait for it."""

    url: str | None = None
    "PostgreSQL to use, `postgresql://user:password@host:port/name`. Without it `serve` runs one of its own in the data folder."
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 6
    "Connections per server process; more than 4 to 10 on two cores only costs."
    acquire_timeout: timedelta = timedelta(seconds=1)
    "How long a request waits for a free connection before it is answered 503."
    statement_timeout: timedelta = timedelta(seconds=5)
    "PostgreSQL ends a statement that runs longer."
    lock_timeout: timedelta = timedelta(seconds=2)
    "PostgreSQL ends a statement that waits longer for a lock."
    statement_cache_size: Annotated[int, Meta(ge=0)] = 1024
    "Prepared statements kept per connection; 0 behind pgbouncer in transaction mode."


class Passwords(Struct, frozen=True, forbid_unknown_fields=True):
    """What a password must be, and what its hash costs."""

    min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    "Shortest password accepted, in code points. NIST SP 800-63B-4 asks 15 where the password is the only factor."
    memory_kib: Annotated[int, Meta(ge=7168)] = 19456
    "Argon2id memory per hash, in KiB (OWASP: 19 MiB with two passes)."
    iterations: Annotated[int, Meta(ge=1, le=20)] = 2
    "Argon2id passes over that memory."
    queue_seconds: Annotated[float, Meta(gt=0, le=30)] = 3.0
    "Hashing work that may wait before a login is answered 503, in seconds."


class Sessions(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a login lasts."""

    access_token_lifetime: timedelta = timedelta(minutes=10)
    "Lifetime of an access token."
    idle_lifetime: timedelta = timedelta(days=14)
    "A session that is not refreshed for this long ends."
    lifetime: timedelta = timedelta(days=30)
    "A session ends after this long, however much it is used."


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How often what needs no token may be asked for, such as logins; refreshing has ten times as much."""

    per_address: Annotated[int, Meta(ge=1)] = 30
    "Requests per minute to each route that needs no token and does more than read, from one address (IPv6: from one /64)."
    overall: Annotated[int, Meta(ge=1)] = 600
    "The same from everyone together; 600 logins are 12 s of hashing in one process."


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything an operator can set."""

    host: str = "127.0.0.1"
    "Address that `serve` listens on."
    port: Port = 8000
    "Port that `serve` listens on."
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    "Server processes; one per core."
    data_dir: Path = Path(".worklane")
    "Folder for the embedded PostgreSQL, its signing keys, and mail that no server takes."
    public_url: str | None = None
    "Address that clients use, for links in mails. Without it: `http://HOST:PORT`."
    allowed_hosts: tuple[str, ...] = ()
    "Further values of the Host header that are answered, comma separated; loopback names and the host of PUBLIC_URL always are."
    cors_origins: tuple[Origin, ...] = ()
    "Origins whose pages may call from a browser (CORS), comma separated, such as `https://app.example.org`; by default none may."
    trusted_proxies: tuple[Network, ...] = ()
    "Networks of your own proxies, comma separated, such as `10.0.0.5,fd00::/8`: only they are believed in X-Forwarded-For."
    keys_file: Path | None = None
    "Signing key ring made by `worklane keys create`. Made in the data folder where the database is embedded, required otherwise."
    smtp_url: SmtpUrl | None = None
    "Mail server, `smtp://user:password@host:587` or `smtps://…:465`. Without it mails are files in the data folder's `mail/`."
    mail_from: Sender | None = None
    "Sender of mails, `Name <address>`. Without it: `Worklane <worklane@HOST>` with the host of PUBLIC_URL."
    registration: Literal["open", "conceal", "closed"] = "open"
    "`conceal`: nobody is told whether an address has an account, a mail says the rest; `closed`: only an admin creates accounts."
    email_verification: Literal["optional", "required"] = "optional"
    "`required`: nobody logs in before opening the link of the verification mail, as with `conceal`."
    deleted_kept: Retention = Retention(DELETED_KEPT)
    "How long deleted projects, tasks, comments and accounts can be restored; then they are purged. At least 1d."
    rate_limits: Literal["on", "off"] = "on"
    "`off` for tests and benchmarks."
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    "Least severe message that is logged."
    database: Database = field(default_factory=Database)
    "See Database."
    passwords: Passwords = field(default_factory=Passwords)
    "See Passwords."
    sessions: Sessions = field(default_factory=Sessions)
    "See Sessions."
    limits: Limits = field(default_factory=Limits)
    "See Limits."

    @property
    def key_ring(self) -> Path:
        """Where the signing keys are."""
        return self.keys_file or self.data_dir / "keys.json"

    @property
    def base_url(self) -> str:
        """Where clients reach this service; never taken from a request."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def mail_sender(self) -> str:
        """Whom mails come from."""
        if self.mail_from is not None:
            return self.mail_from
        host = urlsplit(self.base_url).hostname or self.host
        # RFC 5321 §4.1.3: how an address literal of IPv6 is written.
        return f"Worklane <worklane@[IPv6:{host}]>" if ":" in host else f"Worklane <worklane@{host}>"


def variables(struct: type[Struct] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Each setting as (name of its variable, path of fields, type)."""
    for name, type_ in get_type_hints(struct, include_extras=True).items():
        if isinstance(type_, type) and issubclass(type_, Struct):
            yield from variables(type_, (*path, name))
        elif (*path, name) == ("database", "url"):
            yield DATABASE_URL, (*path, name), type_
        else:
            yield PREFIX + "__".join((*path, name)).upper(), (*path, name), type_


# Only these hold secrets, so only these can come from a file that a secret store mounts.
SECRETS = (DATABASE_URL, "WORKLANE_SMTP_URL")


def _read(name: str, environ: Mapping[str, str], problems: list[str]) -> str | None:
    text = environ.get(name)
    file = environ.get(name + "_FILE") if name in SECRETS else None
    if file is None:
        return text or None
    if text:
        problems.append(f"{name} and {name}_FILE are both set: keep one.")
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        problems.append(f"{name}_FILE: can't read {file}: {error.strerror}.")
        return None


def _in_words(said: str) -> str:
    words = {"Expected": "expected", "`int`": "a whole number", "`float`": "a number"}
    said = said.partition(", got")[0]
    for theirs, ours in words.items():
        said = said.replace(theirs, ours)
    return said


def _hint(name: str, text: str) -> str:
    if name == "WORKLANE_PORT" and text.startswith("tcp://"):
        return " Kubernetes sets this beside a Service named worklane: set enableServiceLinks: false in the pod."
    return ""


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ` asks for; an empty variable counts as absent.

    Raises:
        InvalidSettings: unknown variables or unusable values, all of them at once.
    """
    known = {name: (path, type_) for name, path, type_ in variables()}
    accepted = {*known, *(name + "_FILE" for name in SECRETS)}
    problems = [
        f"{name} is no setting of Worklane; .env.example lists them all."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in accepted
    ]
    values: dict[str, Any] = {}
    for name, (path, type_) in known.items():
        text = _read(name, environ, problems)
        if text is None:
            continue
        try:
            value = parse(text, type_, path)
        except ValueError as error:
            shown = "" if name in SECRETS else f"={text}"
            problems.append(f"{name}{shown}: {_in_words(str(error))}.{_hint(name, text)}")
            continue
        topic = values
        for part in path[:-1]:
            topic = topic.setdefault(part, {})
        topic[path[-1]] = value
    if problems:
        raise InvalidSettings("\n".join(problems))
    return msgspec.convert(values, Settings)
