"""Settings from the environment: what is understood, and what stops a start with one line each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.settings import InvalidSettings, Settings, load_settings


def problems(**environ: str) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(environ)
    return str(caught.value).splitlines()


def test_nothing_has_to_be_set() -> None:
    assert load_settings({"HOME": "/home/ann", "PATH": "/bin"}) == Settings()


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings({"WORKLANE_PORT": "", "DATABASE_URL": ""}) == Settings()


def test_values_are_read_as_their_types() -> None:
    settings = load_settings(
        {
            "WORKLANE_PORT": "9000",
            "WORKLANE_DATA_DIR": "/var/lib/worklane",
            "WORKLANE_ALLOWED_HOSTS": "a.example, b.example:8443,",
            "WORKLANE_DATABASE__ACQUIRE_TIMEOUT": "250ms",
            "WORKLANE_SESSIONS__LIFETIME": "12h",
            "WORKLANE_PASSWORDS__QUEUE_SECONDS": "1.5",
            "DATABASE_URL": "postgresql://ann@db.example:5432/work",
        }
    )
    assert (settings.port, settings.data_dir) == (9000, Path("/var/lib/worklane"))
    assert settings.allowed_hosts == ("a.example", "b.example:8443")
    assert settings.database.acquire_timeout == timedelta(milliseconds=250)
    assert settings.sessions.lifetime == timedelta(hours=12)
    assert settings.passwords.queue_seconds == 1.5
    assert settings.database.url == "postgresql://ann@db.example:5432/work"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert problems(WORKLANE_COLOUR="red", WORKLANE_PORT="abc", WORKLANE_WORKERS="0", WORKLANE_SESSIONS__LIFETIME="soon") == [
        "WORKLANE_COLOUR is no setting of Worklane; .env.example lists them all.",
        "WORKLANE_PORT=abc: expected a whole number.",
        "WORKLANE_WORKERS=0: expected a whole number >= 1.",
        "WORKLANE_SESSIONS__LIFETIME=soon: expected a duration such as 500ms, 5s, 10m, 12h or 30d.",
    ]


def test_the_port_that_kubernetes_sets_is_explained() -> None:
    (line,) = problems(WORKLANE_PORT="tcp://10.0.0.1:8000")
    assert "enableServiceLinks: false" in line


@pytest.mark.parametrize("url", ["mysql://ann:secret@db/work", "ann:secret@db", "postgresql://ann:secret@db:x/work"])
def test_a_database_that_is_no_postgresql_is_refused_without_showing_its_password(url: str) -> None:
    (line,) = problems(DATABASE_URL=url)
    assert line.startswith("DATABASE_URL: ")
    assert "secret" not in line


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://ann@db/work\n", encoding="utf-8")
    assert load_settings({"DATABASE_URL_FILE": str(file)}).database.url == "postgresql://ann@db/work"


def test_a_secret_said_twice_or_in_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problems(DATABASE_URL="postgresql://db/work", DATABASE_URL_FILE="/x") == [
        "DATABASE_URL and DATABASE_URL_FILE are both set: keep one."
    ]
    (line,) = problems(DATABASE_URL_FILE=str(tmp_path / "none"))
    assert line == f"DATABASE_URL_FILE: can't read {tmp_path / 'none'}: No such file or directory."


def test_what_is_deleted_is_kept_for_a_day_at_least() -> None:
    assert load_settings({}).deleted_kept == timedelta(days=30)
    assert load_settings({"WORKLANE_DELETED_KEPT": "24h"}).deleted_kept == timedelta(days=1)
    assert problems(WORKLANE_DELETED_KEPT="23h") == ["WORKLANE_DELETED_KEPT=23h: expected a day or more, such as 30d."]
    assert problems(WORKLANE_DELETED_KEPT="never") == [
        "WORKLANE_DELETED_KEPT=never: expected a duration such as 500ms, 5s, 10m, 12h or 30d."
    ]


@pytest.mark.parametrize(
    ("host", "public_url", "base_url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8000"),
        ("::1", None, "http://[::1]:8000"),
        ("0.0.0.0", "https://work.example/", "https://work.example"),
    ],
)
def test_links_lead_to_the_public_address(host: str, public_url: str | None, base_url: str) -> None:
    assert Settings(host=host, public_url=public_url).base_url == base_url
