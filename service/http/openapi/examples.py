"""The example of every body: one small story, told field by field, so that a new Struct has its example from the start."""

from __future__ import annotations

from typing import Any

from service.http.openapi.components import REF

ANN = "0199e4c2-8a51-7c3e-9d2f-4b6a1e5f7a10"
BOB = "0199e4c2-9b02-7d11-8e44-1c2d3e4f5a6b"
PROJECT = "0199e4c3-1f2e-7a90-b3c4-5d6e7f8091a2"
TASK = "0199e4c3-77aa-7b21-a5d6-c7e8f9012345"
COMMENT = "0199e4c5-2233-7d44-8e55-66778899aabb"
LABEL = "0199e4c4-0011-7c55-9f66-778899aabbcc"
OTHER_TASK = "0199e4c3-6600-7a10-8b20-3c4d5e6f7081"
VIEW = "0199e4c5-2233-7e77-8a88-99aabbccddee"
MORNING = "2026-05-04T09:30:00Z"
INVITATION = "0199e4c4-2b3c-7d4e-8f50-61728394a5b6"
JWT = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIwMTk5ZTRjMiJ9.c2lnbmF0dXJl"

# By the field's name, or by `Struct.field` where a name means different things.
VALUES: dict[str, Any] = {
    "access_token": JWT,
    "api": "v1",
    "archived_at": None,
    "assignee_id": BOB,
    "body": "The notes of **1.3** are a good start.",
    "body_bytes": 1048576,
    "changes": {"status": {"old": "todo", "new": "in_progress"}},
    "code": "project_archived",
    "color": "#d73a4a",
    "Comment.id": COMMENT,
    "comment_count": 2,
    "completed_at": None,
    "count": 1,
    "created_at": MORNING,
    "cycle_time:p50": 93600.0,
    "cycle_time:p90": 412200.5,
    "CycleTime.p50": 93600.0,
    "CycleTime.p90": 412200.5,
    "current": True,
    "current_password": "correct-horse-7-battery",
    "cursor": "MS43NDIuMTA1MQ",
    "data": {},
    "deleted_at": None,
    "DayCounts.date": "2026-05-04",
    "description": "What changed since **1.3**, for people who upgrade.",
    "detail": "The project WEB is archived: unarchive it first.",
    "device": "curl/8.14.1",
    "device_token": "wl_dt_6Vt0cPz3mWqLr8XyJd2NkBf5",
    "due:week": "2026-05-25",
    "due_date": "2026-05-29T16:00:00Z",
    "edited_at": None,
    "email": "ann@example.com",
    "email_verified_at": "2026-05-04T09:12:30Z",
    "EventActor.kind": "user",
    "EventActor.token_id": None,
    "EventSubject.id": TASK,
    "EventSubject.type": "task",
    "expires_at": "2026-06-03T09:30:00Z",
    "expires_in": 600,
    "FieldConflict.base": "Write the release notes",
    "FieldConflict.field": "title",
    "FieldConflict.theirs": "Write the notes of 1.4",
    "FieldConflict.yours": "Write the notes for 1.4",
    "filter": "status = 'todo' and priority >= 4",
    "FieldError.code": "too_long",
    "FieldError.in": "body",
    "FieldError.message": "At most 200 characters are accepted.",
    "FieldError.pointer": "/title",
    "full_name": "Ann Lee",
    "Health.status": "ok",
    "id": ANN,
    "instance": "/api/v1/tasks",
    "Invitation.email": "bob@example.com",
    "Invitation.expires_at": "2026-05-18T09:30:00Z",
    "Invitation.id": INVITATION,
    "Invitation.role": "member",
    "InvitationCreate.email": "bob@example.com",
    "InvitationCreate.role": "member",
    "ip": "203.0.113.7",
    "is_active": True,
    "key": "WEB-12",
    "kid": "2026-05-a",
    "TaskGroup.label": "docs",
    "label_ids": [],
    "labels": [],
    "Label.id": LABEL,
    "Label.name": "docs",
    "LabelCreate.name": "docs",
    "LabelPatch.name": "docs",
    "LabelRef.id": LABEL,
    "LabelRef.name": "docs",
    "last_used_at": "2026-05-04T10:02:11Z",
    "LiveSession.id": "0199e4c2-a0b1-7c2d-8e3f-405162738495",
    "locale": "en",
    "MemberRole.role": "maintainer",
    "message": "If this address waits to be verified, a mail is on its way; its link replaces earlier ones.",
    "mfa_required": True,
    "mfa_token": "q3Zt8VwYc1LkR0sXn7PdHb2Mf6GjUe9AoTi4Kx5BvNs",
    "MfaVerification.code": "492039",
    "my_role": "owner",
    "name": "Website",
    "nesting": 32,
    "new_email": "ann.lee@example.org",
    "new_password": "wandering-otter-38",
    "next_cursor": None,
    "normalized": "status = 'todo' AND priority >= 4",
    "number": 12,
    "offset": 10000,
    "otpauth_uri": "otpauth://totp/Worklane%3Aann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    "&issuer=Worklane&algorithm=SHA1&digits=6&period=30",
    "page": 1,
    "page_size": 50,
    "Limits.page_size": 200,
    "pages": 1,
    "parent": None,
    "parent_id": None,
    "password": "correct-horse-7-battery",
    "password_min_length": 8,
    "NewPersonalToken.id": "0199e4c2-b1c2-7d3e-8f40-5162738495a6",
    "NewPersonalToken.name": "Nightly report",
    "NewPersonalToken.token": "wl_pat_7hQ2mZx9KfLw3VtR8cYbN1pJ5sDgA6uE0iTqXoHnMkW03cECC",
    "PersonalToken.id": "0199e4c2-b1c2-7d3e-8f40-5162738495a6",
    "PersonalToken.name": "Nightly report",
    "PersonalTokenCreate.name": "Nightly report",
    "prev_cursor": None,
    "priority": 4,
    "ProblemDescription.code": "project_archived",
    "ProblemDescription.description": "The project is archived; its owner can unarchive it.",
    "ProblemDescription.status": 409,
    "ProblemDescription.title": "The project is archived",
    "Project.description": "The public site and its blog.",
    "Project.id": PROJECT,
    "Project.key": "WEB",
    "ProjectCreate.description": "The public site and its blog.",
    "ProjectCreate.key": "WEB",
    "project_id": PROJECT,
    "project_ids": [PROJECT],
    "ProjectPatch.description": None,
    "ProjectRef.id": PROJECT,
    "ProjectRef.key": "WEB",
    "purge_at": None,
    "ProjectMember.id": BOB,
    "ProjectMember.email": "bob@example.com",
    "ProjectMember.full_name": "Bob Ray",
    "ProjectMember.role": "member",
    "PublicKey.crv": "Ed25519",
    "PublicKey.kty": "OKP",
    "PublicKey.alg": "EdDSA",
    "PublicKey.use": "sig",
    "Readiness.status": "ready",
    "Readiness.database": True,
    "Readiness.migrations": True,
    "recovery_codes": ["7m2q-x0rk-94te", "c5wd-1hpz-8nvj"],
    "refresh_token": "wl_rt_Xk29sQv7TgYb1ZcN4pLw8RmE",
    "registration": "open",
    "request_id": "4f8d2c1b7a6e5039-17",
    "require_if_match": False,
    "role": "user",
    "scopes": ["tasks:read"],
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "since": MORNING,
    "skipped_count": 0,
    "status": "in_progress",
    "Task.id": TASK,
    "task_id": TASK,
    "RelatedTask.id": OTHER_TASK,
    "RelatedTask.key": "WEB-11",
    "RelatedTask.title": "Release 1.4",
    "relation": "blocks",
    "task_ids": [TASK],
    "TaskResult.id": TASK,
    "TaskResult.error": None,
    "TaskResult.outcome": "updated",
    "TaskRef.id": OTHER_TASK,
    "TaskRef.key": "WEB-11",
    "TaskRef.title": "Release 1.4",
    "time": MORNING,
    "timezone": "Europe/Berlin",
    "Transfer.user_id": BOB,
    "title": "Write the release notes",
    "token": "wl_ot_3HnQ8dKc5Vx0RtYw7ZpLb2Ga",
    "token_type": "bearer",
    "ToldEvent.id": "0199e4c3-88bb-7c32-96e7-d8f901234567",
    "ToldEvent.type": "task.updated",
    "total": 1,
    "TotpCode.code": "492039",
    "total_is_exact": True,
    "tree": {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "status"}, "todo"]},
            {"op": ">=", "args": [{"property": "priority"}, 4]},
        ],
    },
    "updated_at": "2026-05-04T10:00:00Z",
    "version": 3,
    "View.filter": "status = 'todo' AND priority >= 4",
    "View.id": VIEW,
    "View.name": "Urgent",
    "View.shared": True,
    "View.sort": "-priority,due_date",
    "ViewCount.count": 12,
    "ViewCreate.name": "Urgent",
    "ViewCreate.shared": True,
    "ViewCreate.sort": "-priority,due_date",
    "versions": [3],
    "Health.version": "0.1.0",
    "Info.version": "0.1.0",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}

# Bodies that would make no sense with every field at once.
BODIES: dict[str, dict[str, Any]] = {
    "TaskCreate": {
        "project_id": PROJECT,
        "title": "Write the release notes",
        "description": "What changed since **1.3**, for people who upgrade.",
        "priority": 4,
        "due_date": "2026-05-29T16:00:00Z",
    },
    "TaskPatch": {"status": "done", "due_date": None},
    # `deleted` is there for nobody else than it is told of.
    "Member": {"id": ANN, "full_name": "Ann Lee", "email": "ann@example.com", "is_active": True},
    "PersonRef": {"id": BOB, "full_name": "Bob Ray"},
    "ProjectPatch": {"name": "Website", "description": None},
    "TasksUpdate": {"task_ids": [TASK], "update_data": {"status": "done"}, "versions": [3], "mode": "atomic"},
    "TaskFieldsPatch": {"status": "done"},
    "ViewPatch": {"name": "Urgent", "sort": "-priority,due_date"},
    "UserPatch": {"full_name": "Ann Lee", "timezone": "Europe/Berlin"},
}

# What some problems hold beside the members of all, by their code.
MEMBERS: dict[str, dict[str, Any]] = {
    "admin_required": {"required_role": "admin"},
    "count_mismatch": {"expected_count": 12, "count": 13},
    "insufficient_role": {"required_role": "member"},
    "insufficient_scope": {"required_scope": "tasks:write"},
    "precondition_failed": {
        "mergeable": False,
        "conflicts": [
            {
                "field": "title",
                "base": "Write the release notes",
                "theirs": "Write the notes of 1.4",
                "yours": "Write the notes for 1.4",
            }
        ],
        "version": 4,
    },
    "dependency_cycle": {"cycle": [TASK, OTHER_TASK]},
    "parent_cycle": {"path": [TASK, OTHER_TASK, TASK]},
    "owns_projects": {"projects": ["WEB"]},
}

# What stands in a path, by the parameter's name: what it is, and an example.
PATHS: dict[str, tuple[str, str]] = {
    "comment": ("The comment's id.", COMMENT),
    "code": ("The code of a problem.", "project_archived"),
    "invitation": ("The invitation's id.", INVITATION),
    "label": ("The label's id.", LABEL),
    "other": ("The other task's id.", OTHER_TASK),
    "personal_token": ("The token's id.", "0199e4c2-b1c2-7d3e-8f40-5162738495a6"),
    "project": ("The project's id or key.", "WEB"),
    "relation": ("What the task is to the other: blocks, blocked_by, relates_to or duplicates.", "blocks"),
    "session": ("The session's id.", "0199e4c2-a0b1-7c2d-8e3f-405162738495"),
    "task": ("The task's id or key.", "WEB-12"),
    "user": ("The person's id.", ANN),
    "view": ("The view's id.", VIEW),
}

# What a field that has no line above gets; a test lists those that need one.
FALLBACK = "text"


def example(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", owner: str = "") -> Any:
    """A value of this schema, as `name` of the object `owner` would hold it."""
    for known in (f"{owner}.{name}", name):
        if known in VALUES:
            return VALUES[known]
    if "$ref" in schema:
        component = schema["$ref"].removeprefix(REF)
        return BODIES.get(component) or example(schemas[component], schemas, "", component)
    if options := schema.get("oneOf", schema.get("anyOf")):
        # One inside another of its kind ends here.
        return None if {"$ref": REF + owner} in options else example(options[0], schemas, name, owner)
    if "properties" in schema:
        return {field: example(value, schemas, field, owner) for field, value in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example(schema["items"], schemas, name, owner)]
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if "null" in schema["type"]:
        return None
    if "format" in schema:
        return {"uuid": TASK, "date-time": MORNING}[schema["format"]]
    return {"boolean": False, "integer": schema.get("minimum", 1), "object": {}}.get(schema["type"], FALLBACK)
