"""Rotating the signing keys: what the file holds afterwards, and how running processes take notice."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import structlog

from service.adapters import key_ring
from service.adapters.key_file import create_key_file, rotate_key_file
from service.adapters.key_ring import FollowedKeyRing, InvalidKeys, KeyRing
from service.adapters.tokens import LEEWAY, AccessTokens, InvalidToken
from tests.support.forgery import ED, HS, ISSUER, LIFETIME, NOW, SESSION, USER, write_ring

if TYPE_CHECKING:
    from pathlib import Path

LIVE = LIFETIME + LEEWAY
SECOND = timedelta(seconds=1)


class Timer:
    """The monotonic clock of a process, moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_key_file(tmp_path / "keys.json")
    return tmp_path / "keys.json"


def stored(path: Path) -> list[dict[str, Any]]:
    keys = json.loads(path.read_text(encoding="utf-8"))["keys"]
    assert isinstance(keys, list)
    return keys


def instance(path: Path) -> AccessTokens:
    """A process that serves with this file."""
    return AccessTokens(FollowedKeyRing(path), ISSUER, LIFETIME)


def test_a_new_key_signs_and_the_old_one_verifies_for_as_long_as_its_tokens_live(path: Path) -> None:
    (before,) = stored(path)
    kid = rotate_key_file(path, NOW, LIVE)
    old, new = stored(path)
    assert (old["kid"], old["secret"]) == (before["kid"], before["secret"])
    assert datetime.fromisoformat(old["sign_until"]) == NOW
    assert datetime.fromisoformat(old["verify_until"]) == NOW + LIVE
    assert new.keys() == {"kid", "algorithm", "secret"}
    assert (new["kid"], new["algorithm"]) == (kid, "HS256")
    assert new["secret"] != old["secret"]
    assert KeyRing.load(path).signing_key(NOW).kid == kid


def test_a_second_rotation_leaves_the_ends_of_before_and_drops_what_is_over(path: Path) -> None:
    first = stored(path)[0]["kid"]
    second = rotate_key_file(path, NOW, LIVE)
    third = rotate_key_file(path, NOW + SECOND, LIVE)
    ends = {key["kid"]: key.get("verify_until") for key in stored(path)}
    assert {kid: end and datetime.fromisoformat(end) for kid, end in ends.items()} == {
        first: NOW + LIVE,
        second: NOW + SECOND + LIVE,
        third: None,
    }
    rotate_key_file(path, NOW + LIVE, LIVE)
    assert [key["kid"] for key in stored(path)[:-1]] == [second, third]


@pytest.mark.parametrize(("algorithm", "expected"), [(None, "EdDSA"), ("HS256", "HS256")])
def test_a_new_key_is_like_the_newest_one_unless_asked_otherwise(tmp_path: Path, algorithm: Any, expected: str) -> None:
    path = tmp_path / "keys.json"
    write_ring(path, HS, ED)
    rotate_key_file(path, NOW, LIVE, algorithm)
    assert stored(path)[-1]["algorithm"] == expected
    assert isinstance(KeyRing.load(path), KeyRing)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_the_new_file_may_be_read_by_whom_the_old_one_was(path: Path, mode: int) -> None:
    path.chmod(mode)
    rotate_key_file(path, NOW, LIVE)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(path.parent.iterdir()) == [path]


def test_the_owner_of_the_file_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    before = path.stat()
    seen = os.stat_result((before.st_mode, before.st_ino, before.st_dev, 1, 12345, 23456, before.st_size, 0, 0, 0))
    stat_of = type(path).stat
    monkeypatch.setattr(type(path), "stat", lambda self, **_: seen if self == path else stat_of(self))
    monkeypatch.setattr(os, "chown", lambda _path, user, group: given.append((user, group)))
    rotate_key_file(path, NOW, LIVE)
    assert given == [(12345, 23456)]


def test_a_link_to_the_file_stays_a_link(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    rotate_key_file(link, NOW, LIVE)
    assert link.is_symlink()
    assert len(stored(path)) == 2


@pytest.mark.parametrize("text", [None, "{", '{"keys": []}'])
def test_a_file_that_is_no_ring_is_left_as_it_is(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "keys.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    with pytest.raises(InvalidKeys, match=r"^.*keys\.json: .*\.$"):
        rotate_key_file(path, NOW, LIVE)
    assert (path.read_text(encoding="utf-8") if path.exists() else None) == text


def test_a_crash_before_the_rename_leaves_the_old_ring(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", crash)
    with pytest.raises(InvalidKeys, match="can't be written: No space left on device"):
        rotate_key_file(path, NOW, LIVE)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_rotations_at_once_keep_both_keys(path: Path) -> None:
    kids: list[str] = []
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    threads = [threading.Thread(target=lambda: kids.append(rotate_key_file(path, NOW, LIVE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert len(stored(path)) == 1
    os.close(folder)
    for thread in threads:
        thread.join()
    assert {key["kid"] for key in stored(path)[1:]} == set(kids)
    assert len(kids) == 4


def test_a_running_process_signs_with_the_new_key_at_once(path: Path) -> None:
    tokens = instance(path)
    old = tokens.issue(USER, SESSION, NOW)
    rotate_key_file(path, NOW, LIVE)
    new = tokens.issue(USER, SESSION, NOW)
    assert KeyRing.load(path).find(kid_of(new)) is not None
    assert kid_of(new) != kid_of(old)
    for token in (old, new):
        assert tokens.verify(token, NOW).session_id == SESSION


def kid_of(token: str) -> str:
    kid = jwt.get_unverified_header(token)["kid"]
    assert isinstance(kid, str)
    return kid


def test_a_process_that_has_not_looked_yet_verifies_tokens_of_the_new_key(path: Path) -> None:
    one, other = instance(path), instance(path)
    rotate_key_file(path, NOW, LIVE)
    token = one.issue(USER, SESSION, NOW)
    assert other.verify(token, NOW).user_id == USER


def test_a_token_signed_with_the_old_key_a_moment_after_the_rotation_is_good(tmp_path: Path, path: Path) -> None:
    late = AccessTokens(KeyRing.load(path), ISSUER, LIFETIME)
    tokens = instance(path)
    rotate_key_file(path, NOW, LIVE)
    tokens.issue(USER, SESSION, NOW)
    token = late.issue(USER, SESSION, NOW + SECOND)
    assert tokens.verify(token, NOW + SECOND).user_id == USER
    assert tokens.verify(token, NOW + LIVE - SECOND).user_id == USER


def test_a_file_is_read_once_however_often_an_unknown_key_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FollowedKeyRing(path)
    reads: list[Path] = []
    read = key_ring.read_file

    def counted(file: Path) -> key_ring.StoredRing:
        reads.append(file)
        return read(file)

    monkeypatch.setattr(key_ring, "read_file", counted)
    for _ in range(100):
        assert ring.find("nobody's") is None
    assert reads == []
    rotate_key_file(path, NOW, LIVE)
    reads.clear()
    for _ in range(100):
        assert ring.find("nobody's") is None
    assert reads == [path]


def test_a_known_key_is_looked_after_once_a_second(path: Path) -> None:
    timer = Timer()
    ring = FollowedKeyRing(path, timer)
    kid = stored(path)[0]["kid"]
    key = ring.find(kid)
    rotate_key_file(path, NOW, LIVE)
    timer.seconds = 0.9
    assert ring.find(kid) is key
    timer.seconds = 1.0
    retired = ring.find(kid)
    assert retired is not None
    assert retired.verify_until == NOW + LIVE


def test_a_remembered_token_ends_with_its_key(path: Path) -> None:
    timer = Timer()
    tokens = AccessTokens(FollowedKeyRing(path, timer), ISSUER, LIFETIME)
    token = tokens.issue(USER, SESSION, NOW)
    tokens.verify(token, NOW)
    # An operator who takes a key away means it.
    rotate_key_file(path, NOW, timedelta(0))
    rotate_key_file(path, NOW, timedelta(0))
    timer.seconds = 1.0
    with pytest.raises(InvalidToken):
        tokens.verify(token, NOW)


@pytest.mark.parametrize("change", ["broken", "open", "gone"])
def test_a_file_that_can_t_be_used_leaves_the_ring_as_it_is_and_is_told_once(path: Path, change: str) -> None:
    ring = FollowedKeyRing(path)
    kid, whole = stored(path)[0]["kid"], path.read_bytes()
    if change == "broken":
        path.write_text("{", encoding="utf-8")
    elif change == "open":
        path.write_bytes(whole + b" ")
        path.chmod(0o644)
    else:
        path.unlink()
    with structlog.testing.capture_logs() as told:
        for _ in range(3):
            assert ring.signing_key(NOW).kid == kid
            assert ring.refresh_keys() == KeyRing([ring.signing_key(NOW)]).refresh_keys()
    assert [(entry["event"], entry["log_level"]) for entry in told] == [("keys_not_reloaded", "warning")]
    assert str(path) in told[0]["reason"]
    write_ring(path, HS)
    assert ring.signing_key(NOW).kid == "hs"


def test_what_is_told_of_a_rotation_names_keys_and_no_secret(path: Path) -> None:
    ring = FollowedKeyRing(path)
    kid = rotate_key_file(path, NOW, LIVE)
    with structlog.testing.capture_logs() as told:
        ring.signing_key(NOW)
    assert [entry["kids"][0] for entry in told] == [kid]
    assert not any(key["secret"] in str(told) for key in stored(path))


def test_refresh_keys_are_derived_and_the_newest_stands_first(tmp_path: Path) -> None:
    ring = write_ring(tmp_path / "keys.json", HS, ED)
    newest, older = ring.refresh_keys()
    assert newest == write_ring(tmp_path / "ed.json", ED).refresh_keys()[0]
    assert older == write_ring(tmp_path / "hs.json", HS).refresh_keys()[0]
    hs = ring.find("hs")
    assert hs is not None
    assert older != hs.signing


def test_a_process_derives_with_a_key_that_came_a_moment_ago(path: Path) -> None:
    one, other = instance(path), instance(path)
    before = one.refresh_keys()
    rotate_key_file(path, NOW, LIVE)
    assert one.refresh_keys()[1:] == before
    assert other.refresh_keys() == one.refresh_keys()
