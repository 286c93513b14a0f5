"""Bodies that must be refused, as a table: what is sent, and what the refusal says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.raw import HOST, JSON

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Row:
    """A request and its refusal; `{project}` and `{task}` stand for ids of what is there."""

    name: str
    method: str
    path: str
    status: int
    code: str
    # Pointer and code of each error; empty where the refusal has none.
    errors: dict[str, str] = field(default_factory=dict)
    body: bytes | Sequence[bytes] = b""
    headers: Sequence[tuple[bytes, bytes]] = (HOST, JSON)
    signed_in: bool = True


MALFORMED = "malformed_request"
INVALID = "validation_failed"
MEDIA_TYPE = "unsupported_media_type"
TOO_LARGE = "payload_too_large"
MIB = 1024 * 1024
JSON_PATCH = (b"content-type", b"application/json-patch+json")


def task(members: str) -> bytes:
    """A body for POST /tasks with `members` beside what is required."""
    return f'{{"project_id":"{{project}}","title":"A task",{members}}}'.encode()


def unreadable(name: str, body: bytes) -> Row:
    """Bytes that are refused before anybody asks who sends them."""
    return Row(name, "POST", "/tasks", 400, MALFORMED, body=body, signed_in=False)


def invalid(name: str, members: str, errors: dict[str, str]) -> Row:
    """A task that is JSON, but not acceptable."""
    return Row(name, "POST", "/tasks", 422, INVALID, errors, task(members))


def typed(name: str, content_type: bytes) -> Row:
    """A good body under a name that it must not have."""
    return Row(
        name, "POST", "/tasks", 415, MEDIA_TYPE, body=task('"priority":1'), headers=(HOST, (b"content-type", content_type))
    )


def encoded(name: str, encoding: bytes) -> Row:
    """A body that is compressed, or said to be."""
    return Row(
        name, "POST", "/tasks", 415, MEDIA_TYPE, body=b"\x1f\x8b\x08\x00", headers=(HOST, JSON, (b"content-encoding", encoding))
    )


def large(name: str, body: bytes | Sequence[bytes], length: bytes | None = None, *, signed_in: bool = True) -> Row:
    """A body that is too long, with or without a word on its length."""
    said = ((b"content-length", length),) if length else ()
    return Row(name, "POST", "/tasks", 413, TOO_LARGE, body=body, headers=(HOST, JSON, *said), signed_in=signed_in)


UNREADABLE = [
    unreadable("empty", b""),
    unreadable("blank", b" \n"),
    unreadable("cut in a string", b'{"title":"x'),
    unreadable("cut in an object", b'{"title":"x"'),
    unreadable("no JSON", b"title=x"),
    unreadable("two values", b"{} {}"),
    unreadable("garbage after the value", b'{"title":"x"}]'),
    unreadable("a comma too many", b'{"title":"x",}'),
    unreadable("single quotes", b"{'title':'x'}"),
    unreadable("a comment", b'{"title":"x"} // y'),
    unreadable("NaN", b'{"priority":NaN}'),
    unreadable("Infinity", b'{"priority":-Infinity}'),
    unreadable("a leading zero", b'{"priority":01}'),
    unreadable("a raw NUL", b'{"title":"\x00"}'),
    unreadable("a raw line break in a string", b'{"title":"a\nb"}'),
    unreadable("an unknown escape", rb'{"title":"\x41"}'),
    unreadable("a lone high surrogate", rb'{"title":"\ud800"}'),
    unreadable("a lone low surrogate", rb'{"title":"\udc00"}'),
    unreadable("a high surrogate before a letter", rb'{"title":"\ud800\u0041"}'),
    unreadable("a lone surrogate in a name", rb'{"\ud800":1}'),
    unreadable("a lone surrogate in an unknown field", rb'{"x":"\ud83d"}'),
    unreadable("an encoded surrogate", b'{"title":"\xed\xa0\x80"}'),
    unreadable("a byte that is no UTF-8", b'{"title":"\xff"}'),
    unreadable("a cut UTF-8 sequence", b'{"title":"\xe2\x82"}'),
    unreadable("an overlong UTF-8 sequence", b'{"title":"\xc0\xaf"}'),
    unreadable("bad UTF-8 in a name", b'{"\xff":1}'),
    unreadable("bad UTF-8 behind a wrong type", b'{"title":1,"x":"\xff"}'),
    unreadable("broken JSON behind a wrong type", b'{"title":1,"x":'),
    unreadable("a byte order mark", b'\xef\xbb\xbf{"title":"x"}'),
    unreadable("UTF-16", '{"title":"x"}'.encode("utf-16")),
    unreadable("arrays, 40 deep", b"[" * 40 + b"]" * 40),
    unreadable("objects, 40 deep", b'{"a":' * 40 + b"1" + b"}" * 40),
    unreadable("arrays, 2 000 deep", b"[" * 2000 + b"]" * 2000),
    unreadable("objects, 2 000 deep", b'{"title":' * 2000 + b"1" + b"}" * 2000),
    unreadable("2 000 deep in an unknown field", b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    unreadable("2 000 brackets that nobody closes", b"[" * 2000),
    unreadable("33 deep behind brackets in a string", b'{"title":"]]]]]]]]]]]]]]]","x":' + b"[" * 32 + b"]" * 32 + b"}"),
    unreadable("deep beside a string that never ends", b"[" * 33 + b'"' + rb"\"" * 500_000),
]

# Readable, but of another form: whoever sends it is asked for a token first.
OTHER_VALUES = [
    Row(name, "POST", "/tasks", 422, INVALID, {"": "wrong_type"}, body)
    for name, body in (
        ("an array", b"[]"),
        ("an array of objects", b'[{"title":"x"}]'),
        ("a string", b'"x"'),
        ("a number", b"1"),
        ("a huge number", b"1" + b"0" * 30),
        ("true", b"true"),
        ("null", b"null"),
        ("32 deep", b"[" * 32 + b"]" * 32),
    )
]

FIELDS = [
    Row("nothing given", "POST", "/tasks", 422, INVALID, {"/project_id": "missing", "/title": "missing"}, b"{}"),
    Row(
        "several things wrong at once",
        "POST",
        "/tasks",
        422,
        INVALID,
        {"/titel": "unknown", "/a~1b~0c": "unknown", "/title": "missing", "/project_id": "wrong_type", "/priority": "too_large"},
        b'{"project_id":1,"titel":"x","priority":9,"a/b~c":null}',
    ),
    Row(
        "wrong types throughout",
        "POST",
        "/tasks",
        422,
        INVALID,
        dict.fromkeys(
            (
                "/project_id",
                "/title",
                "/description",
                "/status",
                "/is_completed",
                "/priority",
                "/due_date",
                "/assignee_id",
                "/parent_id",
            ),
            "wrong_type",
        ),
        b'{"project_id":[],"title":1,"description":{},"status":1,"is_completed":"true","priority":"3","due_date":0,'
        b'"assignee_id":true,"parent_id":1.5}',
    ),
    invalid("an unknown field with an empty name", '"":1', {"/": "unknown"}),
    invalid("an id that is none", '"assignee_id":"x"', {"/assignee_id": "wrong_format"}),
    invalid("a title that comes twice, the second wrong", '"title":""', {"/title": "too_short"}),
    invalid("a priority that comes twice, the first wrong", '"priority":9,"priority":1', {"/priority": "too_large"}),
    invalid("a blank title", '"title":" \u00a0 "', {"/title": "not_allowed"}),
    invalid("201 characters", f'"title":"{"x" * 201}"', {"/title": "too_long"}),
    invalid("NUL in a title", r'"title":"a\u0000b"', {"/title": "not_allowed"}),
    invalid("a line break in a title", r'"title":"a\nb"', {"/title": "not_allowed"}),
    invalid("NUL in a description", r'"description":"a\u0000b"', {"/description": "not_allowed"}),
    invalid("an escape in a description", r'"description":"\u001b[2J"', {"/description": "not_allowed"}),
    invalid("20 001 characters", f'"description":"{"x" * 20_001}"', {"/description": "too_long"}),
    invalid("an unknown status", '"status":"open"', {"/status": "not_allowed"}),
    invalid("NUL as status", r'"status":"\u0000"', {"/status": "not_allowed"}),
    invalid("priority 0", '"priority":0', {"/priority": "too_small"}),
    invalid("priority 6", '"priority":6', {"/priority": "too_large"}),
    invalid("priority 3.5", '"priority":3.5', {"/priority": "wrong_type"}),
    invalid("priority as text", '"priority":"3"', {"/priority": "wrong_type"}),
    invalid("priority true", '"priority":true', {"/priority": "wrong_type"}),
    invalid("priority null", '"priority":null', {"/priority": "wrong_type"}),
    invalid("2 to the 63rd", '"priority":9223372036854775808', {"/priority": "too_large"}),
    invalid("10 to the 30th", f'"priority":{10**30}', {"/priority": "too_large"}),
    invalid("minus 10 to the 30th", f'"priority":-{10**30}', {"/priority": "too_small"}),
    invalid("1e30", '"priority":1e30', {"/priority": "wrong_type"}),
    invalid("1e400", '"priority":1e400', {"/priority": "out_of_range"}),
    invalid("5 000 digits", f'"priority":{"9" * 5000}', {"/priority": "out_of_range"}),
    invalid("10 to the 30th in an unknown field", f'"x":{10**30}', {"/x": "unknown"}),
    invalid("1e400 in an unknown field", '"x":1e400', {"/x": "unknown"}),
    invalid("a date without a time", '"due_date":"2024-05-01"', {"/due_date": "wrong_format"}),
    invalid("an instant without offset", '"due_date":"2024-05-01T10:00:00"', {"/due_date": "offset_missing"}),
    invalid("a number as instant", '"due_date":1714550400', {"/due_date": "wrong_type"}),
    invalid("a numeric text as instant", '"due_date":"1714550400"', {"/due_date": "wrong_format"}),
    invalid("February 30th", '"due_date":"2024-02-30T00:00:00Z"', {"/due_date": "wrong_format"}),
    invalid("hour 25", '"due_date":"2024-02-20T25:00:00Z"', {"/due_date": "wrong_format"}),
    invalid("the year 10 000", '"due_date":"10000-01-01T00:00:00Z"', {"/due_date": "wrong_format"}),
    invalid("1969", '"due_date":"1969-12-31T23:59:59.999999Z"', {"/due_date": "not_allowed"}),
    invalid("1970 there, 1969 in UTC", '"due_date":"1970-01-01T00:00:00+01:00"', {"/due_date": "not_allowed"}),
    invalid("2200", '"due_date":"2200-01-01T00:00:00Z"', {"/due_date": "not_allowed"}),
    invalid("2199 there, 2200 in UTC", '"due_date":"2199-12-31T23:59:59-01:00"', {"/due_date": "not_allowed"}),
    invalid("the year 1", '"due_date":"0001-01-01T00:00:00+23:59"', {"/due_date": "not_allowed"}),
    invalid("the year 9999", '"due_date":"9999-12-31T23:59:59-23:59"', {"/due_date": "not_allowed"}),
    invalid("an empty instant", '"due_date":""', {"/due_date": "wrong_format"}),
]

OTHER_ROUTES = [
    Row(name, method, path, 422, INVALID, errors, body)
    for name, method, path, errors, body in (
        ("a wrong patch", "PATCH", "/tasks/{task}", {"/title": "wrong_type", "/key": "unknown"}, b'{"title":null,"key":"A-1"}'),
        ("a JSON Patch", "PATCH", "/tasks/{task}", {"": "wrong_type"}, b'[{"op":"remove","path":"/title"}]'),
        ("a line break behind a key", "POST", "/projects", {"/key": "not_allowed"}, rb'{"name":"x","key":"AB\n"}'),
        ("a key in small letters", "POST", "/projects", {"/key": "wrong_format"}, b'{"name":"x","key":"ab"}'),
        ("a body where none belongs", "POST", "/projects/{project}/archive", {"/x": "unknown"}, b'{"x":1}'),
        ("an array where no body belongs", "POST", "/projects/{project}/archive", {"": "wrong_type"}, b"[]"),
        (
            "numbers to log in with",
            "POST",
            "/auth/login",
            {"/email": "wrong_type", "/password": "wrong_type"},
            b'{"email":1,"password":1}',
        ),
        (
            "a registration with nothing right",
            "POST",
            "/auth/register",
            {"/email": "not_allowed", "/password": "too_short", "/full_name": "not_allowed", "/role": "unknown"},
            rb'{"email":"nobody","password":"x","full_name":"\u0000","role":"admin"}',
        ),
    )
]
BROKEN_ELSEWHERE = [
    Row("an empty patch", "PATCH", "/tasks/{task}", 400, MALFORMED),
    Row("a broken patch", "PATCH", "/tasks/{task}", 400, MALFORMED, body=b'{"title":'),
    Row("a broken body where none belongs", "POST", "/projects/{project}/archive", 400, MALFORMED, body=b"{"),
    Row("a broken registration", "POST", "/auth/register", 400, MALFORMED, body=b"{", signed_in=False),
]

MEDIA = [
    typed("text/plain", b"text/plain"),
    typed("a form", b"application/x-www-form-urlencoded"),
    typed("multipart", b"multipart/form-data; boundary=x"),
    typed("XML", b"application/xml"),
    typed("JSON lines", b"application/jsonl"),
    typed("a merge patch that is no PATCH", b"application/merge-patch+json"),
    typed("another charset", b"application/json; charset=latin-1"),
    typed("nothing", b""),
    typed("no type at all", b";"),
    typed("two types", b"application/json, text/plain"),
    typed("bytes", b"\xff\xfe"),
    Row("no Content-Type", "POST", "/tasks", 415, MEDIA_TYPE, body=b"{}", headers=(HOST,)),
    Row("no Content-Type and no token", "POST", "/tasks", 415, MEDIA_TYPE, body=b"{}", headers=(HOST,), signed_in=False),
    Row("a JSON Patch by its type", "PATCH", "/tasks/{task}", 415, MEDIA_TYPE, body=b"[]", headers=(HOST, JSON_PATCH)),
    encoded("gzip", b"gzip"),
    encoded("gzip in capitals", b"GZIP"),
    encoded("br, then gzip", b"br, gzip"),
]

CHUNKS = [b" " * 65536] * 32
SIZES = [
    large("2 MiB", b" " * 2 * MIB, b"2097152"),
    large("2 MiB and no token", b" " * 2 * MIB, b"2097152", signed_in=False),
    large("a length of 10 to the 30th", b"{}", b"1" + b"0" * 30),
    large("2 MiB without a length", b" " * 2 * MIB),
    large("2 MiB in chunks", CHUNKS),
    large("2 MiB in chunks and no token", CHUNKS, signed_in=False),
    large("2 MiB where a small length was promised", CHUNKS, b"10"),
    Row("2 MiB as a patch", "PATCH", "/tasks/{task}", 413, TOO_LARGE, body=CHUNKS),
    Row("2 MiB where no body belongs", "POST", "/projects/{project}/archive", 413, TOO_LARGE, body=CHUNKS),
    Row("2 MiB to log in with", "POST", "/auth/login", 413, TOO_LARGE, body=CHUNKS, signed_in=False),
]

ROWS = [*UNREADABLE, *OTHER_VALUES, *FIELDS, *OTHER_ROUTES, *BROKEN_ELSEWHERE, *MEDIA, *SIZES]
