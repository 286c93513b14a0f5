"""`worklane doctor`: the checklist of a deployment, held against settings and running system, with what to do for each line."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.adapters.database.examination import Finding, examine_database
from service.adapters.embedded_postgres import EmbeddedPostgresFailed
from service.adapters.key_ring import InvalidKeys, KeyRing
from service.provisioning import database_provisioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.settings import Settings

_SECONDS = 3.0
_GIB = 1024**3
# PostgreSQL's default max_wal_size: with less free, a burst of writes can stop the server.
_LEAST_FREE = _GIB
_WANTED_FREE = 5 * _GIB


def examine(settings: Settings) -> list[Finding]:
    """Everything the checklist asks, in the order in which a deployment is built; nothing is changed."""
    return [
        _keys(settings),
        Finding("ok", "debug", "there is no debug mode"),
        _cors(settings),
        _tls(settings),
        _proxies(settings),
        _processes(settings),
        *_database(settings),
        _health(settings),
        _logging(settings),
        _rate_limits(settings),
        _mail(settings),
        _disk(settings),
    ]


def _keys(settings: Settings) -> Finding:
    what, path = "signing keys", settings.key_ring
    if not path.exists() and settings.keys_file is None:
        if settings.database.url is None:
            return Finding("ok", what, "made in the data folder at the first start")
        return Finding("fail", what, "there are none: run `worklane keys create PATH`, and set WORKLANE_KEYS_FILE to it")
    try:
        # Also refuses secrets under 32 bytes, and a file that others may read.
        KeyRing.load(path)
    except InvalidKeys as error:
        return Finding("fail", what, str(error).rstrip("."))
    return Finding("ok", what, f"{path} is strong enough, and nobody else may read it; keep a copy elsewhere")


def _cors(settings: Settings) -> Finding:
    if not settings.cors_origins:
        return Finding("ok", "CORS", "off: pages of other origins are refused")
    open_ones = [origin for origin in settings.cors_origins if not origin.startswith("https://") and not _local(origin)]
    if open_ones:
        told = f"{', '.join(open_ones)}: whoever is on the way can change such a page; name its https origin"
        return Finding("warn", "CORS", told)
    return Finding("ok", "CORS", f"only for {', '.join(settings.cors_origins)}")


def _local(origin: str) -> bool:
    return _loopback(urlsplit(origin).hostname)


def _tls(settings: Settings) -> Finding:
    what = "TLS"
    address = urlsplit(settings.base_url)
    if address.scheme == "https":
        return Finding("ok", what, f"clients use {settings.base_url}; the proxy there must pass the Host header on")
    if _loopback(settings.host) and _loopback(address.hostname):
        return Finding("ok", what, "not needed: only this machine reaches the service")
    if settings.public_url is None:
        return Finding("fail", what, "set WORKLANE_PUBLIC_URL to the https address of the proxy that stands before the service")
    if _loopback(address.hostname):
        return Finding("warn", what, f"{settings.public_url} is for this machine only: set the https address of your proxy")
    return Finding("fail", what, f"passwords cross the network in clear: put a proxy with TLS before {settings.public_url}")


def _proxies(settings: Settings) -> Finding:
    what = "proxies"
    if everyone := [network for network in settings.trusted_proxies if network.endswith("/0")]:
        told = f"{', '.join(everyone)} lets every caller say who he is: name your proxies in WORKLANE_TRUSTED_PROXIES"
        return Finding("fail", what, told)
    if settings.trusted_proxies:
        return Finding("ok", what, f"X-Forwarded-For is believed from {', '.join(settings.trusted_proxies)}")
    address = urlsplit(settings.base_url)
    # The service itself speaks no TLS, so something stands before it, whose address all clients then seem to share.
    if address.scheme == "https" and not _loopback(address.hostname):
        told = "all clients count as one, for limits and in the audit: set WORKLANE_TRUSTED_PROXIES to your proxy's address"
        return Finding("fail", what, told)
    return Finding("ok", what, "none: the address of a client is that of its connection")


def _loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _processes(settings: Settings) -> Finding:
    cores = os.cpu_count() or 1
    if settings.workers > cores:
        return Finding("warn", "processes", f"{settings.workers} on {cores} cores: set WORKLANE_WORKERS to {cores} at most")
    return Finding("ok", "processes", f"{settings.workers} on {cores} cores")


def _database(settings: Settings) -> list[Finding]:
    if settings.database.url is None and not (settings.data_dir / "postgres").exists():
        return [Finding("ok", "database", "`serve` makes one in the data folder at the first start")]
    try:
        with database_provisioned(settings) as provision:
            return asyncio.run(examine_database(provision.settings.database, settings.workers, settings.trusted_proxies))
    except EmbeddedPostgresFailed as error:
        return [Finding("fail", "database", str(error).rstrip("."))]


def _health(settings: Settings) -> Finding:
    what = "health"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  (compared, not bound)
    connection = http.client.HTTPConnection(host, settings.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/api/v1/health/ready")
        answer = connection.getresponse()
        body = answer.read(1000).decode(errors="replace")
    except ConnectionRefusedError:
        return Finding("ok", what, f"nothing listens on port {settings.port}: the service isn't running here now")
    except (OSError, http.client.HTTPException) as error:
        return Finding("fail", what, f"port {settings.port} doesn't answer ({error}): restart what listens there")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return Finding("fail", what, f"/health/ready says {answer.status} {body}: see the database lines, and the log")
    return Finding("ok", what, f"port {settings.port} is ready")


def _logging(settings: Settings) -> Finding:
    if settings.log_level == "debug":
        return Finding("warn", "logging", "at debug: set WORKLANE_LOG_LEVEL=info outside of development")
    return Finding("ok", "logging", f"JSON lines on standard output, from {settings.log_level} on: have them collected")


def _rate_limits(settings: Settings) -> Finding:
    if settings.rate_limits == "off":
        return Finding("fail", "rate limits", "off: remove WORKLANE_RATE_LIMITS=off")
    limits = settings.limits
    told = f"{limits.per_address} logins a minute from one address, {limits.overall} from everyone"
    return Finding("ok", "rate limits", told)


def _mail(settings: Settings) -> Finding:
    what = "mail"
    if settings.smtp_url is None:
        return Finding(
            "warn", what, f"each mail is a file in {settings.data_dir / 'mail'}: set WORKLANE_SMTP_URL to have them sent"
        )
    address = urlsplit(settings.smtp_url)
    # RFC 6409 §3.1 and RFC 8314 §3.3.
    place = (address.hostname or "", address.port or (465 if address.scheme == "smtps" else 587))
    try:
        socket.create_connection(place, _SECONDS).close()
    except OSError as error:
        return Finding("fail", what, f"{place[0]}:{place[1]} can't be reached ({error}): correct WORKLANE_SMTP_URL")
    return Finding("ok", what, f"{place[0]}:{place[1]} takes connections")


def _disk(settings: Settings) -> Finding:
    folder = next(place for place in _upwards(settings) if place.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / _GIB:.1f} GiB free where the data folder is"
    if not os.access(folder, os.W_OK):
        return Finding("fail", "disk", f"this account may not write {folder}: give it the folder, or set WORKLANE_DATA_DIR")
    if free < _LEAST_FREE:
        return Finding("fail", "disk", f"{told}: make room, at least 5 GiB")
    return Finding("warn" if free < _WANTED_FREE else "ok", "disk", told + (": make room" if free < _WANTED_FREE else ""))


def _upwards(settings: Settings) -> Iterator[Path]:
    folder = settings.data_dir.resolve()
    yield folder
    yield from folder.parents
