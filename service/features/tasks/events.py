"""What happens to tasks."""

from service.kernel.events import Event


class TaskCreated(Event, frozen=True):
    """A task was created."""

    type = "task.created"


class TaskUpdated(Event, frozen=True):
    """Fields of a task changed."""

    type = "task.updated"


class TaskCompleted(Event, frozen=True):
    """A task became done."""

    type = "task.completed"


class TaskDeleted(Event, frozen=True):
    """A task was deleted, softly."""

    type = "task.deleted"


class TaskRestored(Event, frozen=True):
    """A deleted task came back."""

    type = "task.restored"


class TaskPurged(Event, frozen=True):
    """A deleted task was removed for good."""

    type = "task.purged"
