"""Conditional requests (RFC 9110 §13): the ETag of every single resource, 304, If-Match, and `Prefer: merge` (RFC 7240).

A tag is `"<version>.<digest of the body>"`. If-None-Match compares the whole, since a body also shows what belongs to other
resources or to the hour; If-Match looks at the version alone.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from service.kernel.errors import Malformed
from service.kernel.preconditions import UNKNOWN, UNVERSIONED, Precondition

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAG = r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_TAGS = re.compile(rf"[ \t,]*+{_TAG}(?:[ \t]*+,[ \t,]*+{_TAG})*+[ \t,]*+")
_EACH_TAG = re.compile(_TAG)
# Past PostgreSQL's integer there is no version.
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(?:\..*)?")
_QUOTED = re.compile(r'"[^"]*"?')


def entity_tag(version: int, body: bytes) -> bytes:
    """The ETag of a body; 64 bits of SHA-256 take 1 µs where BLAKE2 takes 1.3 (measured, 900 bytes)."""
    return b'"%d.%s"' % (version, sha256(body).hexdigest()[:16].encode())


def tag_of(content: object, body: bytes) -> bytes | None:
    """The ETag of an answer; what has an id is a single resource."""
    if not hasattr(content, "id"):
        return None
    return entity_tag(getattr(content, "version", UNVERSIONED), body)


def is_known(raw_headers: Iterable[tuple[bytes, bytes]], tag: bytes) -> bool:
    """Whether If-None-Match names the tag; weakly, as RFC 9110 §13.1.2 has it. What can't be read is not there."""
    sent = _joined(raw_headers, b"if-none-match")
    if sent is None:
        return False
    return sent.strip() == "*" or (bool(_TAGS.fullmatch(sent)) and tag.decode()[1:-1] in _EACH_TAG.findall(sent))


def precondition_of(raw_headers: Iterable[tuple[bytes, bytes]]) -> Precondition:
    """What If-Match and Prefer say.

    Weak tags count like strong ones here: proxies weaken a tag when they compress, and the version in it stays exact.

    Raises:
        Malformed: If-Match is neither `*` nor a list of quoted tags.
    """
    sent = _joined(raw_headers, b"if-match")
    merge = "merge" in _preferences(_joined(raw_headers, b"prefer") or "")
    if sent is None:
        return Precondition(merge=merge)
    if sent.strip() == "*":
        return Precondition(is_given=True, merge=merge)
    if not _TAGS.fullmatch(sent):
        raise Malformed('If-Match takes * or ETags in their double quotes, such as "3.5d41402abc4b2a76"; take them as they come.')
    return Precondition(frozenset(map(_version, _EACH_TAG.findall(sent))), is_given=True, merge=merge)


def _version(opaque: str) -> int:
    match = _VERSION.fullmatch(opaque)
    return int(match[1]) if match else UNKNOWN


def _preferences(sent: str) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in _QUOTED.sub("", sent).split(",")}


def _joined(raw_headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    # Several lines of one name are one list (RFC 9110 §5.3).
    lines = [value.decode("latin-1") for name, value in raw_headers if name == wanted]
    return ", ".join(lines) if lines else None
