"""Requests whose address, method or headers must be refused, as a table."""

from __future__ import annotations

from tests.http.bad_bodies import INVALID, MALFORMED, Row
from tests.support.raw import HOST, JSON

NOT_FOUND = "not_found"
NOT_ALLOWED = "method_not_allowed"
UNKNOWN_HOST = "unknown_host"
EVIL = (b"host", b"evil.example")
NOBODY = "00000000-0000-7000-8000-000000000000"


def query(text: str, errors: dict[str, str]) -> Row:
    """A query string of GET /tasks that is readable, but not acceptable."""
    return Row(f"?{text[:60]}", "GET", f"/tasks?{text}", 422, INVALID, errors)


def unreadable_query(text: str, *, signed_in: bool = True) -> Row:
    """A query string whose bytes can't be read."""
    return Row(f"?{text[:60]}{'' if signed_in else ', no token'}", "GET", f"/tasks?{text}", 400, MALFORMED, signed_in=signed_in)


QUERIES = [
    query("unknown=1", {"/unknown": "unknown"}),
    query("Page=1", {"/Page": "unknown"}),
    query("a%2Fb~=1", {"/a~1b~0": "unknown"}),
    query("=1", {"/": "unknown"}),
    query("page", {"/page": "wrong_type"}),
    query("page=1&page=1", {"/page": "duplicate"}),
    query("page=1&page=2&page=x", {"/page": "duplicate"}),
    query("a%2Fb=1&a%2Fb=2", {"/a~1b": "duplicate"}),
    query("page=0", {"/page": "too_small"}),
    query("page=-1", {"/page": "too_small"}),
    query("page=1.5", {"/page": "wrong_type"}),
    query("page=x", {"/page": "wrong_type"}),
    query("page=%00", {"/page": "wrong_type"}),
    query("page=%D9%A3", {"/page": "wrong_type"}),
    query("page=null", {"/page": "wrong_type"}),
    query("page=NULL", {"/page": "wrong_type"}),
    query("project_id=null", {"/project_id": "wrong_type"}),
    query("due_before=null", {"/due_before": "wrong_format"}),
    query("page=true", {"/page": "wrong_type"}),
    query(f"page={10**30}", {"/page": "not_allowed"}),
    query(f"page={'9' * 5000}", {"/page": "out_of_range"}),
    query("page=9223372036854775807", {"/page": "not_allowed"}),
    query("skip=-1", {"/skip": "too_small"}),
    query("skip=10001", {"/skip": "not_allowed"}),
    query("page_size=201", {"/page_size": "too_large"}),
    query("limit=201", {"/limit": "too_large"}),
    query("limit=0", {"/limit": "too_small"}),
    query("page=1&skip=0", {"/page": "not_allowed"}),
    query("count=all", {"/count": "not_allowed"}),
    query("sort=", {"/sort": "not_allowed"}),
    query("sort=id", {"/sort": "not_allowed"}),
    query("sort=title,", {"/sort": "not_allowed"}),
    query("sort=--title", {"/sort": "not_allowed"}),
    query("sort=title,-title", {"/sort": "not_allowed"}),
    query("sort=title,number,priority,status", {"/sort": "not_allowed"}),
    query("sort=title;DROP%20TABLE%20tasks", {"/sort": "not_allowed"}),
    query(f"sort={'x' * 201}", {"/sort": "too_long"}),
    query("project_id=x", {"/project_id": "wrong_format"}),
    query("project_id=%00", {"/project_id": "wrong_format"}),
    query("filter=", {"/filter": "not_allowed"}),
    query("filter=%00", {"/filter": "not_allowed"}),
    query("filter=1", {"/filter": "not_allowed"}),
    query("filter=TRUE&filter=TRUE", {"/filter": "duplicate"}),
    query(f"filter={'(' * 4000}", {"/filter": "not_allowed"}),
    query(f"filter={'x' * 4001}", {"/filter": "too_long"}),
    query("status=open", {"/status": "not_allowed"}),
    query("status=%00", {"/status": "not_allowed"}),
    query("status=%zz", {"/status": "not_allowed"}),
    query("assignee_id=x", {"/assignee_id": "not_allowed"}),
    query("priority=6", {"/priority": "too_large"}),
    query("due_before=2024-05-01", {"/due_before": "wrong_format"}),
    query("due_before=2024-05-01T00:00:00", {"/due_before": "offset_missing"}),
    query("due_before=2024-05-01T00:00:00+02:00", {"/due_before": "wrong_format"}),
    query("due_before=0", {"/due_before": "wrong_format"}),
    query("due_before=1714550400.5", {"/due_before": "wrong_format"}),
    query("due_after=2200-01-01T00:00:00Z", {"/due_after": "not_allowed"}),
    query("page=x&limit=x&foo=1", {"/page": "wrong_type", "/limit": "wrong_type", "/foo": "unknown"}),
    query("page=1&page=2&limit=x&foo=1", {"/page": "duplicate", "/limit": "wrong_type", "/foo": "unknown"}),
    Row("NUL to search for", "GET", "/projects?search=%00", 422, INVALID, {"/search": "not_allowed"}),
    Row("a long text to search for", "GET", f"/projects?search={'x' * 101}", 422, INVALID, {"/search": "too_long"}),
    Row("yes as a bool", "GET", "/projects?my_projects_only=yes", 422, INVALID, {"/my_projects_only": "wrong_type"}),
    Row("a parameter for a route without any", "GET", "/tasks/{task}?x=1", 422, INVALID, {"/x": "unknown"}),
    Row("a parameter for a public route", "GET", "/health?x=1", 422, INVALID, {"/x": "unknown"}, signed_in=False),
    Row(
        "body and query wrong",
        "PATCH",
        "/tasks/{task}?x=1",
        422,
        INVALID,
        {"/title": "too_short", "/x": "unknown"},
        b'{"title":""}',
    ),
    unreadable_query("status=%ff"),
    unreadable_query("%ff=1"),
    unreadable_query("status=%ed%a0%80"),
    unreadable_query("status=\xe4"),
    unreadable_query("&".join(f"x{number}=1" for number in range(200))),
    unreadable_query("status=%ff", signed_in=False),
    unreadable_query("&".join(f"x{number}=1" for number in range(200)), signed_in=False),
]

PATHS = [
    Row(f"{method} {path[:70]!a}", method, path, status, code, body=body)
    for method, path, status, code, body in (
        ("GET", "/tasks/x", 404, "task_not_found", b""),
        ("GET", f"/tasks/{NOBODY}", 404, "task_not_found", b""),
        ("GET", "/tasks/NONE-1", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-0", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-99999999999999999999", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-2147483648", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-\u0661", 404, "task_not_found", b""),
        ("GET", "/tasks/BOUN-1\n", 404, "task_not_found", b""),
        ("GET", "/tasks/\x00", 404, NOT_FOUND, b""),
        ("GET", "/tasks/BOUN-1\x00", 404, NOT_FOUND, b""),
        ("GET", "/tasks/\ufffd", 404, "task_not_found", b""),
        ("GET", "/tasks/" + "x" * 9000, 404, "task_not_found", b""),
        ("GET", "/tasks/..", 404, "task_not_found", b""),
        ("PATCH", "/tasks/\x00", 404, NOT_FOUND, b"{}"),
        ("DELETE", "/tasks/\x00", 404, NOT_FOUND, b""),
        ("GET", "/projects/\x00", 404, NOT_FOUND, b""),
        ("GET", "/projects/" + "x" * 9000, 404, "project_not_found", b""),
        ("POST", "/projects/\x00/archive", 404, NOT_FOUND, b""),
        ("GET", "/users/\x00", 404, NOT_FOUND, b""),
        ("OPTIONS", "/tasks/\x00", 404, NOT_FOUND, b""),
        ("GET", "/users/x", 404, "user_not_found", b""),
        ("GET", f"/users/{NOBODY}", 404, "user_not_found", b""),
        ("GET", "/problems/\x00", 404, NOT_FOUND, b""),
        ("GET", "/problems/x", 404, NOT_FOUND, b""),
        ("GET", "", 404, NOT_FOUND, b""),
        ("GET", "/nothing", 404, NOT_FOUND, b""),
        ("POST", "/nothing", 404, NOT_FOUND, b"{"),
        ("GET", "/tasks/a/b", 404, NOT_FOUND, b""),
        ("GET", "/tasks\x00", 404, NOT_FOUND, b""),
        ("GET", "/TASKS", 404, NOT_FOUND, b""),
        ("GET", "/" + "x" * 9000, 404, NOT_FOUND, b""),
        ("GET", "/" + "x/" * 4000, 404, NOT_FOUND, b""),
        ("FOO", "/nothing", 404, NOT_FOUND, b""),
        ("OPTIONS", "/nothing", 404, NOT_FOUND, b""),
        ("PUT", "/tasks", 405, NOT_ALLOWED, b"{}"),
        ("DELETE", "/tasks", 405, NOT_ALLOWED, b""),
        ("POST", "/tasks/x", 405, NOT_ALLOWED, b"{}"),
        ("POST", "/health", 405, NOT_ALLOWED, b"{}"),
        ("TRACE", "/tasks", 405, NOT_ALLOWED, b""),
        ("FOO", "/tasks", 405, NOT_ALLOWED, b""),
        ("get", "/tasks", 405, NOT_ALLOWED, b""),
        ("GET", "/auth/login", 405, NOT_ALLOWED, b""),
    )
]

HOSTS = [
    Row(name, "GET", "/tasks", 400, UNKNOWN_HOST, headers=headers, signed_in=False)
    for name, headers in (
        ("no Host", ()),
        ("two Hosts", (HOST, HOST)),
        ("two different Hosts", (HOST, (b"host", b"evil.example"))),
        ("a foreign Host", ((b"host", b"evil.example"),)),
        ("an empty Host", ((b"host", b""),)),
        ("a Host that begins like ours", ((b"host", b"127.0.0.1.evil.example"),)),
        ("a Host that ends like ours", ((b"host", b"evil.localhost"),)),
        ("a Host with a user", ((b"host", b"localhost@evil.example"),)),
        ("a Host with another port than a number", ((b"host", b"localhost:evil"),)),
        ("a Host with two ports", ((b"host", b"localhost:1:2"),)),
        ("a Host with a path", ((b"host", b"localhost/x"),)),
        ("two Hosts in one", ((b"host", b"localhost, evil.example"),)),
        ("a Host of bytes", ((b"host", b"\xff\x00"),)),
        ("another loopback address", ((b"host", b"127.0.0.2"),)),
        ("digits that are no ASCII", ((b"host", "localhost:\u00b2".encode("latin-1")),)),
    )
]

ACCEPTS = [
    Row(f"Accept: {accept.decode('latin-1')}", "GET", "/tasks", 406, "not_acceptable", headers=(HOST, (b"accept", accept)))
    for accept in (b"text/html", b"text/*", b"application/xml;q=1, text/csv", b"image/png", b"\xff")
]

TOKENS = [
    Row(name, "GET", "/tasks", 401, code, headers=(HOST, *headers), signed_in=False)
    for name, code, headers in (
        ("no token", "unauthenticated", ()),
        ("an empty Authorization", "unauthenticated", ((b"authorization", b""),)),
        ("Basic", "unauthenticated", ((b"authorization", b"Basic eDp5"),)),
        ("Bearer alone", "unauthenticated", ((b"authorization", b"Bearer"),)),
        ("Bearer and a blank", "unauthenticated", ((b"authorization", b"Bearer "),)),
        ("two Authorizations", "unauthenticated", ((b"authorization", b"Bearer x"), (b"authorization", b"Bearer x"))),
        ("a token that is none", "invalid_access_token", ((b"authorization", b"Bearer x"),)),
        ("a token of bytes", "invalid_access_token", ((b"authorization", b"Bearer \xff\x00"),)),
        ("a token of 1 MB", "invalid_access_token", ((b"authorization", b"Bearer " + b"x" * 1_000_000),)),
    )
]

# 400 before 401 before 422 before 404: what is checked first decides.
ORDER = [
    Row("a wrong body and no token", "POST", "/tasks", 401, "unauthenticated", body=b"{}", signed_in=False),
    Row("a wrong query and no token", "GET", "/tasks?x=1", 401, "unauthenticated", signed_in=False),
    Row("a missing task and no token", "GET", f"/tasks/{NOBODY}", 401, "unauthenticated", signed_in=False),
    Row("a broken body for a missing task", "PATCH", f"/tasks/{NOBODY}", 400, MALFORMED, body=b"{"),
    Row("a wrong body for a missing task", "PATCH", f"/tasks/{NOBODY}", 422, INVALID, {"/x": "unknown"}, b'{"x":1}'),
    Row("a wrong query for a missing task", "GET", f"/tasks/{NOBODY}?x=1", 422, INVALID, {"/x": "unknown"}),
    Row("a missing path and no token", "GET", "/nothing", 404, NOT_FOUND, signed_in=False),
    Row("a wrong method and no token", "PUT", "/tasks", 405, NOT_ALLOWED, signed_in=False),
    Row("a foreign Host and a broken body", "POST", "/tasks", 400, UNKNOWN_HOST, body=b"{", headers=(EVIL, JSON)),
]

ROWS = [*QUERIES, *PATHS, *HOSTS, *ACCEPTS, *TOKENS, *ORDER]
