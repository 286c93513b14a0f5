"""The key file: made once and for its owner only, and what is refused in one line."""

from __future__ import annotations

import base64
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.adapters.key_file import create_key_file
from service.adapters.key_ring import Algorithm, InvalidKeys, KeyRing

if TYPE_CHECKING:
    from pathlib import Path

LONG = base64.urlsafe_b64encode(b"k" * 32).decode()
SHORT = base64.urlsafe_b64encode(b"k" * 31).decode()
HS = {"kid": "a", "algorithm": "HS256", "secret": LONG}
NOW, SECOND = datetime(2026, 11, 21, 12, 0, tzinfo=UTC), timedelta(seconds=1)
ED = {"kid": "b", "algorithm": "EdDSA", "private": LONG}


def write(path: Path, content: Any) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(0o600)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidKeys) as refused:
        KeyRing.load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert LONG not in message
    return message


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_a_new_file_loads_and_is_its_owner_s_alone(tmp_path: Path, algorithm: Algorithm) -> None:
    path = tmp_path / "new" / "keys.json"
    create_key_file(path, algorithm)
    (key,) = json.loads(path.read_text())["keys"]
    found = KeyRing.load(path).find(key["kid"])
    assert found is not None
    assert found.algorithm == algorithm
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_open_umask_does_not_open_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_file(tmp_path / "keys.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_two_new_files_have_different_keys(tmp_path: Path) -> None:
    create_key_file(tmp_path / "a")
    create_key_file(tmp_path / "b")
    first, second = (json.loads((tmp_path / name).read_text())["keys"][0] for name in "ab")
    assert first["secret"] != second["secret"]
    assert first["kid"] != second["kid"]


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", {"keys": [HS]})
    with pytest.raises(InvalidKeys, match="already"):
        create_key_file(path)
    assert json.loads(path.read_text()) == {"keys": [HS]}
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_takes_no_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    with pytest.raises(InvalidKeys, match="can't be written"):
        create_key_file(tmp_path / "file" / "keys.json")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    assert "worklane keys create" in refusal(tmp_path / "keys.json")


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o777])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "keys.json", {"keys": [HS]})
    path.chmod(mode)
    assert "chmod 600" in refusal(path)


def test_a_file_that_its_group_may_read_is_accepted(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", {"keys": [HS]})
    path.chmod(0o440)
    assert KeyRing.load(path).find("a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no key ring"),
        (b"not JSON", "no key ring"),
        (b"\xff", "no key ring"),
        (b'{"keys": [' + b" " * 70_000 + b"]}", "no key ring"),
        ([], "no key ring"),
        ({}, "no key ring"),
        ({"keys": []}, "without sign_until"),
        ({"keys": [HS], "more": 1}, "unknown field"),
        ({"keys": [{**HS, "kid": "../a"}]}, "kid"),
        ({"keys": [{**HS, "algorithm": "none"}]}, "algorithm"),
        ({"keys": [{**HS, "algorithm": "RS256"}]}, "algorithm"),
        ({"keys": [{**HS, "secret": SHORT}]}, "key a: `secret` has 31 bytes, 32 is the least"),
        ({"keys": [{**HS, "secret": ""}]}, "key a: `secret` has 0 bytes, 32 is the least"),
        ({"keys": [{**HS, "secret": "é"}]}, "not base64url"),
        ({"keys": [{**HS, "secret": "!" * 50 + LONG}]}, "not base64url"),
        ({"keys": [{"kid": "a", "algorithm": "HS256"}]}, "takes `secret`"),
        ({"keys": [{**HS, "private": LONG}]}, "takes `secret` and nothing else"),
        ({"keys": [{**ED, "secret": LONG}]}, "takes `private` and nothing else"),
        ({"keys": [{**ED, "private": SHORT}]}, "31 bytes"),
        ({"keys": [{**ED, "private": base64.urlsafe_b64encode(b"k" * 33).decode()}]}, "32 bytes, not 33"),
        ({"keys": [HS, HS]}, "share a kid"),
        ({"keys": [{**HS, "sign_until": "2030-01-01T00:00:00Z"}]}, "without sign_until"),
        ({"keys": [{**HS, "sign_until": "2030-01-01T00:00:00"}]}, "no key ring"),
    ],
)
def test_a_ring_that_can_t_be_used_is_refused_in_one_line(tmp_path: Path, content: Any, said: str) -> None:
    assert said in refusal(write(tmp_path / "keys.json", content))


def test_public_keys_are_those_that_verify_still(tmp_path: Path) -> None:
    ended = {**ED, "kid": "ended", "sign_until": NOW.isoformat(), "verify_until": (NOW + SECOND).isoformat()}
    ring = KeyRing.load(write(tmp_path / "keys.json", {"keys": [HS, ended, ED]}))
    newest, older = ring.public_keys(NOW)
    assert (newest[0], older[0]) == ("b", "ended")
    assert newest[1] == older[1] == Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes_raw()
    assert ring.public_keys(NOW + SECOND) == [newest]


def test_secret_keys_are_never_public(tmp_path: Path) -> None:
    assert KeyRing.load(write(tmp_path / "keys.json", {"keys": [HS]})).public_keys(NOW) == []
