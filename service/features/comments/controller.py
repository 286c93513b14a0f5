"""Comments over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from service.features.comments.domain import AuthorRequired, CommentNotFound
from service.features.comments.ports import Comments
from service.features.comments.schemas import CommentCreate, CommentPatch, CommentResponse
from service.features.comments.use_cases import CommentWrites
from service.features.projects.domain import InsufficientRole, ProjectArchived
from service.features.tasks.domain import TaskNotFound
from service.http.decoding import given
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Scope
from service.kernel.errors import PreconditionRequired
from service.wiring import Injected

ORDER = Order(("created_at", "updated_at"), "created_at")


class CommentsQuery(PageQuery, kw_only=True):
    """Which comments of a task to list."""

    include_deleted: Annotated[bool, Meta(description="Deleted ones too; for maintainers and above.")] = False


class TaskCommentController(Controller):
    """The comments on one task."""

    path = "/tasks/{task:str}/comments"
    tags = ("comments",)

    @get("/", Access(Policy.VISIBLE, Scope.TASKS_READ), query=CommentsQuery, order=ORDER, raises=(TaskNotFound, InsufficientRole))
    async def list_comments(
        self, request: ApiRequest, task: FromPath[str], comments: Injected[Comments]
    ) -> Response[Page[CommentResponse]]:
        """List the comments on a task, the oldest first unless told otherwise."""
        query = request.query(CommentsQuery)
        window = query.window(request.scope, ORDER.keys, ORDER.default)
        found = await comments.page(request.actor, task, window, include_deleted=query.include_deleted)
        return respond(request.scope, window, found)

    @post(
        "/",
        Access(Policy.VIEWER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, ProjectArchived),
        validate_only=True,
        fresh=("id",),
    )
    async def create_comment(
        self, request: ApiRequest, task: FromPath[str], data: JSONBody[CommentCreate], comment_writes: Injected[CommentWrites]
    ) -> Response[CommentResponse]:
        """Comment on a task."""
        comment = await comment_writes.create(request.actor, task, data.body)
        return Response(comment, headers={"Location": f"{API}/comments/{comment.id}"})


class CommentController(Controller):
    """Reading, editing, deleting and restoring comments."""

    path = "/comments"
    tags = ("comments",)

    @get("/{comment:str}", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(CommentNotFound,))
    async def get_comment(self, request: ApiRequest, comment: FromPath[str], comments: Injected[Comments]) -> CommentResponse:
        """Read a comment."""
        return await comments.find(request.actor, comment)

    @patch(
        "/{comment:str}",
        Access(Policy.AUTHOR, Scope.TASKS_WRITE),
        raises=(CommentNotFound, AuthorRequired, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def update_comment(
        self, request: ApiRequest, comment: FromPath[str], data: JSONBody[CommentPatch], comment_writes: Injected[CommentWrites]
    ) -> CommentResponse:
        """Edit a comment of your own."""
        return await comment_writes.update(request.actor, comment, given(data), request.precondition)

    @delete(
        "/{comment:str}",
        Access(Policy.AUTHOR_OR_MAINTAINER, Scope.TASKS_WRITE),
        raises=(CommentNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def delete_comment(self, request: ApiRequest, comment: FromPath[str], comment_writes: Injected[CommentWrites]) -> None:
        """Delete a comment."""
        await comment_writes.delete(request.actor, comment, request.precondition)

    @post(
        "/{comment:str}/restore",
        Access(Policy.MAINTAINER, Scope.TASKS_WRITE),
        raises=(CommentNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        status_code=200,
        validate_only=True,
        if_match=True,
    )
    async def restore_comment(
        self, request: ApiRequest, comment: FromPath[str], comment_writes: Injected[CommentWrites]
    ) -> CommentResponse:
        """Bring a deleted comment back."""
        return await comment_writes.restore(request.actor, comment, request.precondition)
