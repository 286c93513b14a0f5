"""A small service over real HTTP, for programs that speak to one: as much of Worklane as the archive loader uses."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Reply = tuple[int, dict[str, Any], dict[str, str]]
BUSY: Reply = (503, {"detail": "busy", "outcome": "not_applied"}, {"Retry-After": "0"})


@contextmanager
def answering(reply: Callable[[str, str, Any], Reply]) -> Iterator[str]:
    """A real HTTP server whose answers `reply(method, path, body)` gives; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, document, headers = reply(self.command, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815  (http.server calls them by these names)

        def log_message(self, *_: object) -> None:
            """Says nothing: the test's output is not a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Tracker:
    """As much of the service as the loader uses, for a caller of that role; `lost` tasks are acknowledged and not kept."""

    def __init__(self, lost: int = 0, role: str = "user") -> None:
        self.role = role
        self.users: list[dict[str, Any]] = []
        self.members: list[str] = []
        self.tasks: list[dict[str, Any]] = []
        self.comments: list[list[str]] = []
        self.labels: list[dict[str, Any]] = []
        self.lost = lost
        self._lock = threading.Lock()

    def reply(self, method: str, path: str, body: Any) -> Reply:
        """The answer to one request."""
        if method == "POST":
            return self.written(path, body)
        if method == "PUT":
            self.members.append(path.removeprefix("/api/v1/projects/p1/members/"))
            return 200, body, {}
        if not path.startswith("/api/v1/tasks"):
            return 200, self.people(path), {}
        if "status=" not in path:
            return 200, self.page(1 if "cursor=" in path else 0), {}
        wanted = "done" if "status=completed" in path else "todo"
        there = sum(each["status"] == wanted for each in self.tasks)
        if "count=exact" not in path:
            return 200, {"total": there - 1, "total_is_exact": False}, {}
        return 200, {"total": there - (self.lost if wanted == "done" else 0), "total_is_exact": True}, {}

    def written(self, path: str, body: Any) -> Reply:
        """The answer to something that is sent."""
        if path == "/api/v1/auth/login":
            return 200, {"access_token": "token"}, {}
        if path in {"/api/v1/auth/register", "/api/v1/users"}:
            return self.invited(body)
        if path == "/api/v1/projects":
            return 201, {"id": "p1", "key": "BOATS", "name": body["name"]}, {}
        if path == "/api/v1/projects/p1/labels":
            self.labels.append(body)
            return 201, {"id": f"l{len(self.labels)}"}, {}
        if path.endswith("/comments"):
            self.comments[int(path.split("/")[-2])].append(body["body"])
            return 201, {}, {}
        with self._lock:
            self.tasks.append(body)
            self.comments.append([])
            return 201, {"id": str(len(self.tasks) - 1)}, {}

    def invited(self, body: Any) -> Reply:
        """The answer to an account that is asked for: the caller's, who has a password, is there already."""
        if "password" in body or any(each["email"] == body["email"] for each in self.users):
            return 409, {"code": "email_taken", "detail": "This e-mail is registered already."}, {}
        self.users.append({"id": f"u{len(self.users)}", **body})
        return 201, self.users[-1], {}

    def people(self, path: str) -> dict[str, Any]:
        """The caller, those whom a search finds, or who has how many tasks."""
        if path == "/api/v1/users/me":
            return {"role": self.role}
        if path == "/api/v1/projects/p1/stats":
            groups = Counter(each["assignee_id"] for each in self.tasks)
            return {"by_assignee": [{"assignee": user and {"id": user}, "count": many} for user, many in groups.items()]}
        (sought,) = parse_qs(urlsplit(path).query)["search"]
        return {"items": [each for each in self.users if sought in each["email"]]}

    def page(self, number: int) -> dict[str, Any]:
        """The tasks in two pages."""
        counts = [{"comment_count": len(each)} for each in self.comments]
        return {"items": counts[5:] if number else counts[:5], "next_cursor": None if number else "second"}
