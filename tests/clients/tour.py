"""The README's tour with a client that openapi-python-client has generated; run by tests/clients/check.py."""

# mypy: ignore-errors
# The client exists only while the check runs.

from __future__ import annotations

import sys

from worklane_client import AuthenticatedClient, Client
from worklane_client.api.accounts import register
from worklane_client.api.projects import create_project
from worklane_client.api.sessions import login
from worklane_client.api.tasks import create_task, get_task, list_tasks, update_task
from worklane_client.models import (
    Login,
    Problem,
    Project,
    ProjectCreate,
    Registration,
    Status,
    Task,
    TaskCreate,
    TaskPage,
    TaskPatch,
    Tokens,
    User,
)

address = sys.argv[1]
anyone = Client(base_url=address)
email, password = "python@example.com", "correct-horse-7-battery"
user = register.sync(client=anyone, body=Registration(email=email, password=password, full_name="Ann Lee"))
assert isinstance(user, User), user
tokens = login.sync(client=anyone, body=Login(email=email, password=password))
assert isinstance(tokens, Tokens), tokens
ann = AuthenticatedClient(base_url=address, token=tokens.access_token)
project = create_project.sync(client=ann, body=ProjectCreate(name="Website"))
assert isinstance(project, Project), project
task = create_task.sync(client=ann, body=TaskCreate(project_id=project.id, title="Write the release notes", priority=4))
assert isinstance(task, Task), task
found = list_tasks.sync(client=ann, sort="-priority")
assert isinstance(found, TaskPage), found
assert [each.key for each in found.items] == [task.key], found
done = update_task.sync(client=ann, task=task.key, body=TaskPatch(status=Status.DONE))
assert isinstance(done, Task), done
assert done.is_completed
assert done.completed_at is not None
refused = get_task.sync(client=ann, task="NONE-1")
assert isinstance(refused, Problem), refused
assert refused.code == "task_not_found", refused
print(f"python: {done.key} {done.status}")
