"""A client of Worklane's API that waits where the service is busy, with the standard library only."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TRIES = 6
LONGEST_WAIT = 10.0  # seconds, whatever Retry-After asks for


class LoadFailed(Exception):
    """The archive can't be loaded; the message says why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """What the service said to one request."""

    status: int
    body: Any
    retry_after: str | None = None

    @property
    def comes_back(self) -> bool:
        """Whether the same request may be sent again: it had no effect, and the service is busy only for now."""
        unsure = isinstance(self.body, dict) and self.body.get("outcome") == "unknown"
        return self.status in {429, 503} and not unsure

    def __str__(self) -> str:
        """The problem's own words, and the fields it names."""
        if not isinstance(self.body, dict):
            return f"{self.status} {str(self.body)[:200]}"
        fields = [f"{each.get('pointer')}: {each.get('message')}" for each in self.body.get("errors") or []]
        return "; ".join([f"{self.status} {self.body.get('detail') or self.body.get('title')}", *fields])


class Client:
    """Speaks to one service with a kept-alive connection per thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise LoadFailed(f"{url} is no address of a service: expected for example http://127.0.0.1:8000.")
        self._url = url
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/") + "/api/v1"
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self.token: str | None = None

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """The service's answer; while that asks to come back later, a later one, for a few times.

        Raises:
            LoadFailed: there is no answer.
        """
        answer = self._ask_once(method, path, body)
        for attempt in range(1, TRIES):
            if not answer.comes_back:
                break
            wait = answer.retry_after or ""
            time.sleep(min(float(wait) if wait.isdecimal() else 2.0**attempt / 10, LONGEST_WAIT))
            answer = self._ask_once(method, path, body)
        return answer

    def expect(self, status: int, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The body of an answer that must have `status`.

        Raises:
            LoadFailed: it has another one.
        """
        answer = self.ask(method, path, body)
        if answer.status != status:
            raise LoadFailed(f"{method} {path}: {answer}")
        return answer.body

    def _ask_once(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = self._connection()
        try:
            connection.request(method, self._path + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise LoadFailed(f"{self._url}: no answer ({error}); start it with `just serve`, or give --url.") from error
        try:
            decoded = json.loads(content) if content else None
        except ValueError:
            decoded = content.decode(errors="replace")
        return Answer(response.status, decoded, response.headers.get("Retry-After"))

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = self._local.connection = kind(self._host, self._port, timeout=30)
            self._opened.append(connection)
        return connection
