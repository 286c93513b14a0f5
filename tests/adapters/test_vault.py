"""What is sealed is opened only where it belongs, whichever keys the ring holds by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from service.adapters.key_file import create_key_file, rotate_key_file
from service.adapters.key_ring import FollowedKeyRing, InvalidKeys, KeyRing, StoredStorageKey, read_file
from service.adapters.vault import CantOpen, Vault

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "totp_seeds:1:seed"
SECRET = b"a seed of twenty octets"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    create_key_file(path)
    return path


def add_storage_key(path: Path) -> None:
    """What an operator does who wants new values sealed with another key."""
    ring = read_file(path)
    ring.storage_keys.append(StoredStorageKey(kid="second", secret="c" * 43))
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(ring))
    draft.replace(path)


def test_a_sealed_secret_is_opened_again(path: Path) -> None:
    vault = Vault(KeyRing.load(path))

    sealed = vault.seal(SECRET, PLACE)

    assert SECRET not in sealed
    assert vault.open(sealed, PLACE) == SECRET
    assert vault.seal(SECRET, PLACE) != sealed


def test_a_sealed_secret_is_not_opened_for_another_place(path: Path) -> None:
    vault = Vault(KeyRing.load(path))

    with pytest.raises(CantOpen, match="another place"):
        vault.open(vault.seal(SECRET, PLACE), "totp_seeds:2:seed")


def test_an_altered_or_cut_one_is_not_opened(path: Path) -> None:
    vault = Vault(KeyRing.load(path))
    sealed = vault.seal(SECRET, PLACE)
    kid, _, _ = sealed.partition(b".")

    for wrong in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), kid + b".", kid + b".short"):
        with pytest.raises(CantOpen):
            vault.open(wrong, PLACE)


def test_another_rings_is_not_opened(path: Path, tmp_path: Path) -> None:
    create_key_file(tmp_path / "other.json")

    with pytest.raises(CantOpen, match="not in the key ring"):
        Vault(KeyRing.load(tmp_path / "other.json")).open(Vault(KeyRing.load(path)).seal(SECRET, PLACE), PLACE)


def test_a_rotation_of_the_signing_keys_leaves_what_is_sealed_and_digested_alone(path: Path) -> None:
    before = Vault(KeyRing.load(path))
    sealed, digest = before.seal(SECRET, PLACE), before.digest("address", "a@example.com")

    rotate_key_file(path, datetime.now(UTC), timedelta(minutes=10))

    after = Vault(KeyRing.load(path))
    assert after.open(sealed, PLACE) == SECRET
    assert after.digest("address", "a@example.com") == digest


def test_a_running_process_opens_what_another_sealed_with_a_key_that_came_a_moment_ago(path: Path) -> None:
    running = Vault(FollowedKeyRing(path))
    digest = running.digest("address", "a@example.com")
    add_storage_key(path)
    other = Vault(KeyRing.load(path))

    sealed = other.seal(SECRET, PLACE)

    assert sealed.startswith(b"second.")
    assert running.open(sealed, PLACE) == SECRET
    assert other.digest("address", "a@example.com") == digest


def test_digests_differ_by_purpose_and_by_value(path: Path) -> None:
    vault = Vault(KeyRing.load(path))

    found = {vault.digest(purpose, value) for purpose in ("a", "b") for value in ("x", "y")}

    assert len(found) == 4
    assert {len(digest) for digest in found} == {32}


def test_a_ring_of_before_there_were_storage_keys_is_refused_with_what_to_do(path: Path) -> None:
    ring = read_file(path)
    ring.storage_keys.clear()
    path.write_bytes(msgspec.json.encode(ring))

    with pytest.raises(InvalidKeys, match="worklane keys rotate"):
        Vault(KeyRing.load(path))

    rotate_key_file(path, datetime.now(UTC), timedelta(minutes=10))
    Vault(KeyRing.load(path))


def test_two_storage_keys_of_one_name_are_refused(path: Path) -> None:
    ring = read_file(path)
    ring.storage_keys *= 2
    path.write_bytes(msgspec.json.encode(ring))

    with pytest.raises(InvalidKeys, match="two storage keys share a kid"):
        KeyRing.load(path)
