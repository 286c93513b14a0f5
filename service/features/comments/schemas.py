"""Comments on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.comments.domain import Comment
from service.kernel.text import many_lines

# What a reader may know of a comment is what the domain's Comment holds.
CommentResponse = Comment


def said(text: str) -> str | None:
    """What is wrong with the text of a comment."""
    return many_lines(text) or (None if text.strip() else "This must not be blank.")


Body = Annotated[str, Meta(min_length=1, max_length=20_000, description="Markdown.", extra={"check": said})]


class CommentCreate(Struct, forbid_unknown_fields=True):
    """A comment to write."""

    body: Body


class CommentPatch(Struct, forbid_unknown_fields=True):
    """What to change of a comment."""

    body: Body | UnsetType = UNSET
