"""Loads the issues, pull requests, labels and comments of a GitHub archive into Worklane, by its public API and nothing else."""

from __future__ import annotations

import argparse
import getpass
import http.client
import json
import os
import secrets
import sys
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

# What the API accepts, in code points.
LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 20_000
LONGEST_COMMENT = 20_000
LONGEST_PROJECT_NAME = 100
LONGEST_LABEL = 50
KINDS = {"issues": "issue", "pulls": "pull request"}
STATUS = {"open": "todo", "closed": "done", "merged": "done"}
TRIES = 6
LONGEST_WAIT = 10.0  # seconds, whatever Retry-After asks for


class LoadFailed(Exception):
    """The archive can't be loaded; the message says why, and what to do."""


def printable(text: str) -> str:
    """`text` without what the API refuses: control characters and lone surrogates show as U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" else each
        for each in text
    )


def shortened(text: str, longest: int) -> str:
    """`text`, or as much of its beginning as fits before an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True)
class Entry:
    """What becomes of an issue or a pull request: a task, its labels and their colors, and its comments, the oldest first."""

    task: dict[str, str]
    labels: dict[str, str | None]
    comments: list[str]


def task(entry: dict[str, Any], kind: str) -> dict[str, str]:
    """What to send for an issue or a pull request; a title too long for its field stands whole in the description.

    Raises:
        LoadFailed: the entry's state is none that GitHub has.
    """
    name, state = f"{kind} {entry.get('number')}", str(entry.get("state")).lower()
    if state not in STATUS:
        raise LoadFailed(f"{name}: its state is {entry.get('state')!r}, expected one of {', '.join(STATUS)}.")
    title = " ".join(printable(str(entry.get("title") or "")).split()) or f"Untitled {name}"
    description = printable(str(entry.get("body") or ""))
    if len(title) > LONGEST_TITLE:
        description = f"{title}\n\n{description}".strip()
    return {
        "title": shortened(title, LONGEST_TITLE),
        "description": shortened(description, LONGEST_DESCRIPTION),
        "status": STATUS[state],
    }


def comments(entry: dict[str, Any], kind: str) -> list[str]:
    """What to send for the comments of an entry: nobody can write in another's name, so each begins with its author's.

    Raises:
        LoadFailed: the entry's comments are no list of objects.
    """
    found = entry.get("comments") or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise LoadFailed(f"{kind} {entry.get('number')}: its comments are no list of objects.")
    texts = (f"**{each.get('author') or 'ghost'}** wrote:\n\n{each.get('body') or ''}" for each in found)
    return [shortened(printable(text), LONGEST_COMMENT) for text in texts]


def label_name(label: Any) -> str:
    """The name of a label, which archives write as a text or as an object."""
    name = label.get("name") if isinstance(label, dict) else label
    return shortened(" ".join(printable(str(name or "")).split()), LONGEST_LABEL)


def labels(entry: dict[str, Any], colors: dict[str, str]) -> dict[str, str | None]:
    """The names of an entry's labels, each with its color where the archive tells it."""
    names = [label_name(label) for label in entry.get("labels") or []]
    return {name: colors.get(name.casefold()) for name in names if name}


def label_colors(archive: dict[str, Any]) -> dict[str, str]:
    """The colors of the archive's labels by `casefold` of their names; GitHub leaves out the `#`."""
    described = [label for label in archive.get("labels") or [] if isinstance(label, dict)]
    return {label_name(label).casefold(): f"#{label['color']}" for label in described if label.get("color")}


def read_archive(path: Path) -> tuple[str, list[Entry]]:
    """The archive's name for itself and its entries, in the order of their numbers.

    Raises:
        LoadFailed: the file can't be read, or holds something else.
    """
    try:
        archive = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadFailed(f"Can't read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise LoadFailed(f"{path} is not JSON: {error}.") from error
    pairs = [(entry, kind) for key, kind in KINDS.items() for entry in listed(archive, key)]
    if not all(isinstance(entry, dict) and isinstance(entry.get("number"), int) for entry, _ in pairs):
        raise LoadFailed(f"{path} holds an entry that is no object with a number.")
    pairs.sort(key=lambda pair: pair[0]["number"])
    name = " ".join(printable(str(archive.get("repo") or path.stem)).split())
    colors = label_colors(archive)
    entries = [Entry(task(entry, kind), labels(entry, colors), comments(entry, kind)) for entry, kind in pairs]
    return shortened(name, LONGEST_PROJECT_NAME), entries


def listed(archive: Any, key: str) -> list[Any]:
    """The entries that `archive` has under `key`.

    Raises:
        LoadFailed: there is no such list.
    """
    entries = archive.get(key) if isinstance(archive, dict) else None
    if not isinstance(entries, list):
        raise LoadFailed(f"This is no GitHub archive: expected an object with the lists {' and '.join(KINDS)}.")
    return entries


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


def sign_in(client: Client, email: str, password: str) -> None:
    """Logs in; an address that nobody has yet is registered first."""
    answer = client.ask("POST", "/auth/register", {"email": email, "password": password, "full_name": "Demo"})
    taken = answer.status == http.client.CONFLICT
    if answer.status != http.client.CREATED and not taken:
        raise LoadFailed(f"Can't register {email}: {answer}")
    client.token = client.expect(200, "POST", "/auth/login", {"email": email, "password": password})["access_token"]


def make_labels(client: Client, project_id: str, entries: list[Entry]) -> dict[str, str]:
    """Creates the labels that tasks have, once each whatever their capitals; their ids by `casefold` of the name."""
    wanted: dict[str, tuple[str, str | None]] = {}
    for each in entries:
        for name, color in each.labels.items():
            wanted.setdefault(name.casefold(), (name, color))
    path, ids = f"/projects/{project_id}/labels", {}
    for key, (name, color) in sorted(wanted.items()):
        body = {"name": name, "color": color} if color else {"name": name}
        ids[key] = str(client.expect(201, "POST", path, body)["id"])
    return ids


def load_one(client: Client, project_id: str, entry: Entry, label_ids: dict[str, str]) -> None:
    """Creates a task with its labels and, one after the other, the comments on it."""
    chosen = sorted({label_ids[name.casefold()] for name in entry.labels})
    created = client.expect(201, "POST", "/tasks", {"project_id": project_id, "label_ids": chosen, **entry.task})
    for body in entry.comments:
        client.expect(201, "POST", f"/tasks/{created['id']}/comments", {"body": body})


def load(client: Client, project_id: str, entries: list[Entry], connections: int) -> None:
    """Creates the labels, loads every entry, so many at once, and shows how far it is."""
    label_ids = make_labels(client, project_id, entries)
    show, done, step = sys.stdout.isatty(), 0, max(1, len(entries) // 10)
    with ThreadPoolExecutor(connections) as pool:
        running = [pool.submit(load_one, client, project_id, entry, label_ids) for entry in entries]
        try:
            for future in as_completed(running):
                future.result()
                done += 1
                if show:
                    bar = "█" * (40 * done // len(entries))
                    print(f"\r{bar:░<40} {done}/{len(entries)}", end="", flush=True)
                elif done % step == 0 or done == len(entries):
                    print(f"{done}/{len(entries)} tasks", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
            if show:
                print()


def count(client: Client, project_id: str, status: str) -> int:
    """How many tasks the service lists with that status."""
    query = {"project_id": project_id, "status": status, "limit": 1}
    page = client.expect(200, "GET", "/tasks?" + urlencode(query))
    if not page["total_is_exact"]:
        page = client.expect(200, "GET", "/tasks?" + urlencode({**query, "count": "exact"}))
    return int(page["total"])


def count_comments(client: Client, project_id: str) -> int:
    """How many comments the service counts on all tasks of the project, read page by page."""
    query = {"project_id": project_id, "limit": 200}
    page = client.expect(200, "GET", "/tasks?" + urlencode(query))
    counted: int = sum(each["comment_count"] for each in page["items"])
    while page["next_cursor"]:
        page = client.expect(200, "GET", "/tasks?" + urlencode({**query, "cursor": page["next_cursor"]}))
        counted += sum(each["comment_count"] for each in page["items"])
    return counted


def differences(client: Client, project_id: str, entries: list[Entry]) -> list[str]:
    """Compares what the service counts with what the archive holds, prints both, and names what differs."""
    counts = [
        (word, sum(each.task["status"] == status for each in entries), count(client, project_id, parameter))
        for word, parameter, status in (("open", "pending", "todo"), ("done", "completed", "done"))
    ]
    counts.append(("comments", sum(len(each.comments) for each in entries), count_comments(client, project_id)))
    found = []
    for word, wanted, there in counts:
        print(f"{word}: {there} in Worklane, {wanted} in the archive")
        if there != wanted:
            found.append(f"{word}: {there} instead of {wanted}")
    return found


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; e-mail and password may come from DEMO_EMAIL and DEMO_PASSWORD."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="JSON file with the lists issues and pulls")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the service (default: %(default)s)")
    parser.add_argument("--email", default=os.environ.get("DEMO_EMAIL"), help="who loads it (default: a new account)")
    parser.add_argument("--password", default=os.environ.get("DEMO_PASSWORD"), help="asked for where it is missing")
    parser.add_argument("--project", help="name of the project (default: the archive's name)")
    parser.add_argument("--connections", type=int, choices=range(1, 65), default=4, metavar="1..64")
    return parser.parse_args(arguments)


def account(email: str | None, password: str | None) -> tuple[str, str]:
    """E-mail and password to use; without an e-mail those of a new account, since there is no default one.

    Raises:
        LoadFailed: the password is missing, and nobody is there to ask.
    """
    if email is None:
        return f"demo-{secrets.token_hex(4)}@example.com", password or secrets.token_urlsafe(12)
    if password is None:
        if not sys.stdin.isatty():
            raise LoadFailed(f"No password for {email}: set DEMO_PASSWORD, or pass --password.")
        password = getpass.getpass(f"Password of {email}: ")
    return email, password


def main(arguments: list[str] | None = None) -> str | None:
    """Runs it all; what it returns is the reason of a failure."""
    chosen = options(arguments)
    try:
        name, entries = read_archive(chosen.archive)
        with closing(Client(chosen.url)) as client:
            email, password = account(chosen.email, chosen.password)
            sign_in(client, email, password)
            if chosen.email is None:
                print(f"New account: {email} with the password {password}")
            project = client.expect(201, "POST", "/projects", {"name": chosen.project or name})
            print(f"Project {project['key']} ({project['name']}): {len(entries)} tasks to load")
            load(client, project["id"], entries, chosen.connections)
            found = differences(client, project["id"], entries)
    except LoadFailed as error:
        return str(error)
    return f"The service and the archive differ: {'; '.join(found)}." if found else None


if __name__ == "__main__":
    sys.exit(main())
