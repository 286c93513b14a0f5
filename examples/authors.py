"""Makes accounts for the authors of an archive, who get the tasks that they wrote; only an admin of the instance may."""

from __future__ import annotations

import http.client
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from examples.client import Client, LoadFailed

if TYPE_CHECKING:
    from examples.github_archive import Entry

# RFC 2606 keeps example.com for examples: nobody reads what is mailed there.
DOMAIN = "authors.example.com"


def address(login: str) -> str:
    """The placeholder address of an author, a different one for every login whatever its capitals."""
    return f"{quote(login.casefold(), safe='').replace('.', '%2e').casefold()}@{DOMAIN}"


def make_authors(client: Client, project_id: str, entries: list[Entry]) -> dict[str, str]:
    """Makes the authors members of the project, with accounts where they have none; their ids by `casefold` of the login.

    Without the right to do so there are none, and a line says so.
    """
    logins = {each.author.casefold(): each.author for each in reversed(entries) if each.author}
    if client.expect(200, "GET", "/users/me")["role"] != "admin":
        print(f"{len(logins)} authors are left out, since only an admin makes accounts: the tasks are assigned to nobody")
        return {}
    ids = {}
    for key, login in sorted(logins.items()):
        ids[key] = make_account(client, login)
        client.expect(200, "PUT", f"/projects/{project_id}/members/{ids[key]}", {"role": "member"})
    return ids


def make_account(client: Client, login: str) -> str:
    """The id of an author's account, which an earlier load may have made.

    Raises:
        LoadFailed: there is none, and none can be made.
    """
    email = address(login)
    answer = client.ask("POST", "/users", {"email": email, "full_name": login, "role": "user"})
    if answer.status == http.client.CREATED:
        return str(answer.body["id"])
    if answer.status == http.client.CONFLICT and answer.body.get("code") == "email_taken":
        page = client.expect(200, "GET", "/users?" + urlencode({"search": email, "limit": 200}))
        for user in page["items"]:
            if user["email"] == email:
                return str(user["id"])
    raise LoadFailed(f"Can't make an account for {login} with the address {email}: {answer}")


def count_tasks_of_authors(
    client: Client, project_id: str, entries: list[Entry], author_ids: dict[str, str]
) -> list[tuple[str, int, int]]:
    """For each author, and for nobody, how many tasks the archive and the service say, the most first; none without accounts."""
    if not author_ids:
        return []
    groups = client.expect(200, "GET", f"/projects/{project_id}/stats")["by_assignee"]
    there = {group["assignee"] and group["assignee"]["id"]: int(group["count"]) for group in groups}
    wanted = Counter(author_ids.get(each.author.casefold()) for each in entries)
    names: dict[str | None, str] = {author_ids[each.author.casefold()]: each.author for each in reversed(entries) if each.author}
    names[None] = "nobody"
    counts = [(f"assigned to {names.get(key, key)}", wanted[key], there.get(key, 0)) for key in wanted.keys() | there.keys()]
    return sorted(counts, key=lambda each: (-max(each[1:]), each[0]))
