"""Loads the issues, pull requests, authors, labels and comments of a GitHub archive into Worklane, by its public API alone."""

from __future__ import annotations

import argparse
import getpass
import http.client
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from examples.authors import count_tasks_of_authors, make_authors
from examples.client import Client, LoadFailed
from examples.github_archive import Entry, read_archive


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


@dataclass(frozen=True)
class Target:
    """Where entries go: the project, the ids of its labels and of the authors who are its members, each by `casefold`."""

    project_id: str
    label_ids: dict[str, str]
    author_ids: dict[str, str]


def load_one(client: Client, target: Target, entry: Entry) -> None:
    """Creates a task with its labels, assigned to its author, and, one after the other, the comments on it."""
    chosen = sorted({target.label_ids[name.casefold()] for name in entry.labels})
    author_id = target.author_ids.get(entry.author.casefold())
    body = {"project_id": target.project_id, "label_ids": chosen, "assignee_id": author_id, **entry.task}
    created = client.expect(201, "POST", "/tasks", body)
    for text in entry.comments:
        client.expect(201, "POST", f"/tasks/{created['id']}/comments", {"body": text})


def load(client: Client, target: Target, entries: list[Entry], connections: int) -> None:
    """Loads every entry, so many at once, and shows how far it is."""
    show, done, step = sys.stdout.isatty(), 0, max(1, len(entries) // 10)
    with ThreadPoolExecutor(connections) as pool:
        running = [pool.submit(load_one, client, target, entry) for entry in entries]
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


def differences(client: Client, target: Target, entries: list[Entry]) -> list[str]:
    """Compares what the service counts with what the archive holds, prints both, and names what differs."""
    project_id = target.project_id
    counts = [
        (word, sum(each.task["status"] == status for each in entries), count(client, project_id, parameter))
        for word, parameter, status in (("open", "pending", "todo"), ("done", "completed", "done"))
    ]
    counts.append(("comments", sum(len(each.comments) for each in entries), count_comments(client, project_id)))
    counts += count_tasks_of_authors(client, project_id, entries, target.author_ids)
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
            author_ids = make_authors(client, project["id"], entries)
            target = Target(project["id"], make_labels(client, project["id"], entries), author_ids)
            load(client, target, entries, chosen.connections)
            found = differences(client, target, entries)
    except LoadFailed as error:
        return str(error)
    return f"The service and the archive differ: {'; '.join(found)}." if found else None


if __name__ == "__main__":
    sys.exit(main())
