"""What happens to comments; `data` says on which task, in whose history it stands too, until the comment is purged."""

from service.kernel.events import Event


class CommentCreated(Event, frozen=True):
    """Somebody commented on a task."""

    type = "comment.created"


class CommentUpdated(Event, frozen=True):
    """The text of a comment changed."""

    type = "comment.updated"


class CommentDeleted(Event, frozen=True):
    """A comment was deleted, softly."""

    type = "comment.deleted"


class CommentRestored(Event, frozen=True):
    """A deleted comment came back."""

    type = "comment.restored"


class CommentPurged(Event, frozen=True):
    """A deleted comment was removed for good."""

    type = "comment.purged"
