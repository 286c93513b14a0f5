"""Identifiers that sort by time."""

import uuid
from itertools import pairwise

from service.adapters.ids import UuidIds
from service.kernel.ports import Ids


def test_an_id_is_a_plain_uuid_of_version_7() -> None:
    made = UuidIds().new()
    assert type(made) is uuid.UUID
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_ids_of_one_process_only_grow() -> None:
    ids = UuidIds()
    made = [ids.new() for _ in range(20_000)]
    assert all(earlier < later for earlier, later in pairwise(made))


def test_ids_fill_their_port() -> None:
    assert isinstance(UuidIds(), Ids)
